"""Steps and tools in Python as scripts find them."""

import json
import sys
import textwrap
from pathlib import Path

import platformdirs
import pytest
from geppetto.plugins.errors import PluginError
from geppetto.plugins.tools import tool_of
from geppetto.runtime.errors import ScriptError
from geppetto.steps.cassettes.play import Player
from geppetto.steps.cassettes.record import Recorder

from tests.plugins.conftest import STEPS, Workspace

TELL = """\
const tell = async (stream) =>
  console.log(JSON.stringify(await stream.done().then((end) => end.result, (e) => `${e.code}: ${e.message}`)));
"""

CASES: dict[str, tuple[str, object]] = {
    "typed": (
        'wordCount.startStream({ text: "a b a" })',
        {"counts": {"a": 2, "b": 1}, "best": {"word": "a", "times": 2}},
    ),
    "every wrong place": (
        'wordCount.startStream({ text: 1, limit: "x", colors: ["red", "green"], child: {} })',
        "invalid_input: TypeError: wordCount: input.text should be a valid string, not 1; input.limit should be a "
        "valid integer, not \"x\"; input.colors[1] should be 'red' or 'blue', not \"green\"; and 1 more",
    ),
    "missing": ("wordCount.startStream({})", "invalid_input: TypeError: wordCount: input.text is missing"),
    "nothing": (
        "wordCount.startStream()",
        "invalid_input: TypeError: wordCount: input should be an object, not nothing",
    ),
    "strict": (
        "byMethod.startStream([1, true])",
        "invalid_input: TypeError: byMethod: input[1] should be a valid integer or should be a valid string, not true",
    ),
    "dates are texts": ('wordCount.startStream({ text: "a", when: "2026-02-30" })', None),
    "json": ("anything.startStream({ a: [1, null, 'ä\\ud800'] })", {"got": {"a": [1, None, "ä\ufffd"]}}),
    "types of the method": ("byMethod.startStream([1, 'x', 2])", 3),
    "none is the text": ("byMethod.startStream(['x'])", ""),
    "generic": ('days.startStream(["2026-01-01", "2026-01-02"])', ["2026-01-02", "2026-01-01"]),
    "text": ('chatty.startStream("hey")', "hey"),
    "an object": ('excited.startStream("hey")', "!hey"),
    "conversation": (
        "chatty.startStream(talk)",
        "1 messages",
    ),
    "no conversation": (
        "wordCount.startStream(talk)",
        "invalid_input: TypeError: wordCount: input.text is missing",
    ),
    "not a conversation": (
        "chatty.startStream({ conversation: 'no' })",
        'invalid_input: TypeError: chatty: input should be a text or a Conversation, not {"conversation": "no"}',
    ),
    "result of another type": (
        'liar.startStream("x")',
        'internal: liar: its result "x" is not the int that it declares:',
    ),
}


async def test_what_goes_in_and_what_comes_out(workspace: Workspace) -> None:
    script = [TELL, 'const talk = new Conversation(); talk.addMessage("user", "hi");']
    script += [f"await tell({call});" for call, _ in CASES.values()]
    outcome = await workspace.run("\n".join(script))
    assert not outcome.errors, outcome.errors[0].render()
    assert len(workspace.said) == len(CASES)
    for (name, (_, expected)), line in zip(CASES.items(), workspace.said, strict=True):
        got = json.loads(line)
        if name == "result of another type":
            assert got.startswith(expected)
        elif expected is None:
            assert "input.when should be a valid date" in got and '"2026-02-30"' in got
        else:
            assert got == expected, name


async def test_events_carry_the_text_and_the_value(workspace: Workspace) -> None:
    outcome = await workspace.run(
        """\
        for await (const event of wordCount.startStream({ text: "a b" }))
          console.log(event.type, event.step.type, event.delta ?? event.text ?? "");
        console.log(await days.startStream(["2026-01-01"]).finalText());
        console.log(wordCount.startBlocking({ text: "x" })[0].best.word);
        """
    )
    assert not outcome.errors
    assert workspace.said == [
        "start wordCount ",
        "partial wordCount a ",
        "partial wordCount b ",
        "final wordCount a b ",
        '["2026-01-01"]',
        "x",
    ]


