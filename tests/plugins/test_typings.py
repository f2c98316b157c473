"""The typings of Python steps: true, strict, and made without harm to whoever asks for them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from geppetto.lsp.typescript.python_types import typings_of
from geppetto.resources import tsc_path, typings_path
from geppetto.settings.find import FOLDERS_VARIABLE

from tests.plugins.conftest import NAMES, Workspace
from tests.waiting import until

# Each value is checked by the compiler against its type, and lives: what a script gets has the shape that is told.
SCRIPT = """\
const exact = <T,>() => <U,>(value: U & (<X>() => X extends T ? 1 : 2 extends <X>() => X extends U ? 1 : 2 ? unknown : never)) => value;
const got: unknown[] = [];

const query: wordCount.Query = {
  text: "a b a", limit: null, mode: "letters", colors: ["red"], pair: [1, "x"], child: { text: "" }, when: "2026-01-01",
};
const [counted] = await wordCount.startAsync(query);
const counts: { [name: string]: number } = counted!.counts;
const best: { word: string; times: number } = counted!.best;
got.push(counts, best);

const [any] = await anything.startAsync({ deep: [1, "x", null] });
const member: JsonValue | undefined = any!["got"];
got.push(member);

const [sum] = await byMethod.startAsync([1, "x"]);
const number: string | number = sum!;
got.push(number);

const [days_] = await days.startAsync(["2026-01-01"]);
const texts: string[] = days_!;
got.push(texts);

const conversation = new Conversation();
conversation.addMessage("user", "hi");
const [said] = await chatty.startAsync(conversation);
const text: string = said!;
got.push(text, await excited.startStream("x").finalText());

// @ts-expect-error
wordCount.startStream({ text: 1 }).on("error", () => {});
// @ts-expect-error
wordCount.startStream({ text: "", mode: "lines" }).on("error", () => {});
// @ts-expect-error
wordCount.startStream({}).on("error", () => {});
// @ts-expect-error
byMethod.startStream([true]).on("error", () => {});
// @ts-expect-error
days.startStream([1]).on("error", () => {});
// @ts-expect-error
excited.startStream(1).on("error", () => {});
// @ts-expect-error
counted!.nothing;

console.log(JSON.stringify(got));
""".split("\n", 1)[1]


@pytest.fixture
def trusted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv(FOLDERS_VARIABLE, str(workspace.folder))
    return workspace


def compile_strictly(folder: Path, *files: Path) -> str:
    """What the compiler has to say."""
    options = {
        "strict": True, "noEmit": True, "target": "esnext", "module": "esnext", "moduleDetection": "force",
        "lib": ["esnext"], "types": [], "noUncheckedIndexedAccess": True, "exactOptionalPropertyTypes": True,
    }  # fmt: skip
    config = {"compilerOptions": options, "files": [str(typings_path()), *map(str, files)]}
    (folder / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    ran = subprocess.run(
        [tsc_path(), "--project", folder / "tsconfig.json"], capture_output=True, encoding="utf-8", timeout=60
    )
    return ran.stdout


async def test_they_agree_with_what_scripts_find(trusted: Workspace, tmp_path: Path) -> None:
    typings, files = await typings_of(trusted.folder)
    assert typings.problems == typings.untrusted == []
    assert files == [trusted.folder / "geppetto.toml"]
    assert typings.files == [str(trusted.folder / f"{trusted.module}.py")]
    (tmp_path / "steps.d.ts").write_text(typings.text, "utf-8")
    script = trusted.write("typed.geppetto.ts", SCRIPT)
    assert compile_strictly(tmp_path, tmp_path / "steps.d.ts", script) == ""

    # Live, every name is there and a step, and the values are what their types say.
    outcome = await trusted.run(
        f"for (const step of [{', '.join(NAMES)}]) if (typeof step.startStream !== 'function') throw step;"
        + SCRIPT.replace(" unknown[]", "")
        .replace("const got:", "const got")
        .replace("const query: wordCount.Query", "const query")
        .replace("!", "")
        .replace(": { [name: string]: number }", "")
        .replace(": { word: string; times: number }", "")
        .replace("const member: JsonValue | undefined", "const member")
        .replace("const number: string | number", "const number")
        .replace("const texts: string[]", "const texts")
        .replace("const text: string", "const text")
    )
    assert not outcome.errors, outcome.errors[0].render()
    assert json.loads(trusted.said[-1]) == [
        {"a": 2, "b": 1}, {"word": "a", "times": 2}, {"deep": [1, "x", None]}, 1, ["2026-01-01"], "1 messages", "!x",
    ]  # fmt: skip


async def test_what_they_say(trusted: Workspace) -> None:
    text = (await typings_of(trusted.folder))[0].text
    assert "declare const anything: Step<JsonValue, { [name: string]: JsonValue }>;" in text
    assert "declare const byMethod: Step<(number | string)[], number | string>;" in text
    assert "declare const chatty: Step<ChatInput, string>;" in text
    assert "declare const wordCount: Step<wordCount.Query, wordCount.Result>;" in text
    line = 1 + (trusted.folder / f"{trusted.module}.py").read_text().split("class WordCount(")[0].count("\n")
    assert f"/**\n * Counts words.\n *\n * In Python: `{trusted.module}:WordCount`, " in text
    assert f"{trusted.module}.py:{line}.\n */" in text
    assert "   * What to count. *\\/ // No end of a comment." in text
    assert "    /**\n     * The text itself.\n     */\n    text: string;" in text
    assert '     * @default "words"\n     */\n    mode?: "words" | "letters" | undefined;' in text


async def test_without_trust_they_only_name_the_steps(workspace: Workspace, tmp_path: Path) -> None:
    mark = workspace.folder / "was-here"
    workspace.write(f"{workspace.module}.py", f"open({str(mark)!r}, 'w')\n")
    typings, _ = await typings_of(workspace.folder)
    assert typings.untrusted == [str(workspace.folder)] and typings.problems == []
    assert all(f"declare const {name}: Step<any, any>;" in typings.text for name in NAMES)
    (tmp_path / "steps.d.ts").write_text(typings.text, "utf-8")
    assert compile_strictly(tmp_path, tmp_path / "steps.d.ts") == ""
    assert not mark.exists() and workspace.module not in sys.modules


HOSTILE = {
    "prints": ("print('{}' * 100000); import sys; sys.stderr.write('x' * 100000)", ""),
    "leaves a thread": (
        "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
        "",
    ),
    "leaves a process": (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', __file__])",
        "",
    ),
    "ends the process": (
        "import os; os.write(2, b'last words'); os._exit(7)",
        "ended with code 7: last words",
    ),
    "crashes": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended with code -11"),
    "never ends": ("while True: pass", "took longer than 3 s"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_code_that_misbehaves_when_it_is_imported(trusted: Workspace, name: str) -> None:
    code, said = HOSTILE[name]
    path = trusted.folder / f"{trusted.module}.py"
    path.write_text(path.read_text().replace("import datetime\n", f"import datetime\n{code}\n", 1))
    trusted.configure(excited="box.excited")
    typings, _ = await typings_of(trusted.folder, seconds=3 if name == "never ends" else 60)
    assert typings.files == [str(path)]
    if said:
        [problem] = typings.problems
        assert (
            said in problem and f"The types of the Python steps of {trusted.folder} are not known" in problem
        )
        assert "declare const excited: Step<any, any>;" in typings.text
    else:
        assert typings.problems == [] and "declare const excited: Step<string, string>;" in typings.text
    await until(
        lambda: not _left_behind(trusted.folder)
    )  # what was killed is gone when the system has had time


def _left_behind(folder: Path) -> list[str]:
    """Processes that were started to import something of a folder, or by what was imported."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode("utf-8", "replace")
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and str(folder) in command:
            found.append(command)
    return found


