"""How a long text is cut into pages."""

from geppetto.tui.pages import MOST_CHARACTERS, MOST_LINES, PageKind, Pages
from hypothesis import given, settings
from hypothesis import strategies as st

_LINES = st.sampled_from(
    ["- a\n", "\n", "```\n", "~~~~js\n", "| 1 | 2 |\n", "    indented\n", "# head\n", "no end"]
)


def pages_of(pieces: list[str]) -> list[tuple[PageKind, str]]:
    cutting = Pages()
    pages: list[tuple[PageKind, str]] = []
    for piece in (cut for text in pieces for cut in cutting.cut(text)):
        if piece.page is not None:
            pages.append((piece.page, ""))
        kind, text = pages[-1]
        pages[-1] = kind, text + piece.text
    return pages


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_LINES, st.integers(1, 3_000)), max_size=5), st.integers(1, 5_000))
def test_pages_are_bounded_and_make_up_the_text_however_it_came(
    blocks: list[tuple[str, int]], size: int
) -> None:
    text = "".join(line * count for line, count in blocks)
    pages = pages_of([text])
    assert "".join(page for _, page in pages) == text
    assert all(page.count("\n") <= MOST_LINES and len(page) <= MOST_CHARACTERS for _, page in pages)
    assert pages_of([text[at : at + size] for at in range(0, len(text), size)]) == pages


def test_a_page_ends_between_blocks_and_not_inside_of_code() -> None:
    code = "```python\n" + "x = 1\n\n" * 80 + "```\n\n"
    after = "An end.\n\n"
    assert pages_of(["Begin.\n\n" * 5 + code, after]) == [
        ("markdown", "Begin.\n\n" * 5 + code),
        ("markdown", after),
    ]


def test_what_has_no_end_goes_on_as_plain_text_up_to_the_next_block() -> None:
    rows = "| 1 | 2 |\n"
    assert pages_of([rows * 500, "\nText.\n"]) == [
        ("markdown", rows * MOST_LINES),
        ("plain", rows * MOST_LINES),
        ("plain", rows * (500 - 2 * MOST_LINES) + "\n"),
        ("markdown", "Text.\n"),
    ]
