"""What killed processes leave in the temporary folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is removed there")

MAKE = """
import sys, tempfile
from geppetto.temporary import temporary_prefix
print(tempfile.mkdtemp(prefix=temporary_prefix("run")), flush=True)
sys.stdin.read()
"""


def start(folder: Path) -> tuple["subprocess.Popen[str]", Path]:
    """A process that has made a temporary folder and waits, and that folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE],
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_a_folder_goes_when_its_process_was_killed_and_stays_while_it_lives(tmp_path: Path) -> None:
    place, kept = tmp_path / "tmp", tmp_path / "workspace"
    place.mkdir()
    kept.mkdir()
    (kept / "lib.js").touch()
    others = [
        place / name for name in ("geppetto-run-x1-2", "geppetto-99999999-x", "of-geppetto-run-99999999-x")
    ]
    for other in (*others, place / f"geppetto-run-{10**30}-x"):
        other.mkdir()
    (killed, left), (living, used) = start(place), start(place)
    try:
        (left / "script.js").touch()
        (left / "src").symlink_to(kept)
        killed.kill()
        killed.communicate(timeout=60)
        third, _ = start(place)
        third.communicate("", timeout=60)
        assert not left.exists()
        assert used.exists()
        assert all(other.exists() for other in others), "they are not ours"
        assert (kept / "lib.js").exists(), "nothing is removed through a link"
    finally:
        living.kill()
        living.communicate()
