"""The file: readable, comparable, complete, and without keys."""

import asyncio
import json
from pathlib import Path

import pytest
from geppetto.settings.keys import known_keys
from geppetto.settings.load import load_settings
from geppetto.steps.cassettes.play import Player
from geppetto.steps.cassettes.record import Recorder
from geppetto.steps.cassettes.recording import CassetteError
from geppetto.steps.chat.echo import EchoStep
from geppetto.steps.chat.openai import OpenAIStep
from geppetto.steps.chat.script import Script
from geppetto.steps.chat.scripted import ScriptedStep, ScriptPlayer
from geppetto.steps.chat.service import Service
from geppetto.steps.chat.step import ChatParameters
from geppetto.steps.context import StepContext
from geppetto.steps.step import Step
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cassettes.conftest import KEY, Workspace
from tests.providers import fake_openai
from tests.providers.http_server import Server


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "tape.jsonl"


def scripted(*stream: object) -> Step:
    return ScriptedStep(ScriptPlayer(Script.parse({"responses": [{"stream": list(stream)}]})))


async def played(step: Step, input: object) -> list[str]:
    """The payloads of a run, without ids."""
    heard: list[dict] = []

    class Sink:
        async def publish(self, *events) -> None:
            heard.extend(json.loads(event.payload) for event in events)

    try:
        async with asyncio.timeout(60):
            await step.start(StepContext("id", Sink()), input).result()
    except Exception as error:
        assert heard[-1]["type"] == "error", error
    for event in heard:
        event["meta"].pop("message_id", None)
    return [json.dumps(event) for event in heard]


async def test_the_file_reads_like_a_protocol(tape: Path) -> None:
    from geppetto.conversation.models import ChatMessage
    from geppetto.conversation.tree import Conversation

    conversation = Conversation()
    conversation.append(ChatMessage(role="system", text="Be brief."))
    conversation.append(ChatMessage(role="user", text="Hé\n\u2028!"))
    recorder = Recorder(tape)
    step = recorder.step("chatStep", {"model": "m"}, lambda: scripted("A", "B"), chat=True)
    await played(step, conversation)
    recorder.close()
    text = tape.read_text("utf-8")
    lines = [json.loads(line) for line in text.split("\n") if line]
    for line in lines:
        line.pop("at", None)
    assert lines[:4] == [
        {"geppetto_cassette": 1},
        {"request": "chatStep", "options": {"model": "m"}},
        {"message": {"role": "system", "text": "Be brief."}},
        {"message": {"role": "user", "text": "Hé\n\u2028!"}},
    ]
    assert [line["type"] for line in lines[4:]] == ["start", "partial", "partial", "final"]
    assert "Hé" in text and "message_id" not in text and "step_id" not in text
    assert not tape.with_name("tape.jsonl.part").exists()


async def test_steps_stand_in_the_order_in_which_they_were_started(tape: Path) -> None:
    recorder = Recorder(tape)
    slow = recorder.step("slow", {}, lambda: scripted({"delay": "100ms"}, "late"), chat=True)
    fast = recorder.step("fast", {}, EchoStep, chat=True)
    first = asyncio.create_task(played(slow, "a"))
    await asyncio.sleep(0)
    await played(fast, "b")
    part = tape.with_name("tape.jsonl.part").read_text()
    assert "fast" not in part
    await first
    # Before it is closed, so that a run that is killed leaves what it had.
    part = tape.with_name("tape.jsonl.part").read_text()
    assert part.index('"slow"') < part.index('"fast"')
    assert not tape.exists()
    recorder.close()
    recorder.close()
    assert tape.read_text() == part


async def test_a_recording_that_fails_leaves_the_old_cassette(tape: Path) -> None:
    recorder = Recorder(tape)
    await played(recorder.step("one", {}, EchoStep, chat=True), "a")
    recorder.close()
    before = tape.read_text()
    unfinished = Recorder(tape)
    unfinished.step("two", {}, EchoStep, chat=True)
    assert tape.read_text() == before
    with pytest.raises(CassetteError, match="cannot be written"):
        Recorder(tape / "below")
    with pytest.raises(CassetteError, match="cannot be written"):
        Recorder(tape.parent)


async def test_a_listener_that_fails_leaves_no_hole(tape: Path) -> None:
    class Broken:
        async def publish(self, *events: object) -> None:
            raise RuntimeError("no")

    recorder = Recorder(tape)
    step = recorder.step("echo", {}, EchoStep, chat=True)
    await step.start(StepContext(publisher=Broken()), "a b c").result()
    recorder.close()
    assert len(await played(Player(tape).step("echo", {}, EchoStep, chat=True), "a b c")) == 5


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
streams = st.lists(texts | st.just({"usage": {"input_tokens": 3, "output_tokens": 4}}), max_size=8)
ends = st.sampled_from([[], [{"error": {"kind": "quota", "message": "no money"}}], [{"error": "server"}]])


@given(streams, ends, st.dictionaries(texts, st.integers() | texts, max_size=2), texts)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_was_recorded_is_played(
    tmp_path: Path, stream: list, end: list, options: dict, text: str
) -> None:
    tape = tmp_path / "t.jsonl"
    recorder = Recorder(tape)
    recorded = await played(recorder.step("s", options, lambda: scripted(*stream, *end), chat=True), text)
    recorder.close()
    assert recorded == await played(Player(tape).step("s", options, EchoStep, chat=True), text)


async def test_no_key_gets_into_a_cassette(tape: Path, workspace: Workspace) -> None:
    """The service says the key, whole and in pieces, and so does the script."""
    loaded = load_settings(workspace.folder, env={"OPENAI_API_KEY": KEY}).steps
    recorder = Recorder(tape)
    recorder.hide(known_keys(loaded))
    pieces = [KEY[n : n + 5] for n in range(0, len(KEY), 5)]
    async with Server([fake_openai.played(fake_openai.answer("Your key: ", *pieces, "!"))]) as server:
        service = Service(f"{server.address}/v1", KEY)
        step = recorder.step(
            "chatStep", {"stop": [KEY]}, lambda: OpenAIStep(ChatParameters(model="m"), service), chat=True
        )
        said = await played(step, f"my key is {KEY}")
        assert KEY in said[-1]  # whoever asks hears what was said
        await played(
            recorder.step(
                "s", {}, lambda: scripted({"error": {"kind": "auth", "message": f"bad {KEY}"}}), chat=True
            ),
            "x",
        )
    recorder.keep_vectors([f"embed {KEY}"], [[0.5]])
    recorder.close()
    text = tape.read_text()
    assert KEY not in text
    assert text.count("[key]") >= 4
    deltas = "".join(json.loads(line).get("delta", "") for line in text.split("\n") if line)
    assert KEY not in deltas and "Your key: [key]!" in deltas
    Player(tape)


async def test_an_image_counts_by_its_content(tmp_path: Path) -> None:
    from geppetto.conversation.models import ChatMessage, ImageContent
    from geppetto.steps.cassettes.requests import input_json

    def asked(name: str, content: bytes | None) -> str:
        path = tmp_path / name / "i m.png"
        path.parent.mkdir(exist_ok=True)
        if content is not None:
            path.write_bytes(content)
        image = ImageContent(image_url=path.as_uri(), image_name="i m.png", media_type="image/png")
        return json.dumps(input_json([ChatMessage(role="user", text="?", images=(image,))]))

    assert asked("here", b"one") == asked("there", b"one") != asked("elsewhere", b"two")
    assert str(tmp_path) not in asked("here", b"one")
    assert "unreadable" in asked("nowhere", None)