async def test_settings_that_are_wrong_are_a_problem_and_no_crash(trusted: Workspace) -> None:
    trusted.write("geppetto.toml", '[steps]\nword-count = "x:y"\n')
    typings, _ = await typings_of(trusted.folder)
    assert typings.text == ""
    assert "geppetto.toml:2: steps.word-count: should be a name that a script can use" in typings.problems[0]


def geppetto(workspace: Workspace, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith("GEPPETTO_")}
    return subprocess.run(
        [sys.executable, "-m", "geppetto", *arguments],
        cwd=workspace.folder,
        env={**env, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )


@pytest.mark.timeout(300)
def test_on_the_command_line(workspace: Workspace) -> None:
    workspace.configure(wordCount="WordCount", gone="Gone")
    workspace.write(
        "a.geppetto.js",
        'console.log((await wordCount.startStream({ text: "a", mode: "lines" }).done()).type);\n',
    )
    ran = geppetto(workspace, "run", "a.geppetto.js")
    assert ran.returncode == 1 and f"geppetto trust '{workspace.folder}'" in ran.stderr
    ran = geppetto(workspace, "check")
    assert ran.returncode == 0 and f"geppetto trust '{workspace.folder}'" in ran.stderr
    doctor = json.loads(geppetto(workspace, "doctor", "--json").stdout)
    [step] = [each for each in doctor["findings"] if each["name"] == "step wordCount"]
    assert step["state"] == "note" and step["hint"] == f"geppetto trust '{workspace.folder}'"

    assert geppetto(workspace, "trust").stdout.startswith(f"{workspace.folder} is trusted: ")
    ran = geppetto(workspace, "check")
    assert ran.returncode == 1 and "a.geppetto.js:1:55: error TS2322" in ran.stdout
    assert f"{workspace.module}.py has no Gone" in ran.stderr and "Traceback" not in ran.stderr
    ran = geppetto(workspace, "typings", "--out", "all.d.ts")
    text = (workspace.folder / "all.d.ts").read_text("utf-8")
    assert text.startswith(typings_path().read_text("utf-8"))
    assert "declare const wordCount: Step<wordCount.Query, wordCount.Result>;" in text

    assert "not trusted any more" in geppetto(workspace, "trust", "--remove").stdout
