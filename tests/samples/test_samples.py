"""Every sample runs, from the command line and in an engine, and says what it is meant to say.

What each prints to the console is in `expected/`; the texts of its streams are checked against their own events.
"""

import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from geppetto.lsp.typescript.python_types import typings_of
from geppetto.resources import tsc_path, typings_path
from geppetto.runs.header import read_header
from geppetto.runs.params import bind
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.output import ConsoleLine, Output, StreamEvent
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard
from geppetto.settings.find import FOLDERS_VARIABLE

from tests.samples.conftest import ROOT, SAMPLES, Geppetto

EXPECTED = Path(__file__).parent / "expected"
NAMES = sorted(path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.geppetto.*"))
TRUSTED = {FOLDERS_VARIABLE: str(SAMPLES)}
ENDINGS = ("final", "error", "interrupt")


def expected(name: str) -> str:
    return (EXPECTED / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_from_the_command_line(geppetto: Geppetto, name: str) -> None:
    ran = geppetto("run", str(SAMPLES / name), "--no-stream")
    assert (ran.stdout, ran.stderr, ran.returncode) == (expected(name), "", 0)


@pytest.mark.parametrize("name", NAMES)
async def test_in_an_engine(name: str) -> None:
    shown: list[Output] = []
    declared = bind(name, read_header((SAMPLES / name).read_text("utf-8")), {})
    engine = RuntimeEngine(root=ROOT, limits=Limits(wall_seconds=30), output=shown.append, params=declared)
    engine.add_setup_function(setup_standard((SAMPLES / name).parent, env=TRUSTED))
    async with engine:
        outcome = await engine.run(Script(SAMPLES / name))

    assert outcome.errors == () and outcome.kind == "ok"
    assert "".join(line.text + "\n" for line in shown if isinstance(line, ConsoleLine)) == expected(name)
    streams: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for out in shown:
        if isinstance(out, StreamEvent):
            assert out.place is not None and out.place.file.endswith(name)
            streams[out.step_id].append(json.loads(out.payload))
    assert len(streams) == outcome.steps > 0
    for events in streams.values():
        types = [event["type"] for event in events]
        assert types[0] == "start" and types[-1] in ENDINGS
        assert {"start", *ENDINGS}.isdisjoint(types[1:-1])
        if types[-1] != "error":
            assert "".join(event.get("delta", "") for event in events) == events[-1]["text"]


RECORDED = ["tools-agent.geppetto.js", "semantic-search.geppetto.js"]


def cassette(name: str) -> Path:
    return SAMPLES / "cassettes" / f"{name.partition('.')[0]}.jsonl"


@pytest.mark.parametrize("name", RECORDED)
def test_by_cassette(geppetto: Geppetto, tmp_path: Path, name: str) -> None:
    """Where nothing else can answer: the sample is alone in a folder, without the file its model is played from."""
    (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    shutil.copytree(SAMPLES / "data", tmp_path / "data")
    ran = geppetto("run", name, "--no-stream")
    assert ran.returncode == 1 and ".model.yaml" in ran.stderr
    ran = geppetto("run", name, "--no-stream", "--replay", str(cassette(name)))
    assert (ran.stdout, ran.stderr, ran.returncode) == (expected(name), "", 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("two small puppets", "three small puppets"), ["two small puppets", "three small puppets"]),
        # The functions of the program really run, and answer otherwise than they did.
        (("stock: 12", "stock: 1"), ["find_parts", "stock: recorded 12, now 1"]),
    ],
)
def test_a_cassette_that_does_not_fit_any_more_says_what_differs(
    geppetto: Geppetto, tmp_path: Path, change: tuple[str, str], said: list[str]
) -> None:
    name = "tools-agent.geppetto.js"
    (tmp_path / name).write_text((SAMPLES / name).read_text("utf-8").replace(*change), "utf-8")
    ran = geppetto("run", name, "--no-stream", "--replay", str(cassette(name)))
    assert ran.returncode == 1
    assert [text for text in said if text not in ran.stderr] == []


def test_the_text_of_a_stream_is_shown_as_it_comes(geppetto: Geppetto) -> None:
    ran = geppetto("run", str(SAMPLES / "hello-stream.geppetto.js"))
    assert ran.stdout.startswith("I am Geppetto. ") and ran.stdout.endswith(
        expected("hello-stream.geppetto.js")
    )
    assert "each word came by itself" in ran.stdout


VARIANTS = {
    "chat: questions of one's own": (
        ["chat.geppetto.js", "-p", 'questions:=["Who was Collodi?"]'],
        "Carlo Lorenzini.\n\n1 turns,",
    ),
    "semantic-search: another question": (
        ["semantic-search.geppetto.js", "-p", "question=How do I repair a broken joint?"],
        "Drill the old joint out",
    ),
    "parallel: more, wider": (
        ["parallel.geppetto.js", "--no-stream", "-p", "count=100", "-p", "width=100"],
        "100 answers, each to its own question; never more than 100 at the same time.",
    ),
    "params: all of them": (
        ["params.geppetto.js", "-p", "name=Gina", "-p", "times=3", "-p", "mood=loud"],
        "CIAO GINA! CIAO GINA! CIAO GINA!",
    ),
    "params: as JSON": (["params.geppetto.js", "-p", "times:=2", "-p", 'mood:="calm"'], "Pinocchio! Ciao"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_parameters(geppetto: Geppetto, variant: str) -> None:
    (name, *options), text = VARIANTS[variant]
    ran = geppetto("run", str(SAMPLES / name), *options)
    assert text in ran.stdout and (ran.stderr, ran.returncode) == ("", 0)


def test_wrong_parameters_are_all_told_and_nothing_is_streamed(geppetto: Geppetto) -> None:
    ran = geppetto("run", str(SAMPLES / "params.geppetto.js"), "-p", "times=many", "-p", "nmae=Gina")
    assert ran.returncode == 2 and ran.stdout == ""
    assert "nmae is not declared; did you mean name?" in ran.stderr
    assert 'times should be a whole number, not "many"' in ran.stderr


def test_what_a_type_cannot_say_is_checked_by_the_script(geppetto: Geppetto) -> None:
    ran = geppetto("run", str(SAMPLES / "params.geppetto.js"), "-p", "times=10")
    assert ran.returncode == 1 and ran.stdout == ""
    assert "times: should be 1 to 9, not 10" in ran.stderr


def test_an_error_that_nobody_observes_fails_the_run_at_its_place(geppetto: Geppetto) -> None:
    ran = geppetto("run", str(SAMPLES / "errors.geppetto.js"), "--no-stream", "-p", "careless=yes")
    assert ran.returncode == 1 and ran.stdout == expected("errors.geppetto.js")
    assert "the key is not valid" in ran.stderr
    assert '| if (params.careless) model.startStream("Let me in.");' in ran.stderr


def test_every_file_is_a_sample_or_used_by_one() -> None:
    told = {path.relative_to(EXPECTED).as_posix() for path in EXPECTED.rglob("*.txt")}
    assert told == {f"{name}.txt" for name in NAMES}
    texts = {name: (SAMPLES / name).read_text("utf-8") for name in NAMES}
    for path in SAMPLES.rglob("*"):
        if (
            path.is_dir()
            or "__pycache__" in path.parts
            or path.relative_to(SAMPLES).as_posix() in NAMES
            or path.name == "README.md"
        ):
            continue
        name = path.stem if path.suffix == ".ts" else path.name
        assert any(name in text for text in texts.values()), f"no sample uses {path.relative_to(SAMPLES)}"
    readme = (SAMPLES / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"({name})" not in readme] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_header_tells_how_to_run_it(name: str) -> None:
    header = (SAMPLES / name).read_text("utf-8").split("\n\n")[0]
    assert all(line.startswith("//") for line in header.split("\n"))
    assert f"\n//\n//   geppetto run samples/{name}" in header


async def test_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDERS_VARIABLE, str(SAMPLES))
    steps, _ = await typings_of(SAMPLES / "python-steps")
    assert steps.problems == []
    (tmp_path / "steps.d.ts").write_text(steps.text, "utf-8")
    config = {
        "compilerOptions": {
            "allowJs": True,
            "checkJs": True,
            "strict": True,
            "noUncheckedIndexedAccess": True,
            "exactOptionalPropertyTypes": True,
            "noEmit": True,
            "target": "esnext",
            "module": "esnext",
            "moduleResolution": "bundler",
            "moduleDetection": "force",
            "resolveJsonModule": True,
            "lib": ["esnext"],
            "types": [],
        },
        "files": [str(typings_path()), "steps.d.ts", *(str(SAMPLES / name) for name in NAMES)],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    checked = subprocess.run(
        [tsc_path(), "--project", tmp_path / "tsconfig.json"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert (checked.stdout, checked.returncode) == ("", 0)
