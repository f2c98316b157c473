"""What was recorded is played: event for event, without the model, and with the script's own tools."""

import asyncio
import json
from pathlib import Path

import pytest
from geppetto.steps.cassettes.play import Player
from geppetto.steps.cassettes.record import Recorder
from geppetto.steps.cassettes.recording import CassetteError

from tests.cassettes.conftest import Ran, Workspace

SCRIPT = """
const weather = defineTool({
  name: "weather", description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  handler: async ({ city }) => { console.log("called for", city); return { city, sky: SKY }; },
});
const conversation = new Conversation();
conversation.addMessage("system", "Be brief.");
conversation.addMessage("user", "What is the weather in Paris?");
const stream = chatStep.startStream(conversation);
let seen = "";
for await (const event of stream) seen += event.type === "partial" ? event.delta + "|" : event.type + " ";
console.log(seen);
console.log(await stream.finalText());

const factory = new ChatStepFactory();
const [a, b] = await Promise.all(["one", "two"].map((text) =>
  factory.newStep({ temperature: 0.5 }).startStream(text).finalText()));
console.log(a, "/", b);
try { await chatStep.startStream("fail, please").finalText(); }
catch (error) { console.log("failed:", error.code, error.message); }

const long = chatStep.startStream("count");
long.on("partial", () => long.cancel());
console.log(JSON.stringify((await long.done()).type));
"""

ANSWERS = """
model: demo-1
responses:
  - match: weather
    stream:
      - "Let me "
      - "look."
      - tool_call: { name: weather, input: { city: Paris } }
      - "It is {{tool.weather}}."
      - usage: { input_tokens: 12, output_tokens: 7 }
  - match: fail
    stream: ["Well, ", { error: { kind: quota, message: "no more money" } }]
  - match: count
    stream: ["1 ", { delay: 20ms }, "2 ", { delay: 30s }, "3 "]
  - match: one
    stream: ["1", { delay: 50ms }, " is done"]
  - match: two
    stream: ["2 is done"]
"""


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


def configure(workspace: Workspace) -> None:
    workspace.write("answers.yaml", ANSWERS)
    workspace.write("geppetto.toml", '[chat]\nprovider = "scripted"\nscript = "answers.yaml"\n')


async def record(workspace: Workspace, tape: Path, script: str) -> Ran:
    configure(workspace)
    recorder = Recorder(tape)
    ran = await workspace.run(recorder, script)
    recorder.close()
    return ran


async def replay(workspace: Workspace, tape: Path, script: str | None = None) -> Ran:
    """Where there is no model, and no settings for one."""
    for name in ("answers.yaml", "geppetto.toml"):
        (workspace.folder / name).unlink(missing_ok=True)
    return await workspace.run(Player(tape), script)


async def test_a_run_is_played_event_for_event(workspace: Workspace, tape: Path) -> None:
    script = SCRIPT.replace("SKY", '"blue"')
    recorded = await record(workspace, tape, script)
    assert recorded.kind == "ok", recorded.errors
    assert recorded.lines[0] == "called for Paris"
    assert "tool-call tool-result" in recorded.lines[1]
    assert {stream[-1]["type"] for stream in recorded.streams} == {"final", "error", "interrupt"}
    played = await replay(workspace, tape)
    assert played.kind == "ok", played.errors
    assert played.lines == recorded.lines
    assert sorted(map(json.dumps, played.streams)) == sorted(map(json.dumps, recorded.streams))
    assert played.streams[0][-1]["meta"]["usage"]["input_tokens"] >= 12


async def test_a_recording_of_a_replay_is_the_same_cassette(workspace: Workspace, tape: Path) -> None:
    script = SCRIPT.replace("SKY", '"blue"')
    await record(workspace, tape, script)

    class Both:
        """Plays, and records what was played."""

        def __init__(self) -> None:
            self.player, self.recorder = Player(tape), Recorder(again)

        def step(self, name, options, make, *, chat):
            return self.recorder.step(
                name, options, lambda: self.player.step(name, options, make, chat=chat), chat=chat
            )

        def embeddings(self, make):
            return self.player.embeddings(make)

        def hide(self, keys):
            self.recorder.hide(keys)

    again = tape.with_name("again.jsonl")
    both = Both()
    await workspace.run(both)
    both.recorder.close()

    def without_times(path: Path) -> list[dict]:
        lines = [json.loads(line) for line in path.read_text().split("\n") if line]
        return [{name: value for name, value in line.items() if name != "at"} for line in lines]

    ours = [line for line in without_times(tape) if "embeddings" not in line]
    assert without_times(again) == ours


