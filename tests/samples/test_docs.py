"""What the documentation shows, runs.

A code block whose info string says `run` is run, in the order of the page, and a `text` block after it is all it
prints, errors as a terminal shows them. `file=NAME` writes a block to a file first; `LIMIT=VALUE` bounds a run.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.output import ConsoleLine, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard
from geppetto.settings.find import FOLDERS_VARIABLE

from tests.samples.conftest import ROOT

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SUFFIXES = {"js": ".js", "ts": ".ts"}


@dataclass(frozen=True)
class Block:
    language: str
    says: dict[str, str]
    text: str


def blocks_of(page: Path) -> list[Block]:
    found: list[Block] = []
    for language, info, text in _FENCE.findall(page.read_text("utf-8")):
        says = dict(word.partition("=")[::2] for word in info.split())
        found.append(Block(language, says, text))
    return found


PAGES = [
    page
    for page in sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
    if any("run" in block.says for block in blocks_of(page))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_page(page: Path, tmp_path: Path) -> None:
    blocks = blocks_of(page)
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        says = dict(block.says)
        if name := says.pop("file", ""):
            (tmp_path / name).write_text(block.text, "utf-8")
        if "run" not in says:
            continue
        del says["run"]
        assert following is not None and following.language == "text", (
            "a block that runs shows what it prints"
        )
        if block.language == "python":
            printed = run_python(block.text, tmp_path)
        else:
            limits = Limits(wall_seconds=20.0)
            for name, value in says.items():
                limits = replace(limits, **{name: float(value) if name.endswith("seconds") else int(value)})
            printed = await run_script(block, tmp_path, limits)
        assert printed == following.text


async def run_script(block: Block, folder: Path, limits: Limits) -> str:
    path = folder / f"main.geppetto{_SUFFIXES[block.language]}"
    path.write_text(block.text, "utf-8")
    shown: list[Output] = []
    engine = RuntimeEngine(root=folder, limits=limits, output=shown.append)
    engine.add_setup_function(setup_standard(folder, env={FOLDERS_VARIABLE: str(folder)}))
    async with engine:
        outcome = await engine.run(Script(path))
    lines = [out.text for out in shown if isinstance(out, ConsoleLine)]
    lines += [error.render() for error in outcome.errors]
    return "".join(f"{line}\n" for line in lines).replace(f"{folder}/", "")


def run_python(text: str, folder: Path) -> str:
    path = folder / "example.py"
    path.write_text(text, "utf-8")
    command = [sys.executable, "-W", "error", str(path)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=60)
    assert (ran.stderr, ran.returncode) == ("", 0)
    return ran.stdout


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "samples" / "README.md", ROOT / "README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