def message(errors: tuple[ScriptError, ...]) -> str:
    [error] = errors
    return error.message


async def test_without_trust_nothing_is_imported(workspace: Workspace) -> None:
    mark = workspace.folder / "was-here"
    workspace.write(f"{workspace.module}.py", f"open({str(mark)!r}, 'w')\n")
    outcome = await workspace.run("console.log(typeof wordCount);", env={})
    assert workspace.said == ["object"] and not outcome.errors
    outcome = await workspace.run('await wordCount.startStream("x").finalText();', env={})
    said = message(outcome.errors)
    assert f"{workspace.folder}/geppetto.toml:2 names Python code for the step wordCount" in said
    assert f"geppetto trust '{workspace.folder}'" in said
    assert not mark.exists() and workspace.module not in sys.modules
    # Trusted, it is imported, but not before a script needs it.
    await workspace.run("console.log(typeof wordCount);")
    assert not mark.exists()
    await workspace.run('wordCount.startStream("x").on("error", () => {});')
    assert mark.exists()


BROKEN = {
    "syntax": ("x = (\n", "PATH:1: SyntaxError: '(' was never closed"),
    "raises": ("import json\n\ndef f():\n    json.loads('{')\nf()\n", "PATH:4: JSONDecodeError: Expecting"),
    "exits": ("import sys\nsys.exit(3)\n", "PATH:2: SystemExit: 3"),
    "lacks a module": ("import no_such_module\n", "PATH:1: ModuleNotFoundError: No module named 'no_such_module'"),
    "lacks the name": ("x = 1\n", "PATH has no It"),
    "no step": ("def It(): ...\n", ":It is a function, and not a geppetto.steps.step.Step"),
    "no step but a class": ("class It: ...\n", ":It is another class, and not"),
    "abstract": ("from geppetto.steps.step import Step\nclass It(Step[str, str]): ...\n", ":It has no method run"),
    "constructor": (
        "from geppetto.steps.step import Step\nclass It(Step[str, str]):\n    def __init__(self, x): ...\n"
        "    async def run(self, run, input): ...\n",
        "TypeError: It.__init__() missing 1 required positional argument: 'x'",
    ),
    "unknown type": (
        "from geppetto.steps.step import Step\nclass It(Step['Nothing', str]):\n    async def run(self, run, input): ...\n",
        "its type ForwardRef('Nothing') is not known: name 'Nothing' is not defined",
    ),
    "not json": (
        "from geppetto.steps.step import Step\nclass X: ...\nclass It(Step[X, str]):\n"
        "    async def run(self, run, input): ...\n",
        "its type X cannot be said in JSON",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_loaded_says_where_and_disturbs_nobody(workspace: Workspace, name: str) -> None:
    text, said = BROKEN[name]
    broken = workspace.write(f"{workspace.module}_broken.py", text)
    workspace.configure(it=f"{workspace.module}_broken:It", excited="box.excited")
    outcome = await workspace.run(
        TELL
        + 'await tell(it.startStream("x")); await tell(excited.startStream("x")); it.startStream("again");'
    )
    first, second = workspace.said
    assert json.loads(second) == "!x"
    assert first.startswith('"plugin: the step it: ') and said.replace("PATH", str(broken)) in json.loads(
        first
    )
    assert f"{workspace.folder}/geppetto.toml:2 names" in first
    # The one that nobody listens to fails the run, at its place in the script.
    assert "test.geppetto.js:3" in outcome.errors[0].render()


async def test_modules_that_are_not_there_or_not_the_ones_meant(workspace: Workspace) -> None:
    workspace.write("json.py", "It = 1\n")
    workspace.configure(gone="no_such_steps.deep:It", hidden="json:It", inner="plugin_test_package.steps:It")
    workspace.write("plugin_test_package/__init__.py", "")
    workspace.write(
        "plugin_test_package/steps.py",
        "from geppetto.steps.step import Step\nfrom plugin_test_package.words import WORD\n"
        "class It(Step[str, str]):\n    async def run(self, run, input): return WORD\n",
    )
    workspace.write("plugin_test_package/words.py", "WORD = 'inner'\n")
    await workspace.run(TELL + "for (const it of [gone, hidden, inner]) await tell(it.startStream(''));")
    gone, hidden, inner = map(json.loads, workspace.said)
    assert f"there is no module no_such_steps in {workspace.folder} or among the installed" in gone
    assert "pip" not in gone and sys.executable in gone
    assert "the module json is " in hidden and "and not the one in" in hidden
    assert inner == "inner"


async def test_names_that_are_taken_are_left_out(workspace: Workspace) -> None:
    workspace.configure(chatStep="Liar", Map="Liar", excited="box.excited")
    outcome = await workspace.run("console.log(await excited.startStream('x').finalText(), new Map().size);")
    assert not outcome.errors and workspace.said == ["!x 0"]
    assert [text.partition(": ")[2] for text in workspace.notices] == [
        "a step cannot be named Map: this name is taken",
        "a step cannot be named chatStep: this name is taken",
    ]


async def test_the_users_own_file_and_packages_need_no_trust(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = platformdirs.user_config_path("geppetto", appauthor=False)
    folder.mkdir(parents=True)
    own = workspace.module + "_own"
    step = "from geppetto.steps.step import Step\nclass It(Step[str, str]):\n    async def run(self, run, input): return {!r}\n"
    (folder / f"{own}.py").write_text(step.format("mine"))
    (folder / "geppetto.toml").write_text(f'[steps]\nmine = "{own}:It"\nboth = "{own}:It"\n')
    site = tmp_path / "site"
    (site / "plugin_words-1.0.dist-info").mkdir(parents=True)
    (site / "plugin_words-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: plugin-words\nVersion: 1.0\n"
    )
    (site / "plugin_words-1.0.dist-info" / "entry_points.txt").write_text(
        f"[geppetto.steps]\npacked = {own}_packed:It\nboth = {own}_packed:It\n"
    )
    (site / f"{own}_packed.py").write_text(step.format("packed"))
    monkeypatch.syspath_prepend(str(site))
    (workspace.folder / "geppetto.toml").unlink()
    outcome = await workspace.run(
        "for (const it of [mine, packed, both]) console.log(await it.startStream('').finalText());", env={}
    )
    assert not outcome.errors, outcome.errors[0].render()
    assert workspace.said == ["mine", "packed", "mine"]


async def test_a_cassette_plays_a_step_without_its_code(workspace: Workspace, tmp_path: Path) -> None:
    script = (
        TELL + 'await tell(wordCount.startStream({ text: "a b a" })); await tell(chatty.startStream("x"));'
    )
    recorder = Recorder(tmp_path / "tape.jsonl")
    await workspace.run(script, cassette=recorder)
    recorder.close()
    recorded = workspace.said
    assert '"input":{"text":"a b a"}' in (tmp_path / "tape.jsonl").read_text().replace('": ', '":')
    workspace.write(f"{workspace.module}.py", "raise SystemExit")
    del sys.modules[workspace.module]
    outcome = await workspace.run(script, env={}, cassette=Player(tmp_path / "tape.jsonl"))
    assert not outcome.errors and workspace.said == recorded


async def test_a_slow_import_does_not_hold_up_the_script(workspace: Workspace) -> None:
    gate = workspace.folder / "gate"
    workspace.write(
        f"{workspace.module}_slow.py",
        textwrap.dedent(
            f"""\
            import pathlib, time
            from {workspace.module} import Chatty
            end = time.monotonic() + 60
            while not pathlib.Path({str(gate)!r}).exists() and time.monotonic() < end:
                time.sleep(0.01)
            """
        ),
    )
    workspace.write(
        f"{workspace.module}.py",
        STEPS
        + f"\nclass Gate(Step[str, str]):\n    async def run(self, run, input):\n        open({str(gate)!r}, 'w'); return 'open'\n",
    )
    workspace.configure(slow=f"{workspace.module}_slow:Chatty", gate="Gate")
    outcome = await workspace.run(
        """\
        const waiting = slow.startStream("slow").finalText();
        const cancelled = slow.startStream("never");
        console.log(await gate.startStream("").finalText());
        console.log(await waiting);
        await cancelled.finalText();
        """
    )
    assert not outcome.errors and workspace.said == ["open", "slow"]


TOOLS = '''\
import asyncio
from pydantic import BaseModel

class Place(BaseModel):
    city: str

async def weather(place: Place, days: int = 1) -> list[str]:
    """Tells the weather.

    Args:
        place: where.
        days: how many days,
            at most 7.
    """
    await asyncio.sleep(0)
    return [f"{place.city} {day}" for day in range(days)]

def broken(x: int) -> int:
    raise ValueError("no luck")
'''

MODEL = """\
- stream:
    - tool_call: { name: weather, input: { place: { city: Pisa }, days: 2 } }
    - tool_call: { name: broken, input: { x: "1" } }
    - tool_call: { name: broken, input: { x: 1 } }
    - tool_call: { name: clock, input: {} }
    - done
"""


def test_a_function_becomes_a_tool() -> None:
    module: dict[str, object] = {"__name__": __name__}
    exec(compile(TOOLS, "tools", "exec"), module)
    definition, _ = tool_of("weather", module["weather"])  # type: ignore[arg-type]
    assert definition.description == "Tells the weather."
    assert definition.parameters["required"] == ["place"]
    properties = definition.parameters["properties"]
    assert isinstance(properties, dict)
    assert properties["days"] == {
        "default": 1, "title": "Days", "type": "integer", "description": "how many days, at most 7.",
    }  # fmt: skip
    with pytest.raises(PluginError, match="by name"):
        tool_of("x", lambda *args: None)


async def test_a_model_calls_only_the_tools_that_the_step_names(workspace: Workspace) -> None:
    workspace.write(f"{workspace.module}_tools.py", TOOLS)
    workspace.write(
        "geppetto.toml",
        f'[chat]\nprovider = "scripted"\nscript = "model.yaml"\n[tools]\nweather = "{workspace.module}_tools:weather"\n'
        f'broken = "{workspace.module}_tools:broken"\ngone = "{workspace.module}_tools:gone"\n',
    )
    workspace.write("model.yaml", MODEL)
    outcome = await workspace.run(
        """\
        const answer = async (options) => {
          for await (const event of chatStep.startStream("weather?", options)) {
            if (event.type === "tool-result") console.log(JSON.stringify(event.toolResult.result));
            if (event.type === "error") console.log(event.error);
          }
        };
        defineTool({ name: "clock", description: "The time", handler: () => "noon" });
        await answer({ tools: ["weather", "broken", "clock"] });
        await answer({});
        await answer({ tools: ["gone"] });
        """
    )
    assert not outcome.errors, outcome.errors[0].render()
    named, unnamed, last = workspace.said[:4], workspace.said[4:8], workspace.said[8]
    assert sorted(map(json.loads, named), key=str)[:2] == [
        ["Pisa 0", "Pisa 1"],
        "broken failed: ValueError: no luck",
    ]
    assert any("is not of type 'integer'" in each for each in named) and '"noon"' in named
    assert sum("there is no tool named" in each for each in unnamed) == 3
    assert f"{workspace.module}_tools.py has no gone" in last