async def test_a_tool_that_gives_something_else_is_told(workspace: Workspace, tape: Path) -> None:
    await record(workspace, tape, SCRIPT.replace("SKY", '"blue"'))
    played = await replay(workspace, tape, SCRIPT.replace("SKY", '"grey"'))
    assert played.kind == "error"
    assert "the tool weather did not give what it gave" in played.errors
    assert 'result.sky: recorded "blue", now "grey"' in played.errors


async def test_a_miss_names_the_nearest_and_what_differs(workspace: Workspace, tape: Path) -> None:
    script = SCRIPT.replace("SKY", '"blue"')
    await record(workspace, tape, script)
    played = await replay(workspace, tape, script.replace("weather in Paris", "weather in Rome"))
    assert played.kind == "error"
    assert f"{tape}: this request of chatStep was not recorded" in played.errors
    assert (
        'input[1].text: recorded "…t is the weather in Paris?", now "…t is the weather in Rome?"'
        in played.errors
    )
    assert "Record it again with --record" in played.errors
    played = await replay(workspace, tape, script.replace("temperature: 0.5", "temperature: 0.7"))
    assert "options.temperature: recorded 0.5, now 0.7" in played.errors
    played = await replay(workspace, tape, script.replace("The weather of a city.", "Weather."))
    assert 'tools[0].description: recorded "The weather of a city.", now "Weather."' in played.errors


async def test_the_same_request_is_played_as_often_as_it_was_recorded(
    workspace: Workspace, tape: Path
) -> None:
    ask = 'console.log(await chatStep.startStream("one").finalText());\n'
    await record(workspace, tape, ask * 2)
    assert (await replay(workspace, tape, ask * 2)).lines == ["1 is done"] * 2
    played = await replay(workspace, tape, ask * 3)
    assert played.lines == ["1 is done"] * 2
    assert "was recorded 2 times, and is made once more" in played.errors
    player = Player(tape)
    await workspace.run(player, ask)
    assert player.unused == [{"step": "chatStep", "input": "one"}]


async def test_an_empty_cassette_says_so(workspace: Workspace, tape: Path) -> None:
    Recorder(tape).close()
    played = await replay(workspace, tape, 'await chatStep.startStream("one").finalText();')
    assert "no step was recorded" in played.errors


async def test_live_takes_the_time_it_took_and_fast_does_not(workspace: Workspace, tape: Path) -> None:
    script = 'console.log(await chatStep.startStream("one").finalText());'
    await record(workspace, tape, script)
    lines = [json.loads(line) for line in tape.read_text().split("\n") if line]
    slow = [{**line, "at": line["at"] + 0.4} if line.get("at", 0) > 0.02 else line for line in lines]
    tape.write_text("\n".join(map(json.dumps, slow)))
    loop = asyncio.get_running_loop()
    start = loop.time()
    ran = await workspace.run(Player(tape, "live"), script)
    assert ran.lines == ["1 is done"]
    assert loop.time() - start >= 0.4
    never = [{**line, "at": line["at"] * 1000} if "at" in line else line for line in slow]
    tape.write_text("\n".join(map(json.dumps, never)))
    assert (await workspace.run(Player(tape, "fast"), script)).lines == ["1 is done"]


async def test_at_the_live_pace_tools_take_the_time_they_take_today(workspace: Workspace, tape: Path) -> None:
    definition = SCRIPT[: SCRIPT.index("const conversation")].replace("SKY", '"blue"')
    script = f'{definition} console.log(await chatStep.startStream("weather").finalText());'
    recorded = await record(workspace, tape, script)
    slow_tool = False
    lines: list[str] = []
    for text in tape.read_text().split("\n"):
        line = json.loads(text) if text else {}
        slow_tool = slow_tool or line.get("type") == "tool-result"
        lines.append(json.dumps({**line, "at": line["at"] + 1000}) if slow_tool and "at" in line else text)
    assert slow_tool
    tape.write_text("\n".join(lines))
    played = await workspace.run(Player(tape, "live"), script)
    assert (played.kind, played.lines) == ("ok", recorded.lines), played.errors


