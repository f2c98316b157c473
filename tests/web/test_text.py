"""From a model's text to what a page may show."""

import asyncio
import json

import pytest
from geppetto.events.models import EventMetadata, FinalEvent, PartialEvent, StepMetadata
from geppetto.web import answer as answering
from geppetto.web.answer import Answer, rendered
from geppetto.web.blocks import MAX_BLOCK, MAX_CODE_BLOCK, BlockSplitter, blocks_of
from geppetto.web.feed import CHUNK_BYTES, KEPT_BYTES, Feed
from geppetto.web.markdown import to_html
from geppetto.web.turns import Turn
from geppetto.web.views import Views
from hypothesis import given, settings
from hypothesis import strategies as st

SAMPLE = """# Title

A *paragraph* with `code`.
It goes on.

- one

- two
  ```py
  def f():

      return 1
  ```
- three

1. a

   b
2. c

```js
f(1)

g(2)
```
Right after the code

| a | b |
|:-:|---|
| 1 | 2 |

> quoted

    indented

    code

~~~
```
~~~
The end"""


@given(st.lists(st.integers(1, 40), min_size=1))
@settings(deadline=None, max_examples=60)
def test_blocks_are_the_same_however_the_text_arrives(sizes: list[int]) -> None:
    splitter, blocks, at, turn = BlockSplitter(), list[str](), 0, 0
    while at < len(SAMPLE):
        blocks += splitter.feed(SAMPLE[at : at + sizes[turn % len(sizes)]])
        assert SAMPLE.startswith("".join(blocks) + splitter.open)
        at += sizes[turn % len(sizes)]
        turn += 1
    assert blocks + splitter.finish() == blocks_of(SAMPLE)
    assert len(blocks) >= 7


def test_rendering_block_by_block_is_rendering_the_whole() -> None:
    assert "".join(to_html(block) for block in blocks_of(SAMPLE)) == to_html(SAMPLE)


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("x" * 200_000, MAX_BLOCK),
        ("- item\n" * 30_000, MAX_BLOCK),
        ("```\n" + "x = 1\n" * 90_000, MAX_CODE_BLOCK),
    ],
)
def test_a_block_is_never_too_much_work(text: str, most: int) -> None:
    blocks = blocks_of(text)
    assert max(map(len, blocks)) <= most + 100
    assert "".join(blocks).replace("```\n", "") == text.replace("```\n", "")


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "<javascript:alert(1)>",
    '[x](http://a "onmouseover=alert(1)")',
    "![x](http://evil.example/?secret)",
    '![x" onerror="alert(1)](http://a)',
    "```<script>\nalert(1)\n```",
    '```"onload="alert(1)\n</code></pre><script>alert(1)</script>\n```',
    "| <script>alert(1)</script> |\n|---|\n| <b onclick=alert(1)> |",
    '<div hx-get="/c" hx-trigger="load" id="t-1" class="toast" style="position:fixed">',
    "<iframe src=//evil></iframe><base href=//evil><form action=//evil><input name=a>",
    "<style>*{display:none}</style><link rel=stylesheet href=//evil>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_becomes_active(text: str) -> None:
    from html.parser import HTMLParser

    class Look(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in set("p a div span pre code button table thead tbody tr th td".split()), tag
            for name, value in attrs:
                assert name in {"href", "title", "target", "rel", "class", "type", "data-copy", "tabindex"}, (
                    name
                )
                if name == "href":
                    assert value and value.startswith(("http://", "https://", "mailto:")), value

    Look().feed(to_html(text))
    assert "<img" not in to_html(text)


def test_code_is_coloured_only_by_known_lexers() -> None:
    assert 'class="tok-k"' in to_html("```python\nreturn 1\n```")
    assert "tok-" not in to_html("```brainfuck\n+++\n```")


# --- the feed


def test_a_reader_goes_on_anywhere_and_is_told_when_it_cannot() -> None:
    feed = Feed()
    for number in range(5000):
        feed.add("tail", {"text": "x" * 500, "number": number})
    assert sum(map(len, feed._events)) <= KEPT_BYTES  # pyright: ignore[reportPrivateUsage]
    assert feed.after(0) is None
    place, seen = feed.end - 100, list[int]()
    while (found := feed.after(place)) and found[0]:
        chunk, place = found
        assert len(chunk) < CHUNK_BYTES + 1000
        seen += [json.loads(line[6:])["number"] for line in chunk.decode().split("\n") if line[:5] == "data:"]
    assert seen == list(range(4900, 5000))
    assert feed.place(feed.id()) == feed.end
    for other in (
        "",
        "x",
        Feed().id(),
        f"{feed.name}-",
        f"{feed.name}-{feed.end + 1}",
        f"{feed.name}--1",
        "-" * 999,
    ):
        assert feed.place(other) is None


# --- an answer


def _events(turn: Turn, deltas: list[str]) -> list[PartialEvent | FinalEvent]:
    meta, step = EventMetadata(message_id="m"), StepMetadata(step_id=turn.id, type="test")
    partials = [PartialEvent(meta=meta, step=step, delta=delta) for delta in deltas]
    return [*partials, FinalEvent(meta=meta, step=step, text="".join(deltas))]


@pytest.mark.parametrize("kind", ["one paragraph", "one list", "code", "paragraphs"])
async def test_what_travels_grows_with_the_text_and_not_with_its_square(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PAUSE", -1.0)  # every delta is sent by itself

    async def travelled(words: int) -> int:
        between = {"one paragraph": " ", "one list": "\n- ", "code": "\n", "paragraphs": "\n\n"}[kind]
        text = ("```text\n" if kind == "code" else "") + between.join(f"word{n}" for n in range(words))
        turn, size = Turn("assistant", status="streaming"), 0
        feed = Feed()
        feed.add = lambda event, data: sized.append(len(str(data)))  # type: ignore[method-assign]
        sized: list[int] = []
        answer = Answer(turn, feed, Views())
        for event in _events(turn, [text[n : n + 4] for n in range(0, len(text), 4)]):
            await answer.take(event)
        assert turn.status == "done" and turn.text == text
        assert answer.blocks == rendered(turn, Views())
        size = sum(sized)
        await asyncio.sleep(0)
        return size

    small, large = await travelled(150), await travelled(600)
    assert large < 6 * small  # the text is 4.3 times as long
