"""Every program of the reference pages runs in the real engine and prints what it should.

`blocks/` has a file for each, named after its page and section, with what the page leaves out added. Its last comment is
what it has to show: `// prints:` and the lines of the console, `// in any order:` and the lines where several things run
side by side, or `// fails:` and the error. Ids are written `<uuid>`, and `…` ends a line whose rest does not matter.
"""

import re
from pathlib import Path

import pytest
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.output import ConsoleLine, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard

BLOCKS = Path(__file__).parent / "blocks"
NAMES = sorted(path.name for path in BLOCKS.glob("*.geppetto.js"))
DOCUMENTED = Path(__file__).parents[2] / "docs" / "compatibility.md"

_EXPECTATION = re.compile(r"^// (prints|in any order|fails):(.*)\Z", re.MULTILINE | re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-7][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.parametrize("name", NAMES)
async def test_block(name: str) -> None:
    path = BLOCKS / name
    expectation = _EXPECTATION.search(path.read_text("utf-8"))
    assert expectation is not None, "the block does not say what it prints"
    kind, rest = expectation.groups()

    shown: list[Output] = []
    engine = RuntimeEngine(root=BLOCKS, limits=Limits(wall_seconds=20), output=shown.append)
    engine.add_setup_function(setup_standard(BLOCKS, env={}))
    async with engine:
        outcome = await engine.run(Script(path))
    printed = [line for out in shown if isinstance(out, ConsoleLine) for line in out.text.split("\n")]
    printed = [_UUID.sub("<uuid>", line.replace(BLOCKS.as_uri(), "<here>")) for line in printed]

    if kind == "fails":
        assert [error.headline() for error in outcome.errors] == [rest.strip()]
        return
    expected = [line.removeprefix("//").removeprefix(" ") for line in rest.rstrip("\n").split("\n")[1:]]
    assert [error.render() for error in outcome.errors] == []
    if kind == "in any order":
        printed, expected = sorted(printed), sorted(expected)
    for i, line in enumerate(expected[: len(printed)]):
        if line.endswith("…") and printed[i].startswith(line[:-1]):
            printed[i] = line
    assert printed == expected


def test_every_block_is_in_the_documentation() -> None:
    named = set(re.findall(r"`([\w.-]+\.geppetto\.js)`", DOCUMENTED.read_text("utf-8")))
    assert named == set(NAMES)
