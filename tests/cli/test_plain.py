"""`geppetto run FILE` with nothing else does not wait for the command line's machinery."""

import subprocess
import sys
from pathlib import Path

import pytest
from geppetto.cli.app import app
from geppetto.cli.main import _plain_request  # pyright: ignore[reportPrivateUsage]
from geppetto.cli.request import RunRequest


@pytest.mark.parametrize("script", ["hello.js", "-file", "-", "a b.ts"])
def test_it_asks_for_the_same_as_the_command_line_does(script: str) -> None:
    asked: list[RunRequest] = []

    def runner(request: RunRequest) -> int:
        asked.append(request)
        return 0

    app(["run", "--", script], obj=runner, standalone_mode=False)
    plain = _plain_request(["run", script])
    assert plain == (None if script.startswith("-") else asked[0])


@pytest.mark.parametrize(
    "arguments", [["run", "x.js", "--quiet"], ["run", "--help"], ["run", "-"], ["run", "x", "y"]]
)
def test_anything_more_is_read_properly(arguments: list[str]) -> None:
    assert _plain_request(arguments) is None


@pytest.mark.skipif(sys.platform == "win32", reason="scripts run in the command's own process there")
def test_the_parent_of_a_plain_script_imports_little(tmp_path: Path) -> None:
    script = tmp_path / "hello.js"
    script.write_text("console.log(1 + 1)")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "geppetto", "run", str(script)],
        capture_output=True,
        text=True,
    )
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert done.stdout == "2\n"
    assert "py_mini_racer" in imported  # the child's imports are listed as well
    assert not imported & {
        "typer",
        "click",
        "rich",
        "pydantic",
        "yaml",
        "tree_sitter",
        "openai",
    }