async def test_a_live_replay_can_be_cancelled(workspace: Workspace, tape: Path) -> None:
    await record(workspace, tape, 'await chatStep.startStream("one").finalText();')
    lines = [json.loads(line) for line in tape.read_text().split("\n") if line]
    never = [{**line, "at": 1000} if line.get("type") == "final" else line for line in lines]
    tape.write_text("\n".join(map(json.dumps, never)))
    ran = await workspace.run(
        Player(tape, "live"),
        """
        const stream = chatStep.startStream("one");
        setTimeout(() => stream.cancel(), 200);
        console.log((await stream.done()).type);
        """,
    )
    assert ran.kind == "ok", ran.errors
    assert ran.streams[0][-1]["type"] == "interrupt"


async def test_embeddings_are_recorded_and_played(workspace: Workspace, tape: Path) -> None:
    script = """
    const texts = ["one", "two", "ü"];
    const all = await Promise.all(texts.map((text) => embeddings.generateEmbeddingAsync(text)));
    console.log(embeddings.getModel(), JSON.stringify(all.map((v) => Array.from(v))));
    console.log(embeddings.generateEmbedding("one")[5] === all[0][5]);
    """
    workspace.write("geppetto.toml", "[embeddings]\ndimensions = 32\n")
    recorder = Recorder(tape)
    recorded = await workspace.run(recorder, script)
    recorder.close()
    played = await replay(workspace, tape)
    assert played.kind == "ok", played.errors
    assert played.lines == recorded.lines
    assert tape.read_text().count('"embedding":') == 3
    played = await replay(workspace, tape, 'embeddings.generateEmbedding("ones");')
    assert 'text: recorded "one", now "ones"' in played.errors


def broken(tape: Path, text: str) -> str:
    tape.write_text(text)
    with pytest.raises(CassetteError) as caught:
        Player(tape)
    return str(caught.value)


HEAD = '{"geppetto_cassette": 1}\n'
START = '{"type": "start", "step": {"type": "x"}, "meta": {}}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": this is not a cassette"),
        ("{}", ":1: this is not a cassette"),
        ("hello", ":1: Expecting value"),
        ("[1]", ":1: each line"),
        ('{"geppetto_cassette": 2}', ":1: a cassette of version 2"),
        (HEAD + '{"type": "start"}', ":2: a request should stand before"),
        (HEAD + '{"request": "s", "input": "a"}\n{"message": {}}', ":3: this request has an input"),
        (HEAD + '{"request": "s"}\n{"type": "partial", "delta": "a"}', ":3: the events of a step are"),
        (HEAD + '{"request": "s"}\n' + START + START, ":4: the events of a step are"),
        (HEAD + '{"request": "s"}\n' + START, ":4: the step recorded last has no end"),
        (
            HEAD + '{"request": "s"}\n{"request": "s"}',
            ":3: before this line: the step recorded last has no end",
        ),
        (HEAD + '{"request": "s"}\n' + START + '{"type": "partial"}', ":4: Not a Geppetto event"),
        (HEAD + '{"request": "s"}\n' + START + '{"type": "tool"}', ":4: Not a Geppetto event"),
        (
            HEAD + '{"request": "s"}\n' + START + '{"at": -1, "type": "final", "text": ""}',
            ":4: `at` should be",
        ),
        (HEAD + '{"embedding": "a", "vector": "AAAA"}', ":2: "),
        (HEAD + '{"embeddings": {"model": "m"}}', ":2: 'dimensions' is missing"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(tape: Path, text: str, said: str) -> None:
    assert f"{tape}{said}" in broken(tape, text)


def test_a_missing_cassette(tape: Path) -> None:
    with pytest.raises(CassetteError, match="No such file") as caught:
        Player(tape)
    assert "--record" in (caught.value.hint or "")
