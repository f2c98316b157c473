"""What is kept, and what a stop or a crash leaves."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from geppetto.errors import GeppettoError
from geppetto.web.server import ServerOptions, serve

from tests.web.conftest import PATIENCE, Server, Starter


def answers(page: str) -> list[tuple[str, str, str]]:
    """Status, text and what stands below, of each answer on a page."""
    found = re.findall(
        r'data-turn="\w+" data-status="(\w+)" aria-label="Answer">(.*?)<p class="typing"(.*?)</article>',
        page,
        re.S,
    )
    return [(status, re.sub(r"<[^>]*>|\s+", " ", body).strip(), below) for status, body, below in found]


def done(page: str) -> bool:
    return bool(answers(page)) and answers(page)[-1][0] != "streaming"


def _turns(page: str, role: str) -> list[str]:
    return re.findall(rf'<article class="turn {role}" id="t-(\w+)"', page)


def test_conversations_outlive_the_server_and_what_was_coming_is_kept_as_far_as_it_came(
    start: Starter,
) -> None:
    server = start()
    first, _ = server.ask("Hello there\nsecond line")
    server.wait_for(first, done)
    server.ask("What about the weather?", first)
    before = server.wait_for(first, lambda page: done(page) and len(answers(page)) == 2)
    second, _ = server.ask("Talk without end")
    server.request(f"/c/{second}/title", {"title": "  Renamed <b>  "})
    server.wait_for(second, lambda page: len(answers(page)[0][1]) > 100)
    server.stop(signal.SIGTERM)

    server = start()
    after = server.page(first)
    assert answers(after) == answers(before)
    assert "weather" in after and "sunny" in after
    listed = server.request("/conversations")[1]
    assert re.findall(r">([^<]+)</a>", listed) == ["Renamed &lt;b&gt;", "Hello there"]
    _check_interrupted(server.page(second))
    # And the conversation goes on.
    server.ask("Hello", second)
    server.wait_for(second, lambda page: done(page) and len(answers(page)) == 2)
    assert server.request(f"/c/{first}", method="DELETE")[0] == 204
    assert server.request(f"/c/{first}")[2]["location"] == "/"
    third, _ = server.ask("Talk without end")
    _wait_until_saved(start, third)
    server.stop(signal.SIGKILL)

    server = start()
    _check_interrupted(server.page(third))
    assert first not in server.request("/conversations")[1]
    assert (start.folder / "state" / "web" / "conversations.sqlite").stat().st_mode & 0o077 == 0


def _check_interrupted(page: str) -> None:
    ((status, text, below),) = answers(page)
    assert status == "interrupted" and "Stopped" in below
    assert text.startswith("more and more more and more")


def _wait_until_saved(start: Starter, conversation: str) -> None:
    import time

    wal = start.folder / "state" / "web" / "conversations.sqlite-wal"
    deadline = time.monotonic() + PATIENCE
    row = conversation.encode() + rb'\w{32}assistantstreaming\[\{"type":"text","text":"more and more more'
    while not re.search(row, wal.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_tools_of_ones_own_are_called(start: Starter) -> None:
    (start.folder / "tools.py").write_text("def weather(city: str) -> str:\n    return f'Rain in {city}!'\n")
    with (start.folder / "geppetto.toml").open("a") as settings:
        settings.write('[tools]\nweather = "tools:weather"\n')
    user = start.folder / "config" / "geppetto"
    user.mkdir(parents=True)
    (start.folder / "geppetto.toml").rename(user / "geppetto.toml")
    for name in ("tools.py", "model.yaml"):
        (start.folder / name).rename(user / name)
    server = start("--tool", "weather")
    conversation, _ = server.ask("What about the weather?")
    page = server.wait_for(conversation, done)
    assert "Rain in Paris!" in page and 'class="tool"' in page


def test_stop_keeps_what_was_said_and_the_next_question_is_answered(server: Server) -> None:
    conversation, _ = server.ask("Talk without end")
    server.wait_for(conversation, lambda page: len(answers(page)[0][1]) > 100)
    assert server.request("/chat", {"text": "Hello", "conversation": conversation})[0] == 409
    assert server.request(f"/c/{conversation}/stop", {})[0] == 204
    page = server.wait_for(conversation, done)
    assert answers(page)[0][0] == "interrupted" and "more and more" in answers(page)[0][1]
    server.ask("Hello", conversation)
    page = server.wait_for(conversation, lambda page: done(page) and len(answers(page)) == 2)
    assert answers(page)[1][:2] == ("done", "You said: Hello")


def test_editing_and_asking_again_keep_the_other_versions(server: Server) -> None:
    conversation, _ = server.ask("First")
    page = server.wait_for(conversation, done)
    (question,), (answer,) = _turns(page, "user"), _turns(page, "assistant")
    at = f"/c/{conversation}"
    assert server.request(f"{at}/edit", {"turn": question, "text": "Second"})[0] == 204
    page = server.wait_for(conversation, done)
    assert [text for _, text, _ in answers(page)] == ["You said: Second"] and "2 / 2" in page
    (second,) = _turns(page, "assistant")
    assert server.request(f"{at}/retry", {"turn": second, "profile": "parrot"})[0] == 204
    page = server.wait_for(conversation, done)
    assert [text for _, text, _ in answers(page)] == ["Second"]  # the other profile echoes
    assert server.request(f"{at}/show", {"turn": answer})[0] == 204
    assert [text for _, text, _ in answers(server.page(conversation))] == ["You said: First"]
    for path, values in (
        ("retry", {"turn": question}),
        ("edit", {"turn": answer, "text": "x"}),
        ("show", {"turn": "x"}),
    ):
        assert server.request(f"{at}/{path}", values)[0] == 404


def test_a_question_has_room_for_a_million_characters_of_any_script(server: Server) -> None:
    conversation, _ = server.ask("字" * 1_000_000, profile="parrot")
    assert answers(server.wait_for(conversation, done))[0][1].count("字") == 1_000_000
    status, body, _ = server.request("/chat", {"text": "字" * 1_000_001})
    assert status == 400 and "1,000,001 of 1,000,000 characters" in body


def test_an_error_is_told_with_what_came_before_it(server: Server) -> None:
    conversation, _ = server.ask("Please fail")
    ((status, text, below),) = answers(server.wait_for(conversation, done))
    assert status == "error" and text == "I begin to"
    assert "too much to do" in below


def test_settings_that_are_wrong_are_the_answer(start: Starter) -> None:
    server = start()
    (start.folder / "geppetto.toml").write_text('[chat]\nprovider = "opnai"\n')
    conversation, _ = server.ask("Hello")
    ((status, _, below),) = answers(server.wait_for(conversation, done))
    assert status == "error" and "geppetto.toml:2" in below and "openai" in below


def test_without_configuration_it_echoes_and_says_so(start: Starter) -> None:
    for name in ("geppetto.toml", "model.yaml"):
        (start.folder / name).unlink()
    server = start()
    assert "No model is configured" in server.log.read_text()
    assert "No model is configured" in server.request("/")[1]
    conversation, _ = server.ask("Hello *you*")
    ((_, text, below),) = answers(server.wait_for(conversation, done))
    assert text.split() == ["Hello", "you"] and "echo" in below


def test_what_cannot_be_served_is_one_clear_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**options: Any) -> str:
        with pytest.raises(GeppettoError) as error:
            serve(ServerOptions(tmp_path, **{"port": 0, **options}))
        return f"{error.value} {error.value.hint}"

    monkeypatch.setenv("GEPPETTO_STATE_DIR", str(tmp_path / "state"))
    no_database = tmp_path / "text"
    no_database.write_text("this is a text and no database, " * 100)
    assert "cannot be opened" in refused(data=no_database)
    taken = server.folder / "state" / "web" / "conversations.sqlite"
    assert re.search("in use by another .* --data FILE", refused(data=taken))
    assert re.search(f"port {server.port}.* --port", refused(port=server.port))
    assert "Cannot listen on 192.0.2.1" in refused(host="192.0.2.1")
    assert "no tool named hammer" in refused(tools=("hammer",))
    assert "no bus for 'carrier" in refused(bus="carrier://pigeon")


def test_a_turn_is_copied_as_it_was_written(server: Server) -> None:
    conversation, answer = server.ask("What about the weather?")
    server.wait_for(conversation, done)
    _, text, headers = server.request(f"/c/{conversation}/text?turn={answer}")
    assert text == "Let me look.\n\nIt is **sunny**."
    assert headers["content-type"].startswith("text/plain")
    assert json.loads(server.request("/chat", {"text": "x"})[1])["conversation"] != conversation
