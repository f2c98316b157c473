"""Programs mean what they mean in Node: each prints the same in both, and fails in both or in neither.

``programs/`` holds JavaScript that needs nothing but the language, the console, timers and the web's pieces; much of
it is there to find out whether the rewriting of async functions changes what a program does. ``.js`` files are
scripts (CommonJS for Node), ``.mjs`` files are modules. What goes to standard error is not compared.
"""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from geppetto.runtime.output import ConsoleLine

from tests.runtime.conftest import Ran, RunScript

_PROGRAMS = Path(__file__).parent / "programs"
_NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(_NODE is None, reason="node is not installed")


@pytest.mark.parametrize("name", sorted(path.name for path in _PROGRAMS.iterdir() if path.is_file()))
async def test_a_program_does_what_it_does_in_node(name: str, run_script: RunScript, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    shutil.copytree(_PROGRAMS, folder)
    printed, failed = await _in_node(folder / name)
    ran: Ran = await run_script(None, name=f"programs/{name}")
    assert _printed(ran) == printed, ran.text
    assert (ran.outcome.kind == "error") == failed, ran.text
    assert ran.outcome.kind in ("ok", "error")


async def _in_node(path: Path) -> tuple[list[str], bool]:
    """The lines a program prints in Node, and whether it fails there."""
    assert _NODE is not None
    quiet = {key: value for key, value in os.environ.items() if key != "NODE_OPTIONS"}
    process = await asyncio.create_subprocess_exec(
        _NODE,
        "--no-warnings",
        str(path),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**quiet, "NO_COLOR": "1"},
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 30)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return output.decode().split("\n")[:-1], process.returncode != 0


def _printed(ran: Ran) -> list[str]:
    texts = [
        out.text for out in ran.shown if isinstance(out, ConsoleLine) and out.level not in ("warn", "error")
    ]
    return [line for text in texts for line in text.split("\n")]
