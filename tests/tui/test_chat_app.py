"""The chat on a terminal, driven by keys."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from geppetto.tui.chat_app import ChatApp, Prompt
from geppetto.tui.prompt_history import PromptHistory
from geppetto.tui.session import ChatSession
from inline_snapshot import snapshot
from textual.pilot import Pilot

from tests.tui.conftest import screen_text, until

Scripted = Callable[..., Path]


@asynccontextmanager
async def chatting(folder: Path, history: Path | None = None) -> "AsyncIterator[tuple[ChatApp, Pilot[Any]]]":
    async with ChatSession(folder) as session:
        app = ChatApp(session, history=PromptHistory(history))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            yield app, pilot


async def write(pilot: "Pilot[Any]", text: str, *, send: bool = True) -> None:
    pilot.app.query_one(Prompt).insert(text)
    if send:
        await pilot.press("enter")


async def test_an_answer_grows_as_markdown_and_is_told_with_what_it_took(scripted: Scripted) -> None:
    pieces = ("# Strings\\n\\nEvery **puppet** ", "has some:\\n\\n- one\\n", "- two\\n\\nThat is all.")
    stream = ", ".join(f'{{ delta: "{piece}" }}, {{ delay: 1.5 }}' for piece in pieces)
    async with chatting(scripted(f"  - stream: [{stream}]\n")) as (app, pilot):
        await write(pilot, "What holds a puppet?")
        await until(pilot, lambda: "Every puppet" in screen_text(app))
        assert "has some" not in screen_text(app)
        await until(pilot, lambda: "• one" in screen_text(app))
        assert "That is all" not in screen_text(app)
        await until(pilot, lambda: "tokens" in screen_text(app))
        shown = [line.strip(" █▌") for line in screen_text(app).splitlines()]
        assert shown[:6] == snapshot(
            ["What holds a puppet?", "Strings", "Every puppet has some:", "• one", "• two", "That is all."]
        )
        assert app.query_one(Prompt).text == ""


async def test_escape_stops_an_answer_and_keeps_what_came(scripted: Scripted) -> None:
    folder = scripted(
        '  - stream: [{ text: "Once upon a time" }, { stall: true }]\n  - stream: [{ text: "Yes." }]\n'
    )
    async with chatting(folder) as (app, pilot):
        await write(pilot, "Tell me a story")
        await until(pilot, lambda: "upon a time" in screen_text(app))
        await write(pilot, "Are you there?")
        await until(pilot, lambda: "still coming" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "stopped" in screen_text(app))
        assert "upon a time" in screen_text(app)
        # What was written meanwhile still stands there.
        await pilot.press("enter")
        await until(pilot, lambda: "Yes." in screen_text(app))


async def test_the_end_in_the_middle_of_an_answer_is_quiet(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    async with chatting(scripted('  - stream: [{ delta: "word ", repeat: 100000, delay: 1ms }]\n')) as (
        app,
        pilot,
    ):
        await write(pilot, "Tell me a story")
        await until(pilot, lambda: "word word" in screen_text(app))
        await pilot.press("ctrl+q")
    assert not caplog.records


async def test_a_failed_answer_says_why_and_can_be_asked_again(scripted: Scripted) -> None:
    folder = scripted(
        '  - { match: Move, stream: [{ error: { kind: server, message: the strings are tangled } }] }\n  - stream: [{ text: "Untangled." }]\n'
    )
    async with chatting(folder) as (app, pilot):
        await write(pilot, "Move!")
        await until(pilot, lambda: "tangled" in screen_text(app))
        await pilot.press("up")
        app.query_one(Prompt).text = app.query_one(Prompt).text.replace("Move", "Dance")
        await pilot.press("enter")
        await until(pilot, lambda: "Untangled." in screen_text(app))


async def test_earlier_questions_come_back_also_in_the_next_chat(scripted: Scripted, tmp_path: Path) -> None:
    folder = scripted('  - stream: [{ text: "One." }]\n  - stream: [{ text: "Two." }]\n')
    kept = tmp_path / "kept" / "questions.jsonl"
    async with chatting(folder, kept) as (app, pilot):
        await write(pilot, "first", send=False)
        await pilot.press("ctrl+j")
        await write(pilot, "with two lines")
        await until(pilot, lambda: "One." in screen_text(app))
        await write(pilot, "second")
        await until(pilot, lambda: "Two." in screen_text(app))
    assert kept.stat().st_mode & 0o777 == 0o600
    async with chatting(folder, kept) as (app, pilot):
        prompt = app.query_one(Prompt)
        await write(pilot, "a draft", send=False)
        await pilot.press("up")
        assert prompt.text == "second"
        await pilot.press("up")
        assert prompt.text == "first\nwith two lines"
        await pilot.press("up")
        assert prompt.text == "first\nwith two lines"  # the first line of it now
        await pilot.press("down", "down", "down")
        assert prompt.text == "a draft"


async def test_another_profile_answers(scripted: Scripted) -> None:
    folder = scripted('  - stream: [{ text: "By the script." }]\n', parrot="echo")
    async with chatting(folder) as (app, pilot):
        await write(pilot, "/profile nobody")
        await until(pilot, lambda: "'nobody'" in screen_text(app))
        await write(pilot, "/profile parrot")
        await until(pilot, lambda: "profile parrot" in screen_text(app))
        await write(pilot, "polly wants")
        await until(pilot, lambda: screen_text(app).count("polly wants") == 2)
        await pilot.press("f2")
        await until(pilot, lambda: "profile parrot" not in screen_text(app))
        await write(pilot, "/retry")
        await until(pilot, lambda: "By the script." in screen_text(app))


async def test_commands(scripted: Scripted, tmp_path: Path) -> None:
    folder = scripted('  - stream: [{ text: "Said." }]\n')
    async with chatting(folder) as (app, pilot):
        await write(pilot, "/copy")
        await until(pilot, lambda: "no answer yet" in screen_text(app))
        await write(pilot, "//slash")
        await until(pilot, lambda: "Said." in screen_text(app))
        assert "/slash" in screen_text(app)
        await pilot.press("ctrl+y")
        assert app.clipboard == "Said."
        saved = tmp_path / "talk.md"
        await write(pilot, f"/save {saved}")
        await until(pilot, saved.exists)
        assert saved.read_text() == "## user\n\n/slash\n\n## assistant\n\nSaid.\n"
        await write(pilot, f"/save {saved}")
        # One word of "cannot be written: File exists.", which is broken into lines wherever the path ends.
        await until(pilot, lambda: "exists." in screen_text(app))
        await write(pilot, "/dance")
        await until(pilot, lambda: "no /dance" in screen_text(app))
        app.query_one(Prompt).text = ""
        await write(pilot, "/new")
        await until(pilot, lambda: "Said." not in screen_text(app))
        await write(pilot, "/retry")
        await until(pilot, lambda: "Nothing was asked yet" in screen_text(app))
        await write(pilot, "/quit")
    assert app.return_code == 0


def test_what_is_kept_is_bounded_and_survives_half_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geppetto.tui.prompt_history.MAX_QUESTIONS", 3)
    path = tmp_path / "questions.jsonl"
    history = PromptHistory(path)
    for number in range(9):
        history.add(f"question {number}")
    assert len(path.read_text().splitlines()) <= 4
    path.write_text(path.read_text() + '"half a li')
    again = PromptHistory(path)
    assert again.older("") == "question 8"
    assert again.older("") == "question 7"


@pytest.mark.parametrize(
    ("begin", "delta", "repeat"),
    [
        pytest.param("", "x" * 1000, 1000, id="a line of a megabyte"),
        pytest.param("| a | b |\n|---|---|\n", "| 1 | two |\n" * 100, 200, id="a table of 20 000 rows"),
        pytest.param("", "ab\n" * 500, 200, id="100 000 short lines"),
        pytest.param("", "- a\n" * 100, 30, id="a list of 3 000 items"),
    ],
)
async def test_keys_are_answered_while_a_flood_comes_and_all_of_it_is_kept(
    scripted: Scripted, tmp_path: Path, begin: str, delta: str, repeat: int
) -> None:
    pieces = f"{{ delta: {json.dumps(begin or ' ')} }}, {{ delta: {json.dumps(delta)}, repeat: {repeat} }}"
    folder = scripted(f'  - stream: [{pieces}, {{ delta: "The very end." }}, {{ stall: true }}]\n')
    whole = (begin or " ") + delta * repeat + "The very end."
    async with chatting(folder) as (app, pilot):
        await write(pilot, "Flood me")
        await until(pilot, lambda: len(app.query("#log > *")) > 2)
        app.query_one(Prompt).focus()
        await pilot.press("h", "i")  # answered while it comes
        assert app.query_one(Prompt).text == "hi"
        await until(pilot, lambda: "The very end." in screen_text(app), 120)
        await pilot.press("escape")
        await until(pilot, lambda: "stopped" in screen_text(app))
        assert "The very end." in screen_text(app)
        assert len(app.query("#log *")) < 10_000
        await pilot.press("ctrl+y")
        assert app.clipboard == whole
        app.query_one(Prompt).text = ""
        await write(pilot, f"/save {tmp_path / 'talk.md'}")
        await until(pilot, (tmp_path / "talk.md").exists)
        assert whole in (tmp_path / "talk.md").read_text("utf-8")
        await write(pilot, "/new")
        await until(pilot, lambda: "The very end." not in screen_text(app))


async def test_a_long_answer_stays_markdown_where_it_can(scripted: Scripted) -> None:
    text = "".join(f"## Part {n}\n\nSome **bold** text.\n\n" for n in range(200))
    folder = scripted(f"  - stream: [{{ text: {json.dumps(text)} }}]\n")
    async with chatting(folder) as (app, pilot):
        await write(pilot, "Tell me all")
        await until(pilot, lambda: "tokens" in screen_text(app), 120)
        await until(pilot, lambda: "Part 199" in screen_text(app))
        assert "**" not in screen_text(app)
        assert not app.query("#log > .plain")


async def test_retry_asks_a_question_again_that_failed(scripted: Scripted) -> None:
    folder = scripted(
        "  - { match: Move, times: 1, stream: [{ error: { kind: auth, message: Knots } }] }\n"
        '  - { match: Move, stream: [{ text: "Untangled." }] }\n'
        '  - stream: [{ text: "Good day." }]\n'
    )
    async with chatting(folder) as (app, pilot):
        await write(pilot, "Hello")
        await until(pilot, lambda: "Good day." in screen_text(app))
        await write(pilot, "Move!")
        await until(pilot, lambda: "Knots" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "Untangled." in screen_text(app))
        await write(pilot, "/retry")
        await until(pilot, lambda: screen_text(app).count("Untangled.") == 2)


async def test_what_is_typed_ahead_and_not_sent_stays(scripted: Scripted) -> None:
    async with chatting(scripted('  - stream: [{ text: "So it is." }, { stall: true }]\n')) as (app, pilot):
        await pilot.press(*"one", "enter", *"two", "enter", *"three")
        await until(pilot, lambda: "So it is." in screen_text(app))
        prompt = app.query_one(Prompt)
        await until(pilot, lambda: "still coming" in screen_text(app))
        assert screen_text(app).splitlines()[0].strip(" █▌") == "one"
        assert prompt.text in ("two\nthree", "twothree")
        prompt.text = ""
        await write(pilot, "/[/b] is what?")
        await until(pilot, lambda: "no /[/b];" in screen_text(app))
        assert prompt.text == "/[/b] is what?"
        prompt.text = ""
        await write(pilot, "/save ~nobody-of-that-name/talk.md")
        await until(pilot, lambda: "written:" in screen_text(app))
        await write(pilot, "/profile [/b]")
        await until(pilot, lambda: "'[/b]'" in screen_text(app))
