"""Where the samples are, and how they are run."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"

Geppetto = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def geppetto(tmp_path: Path) -> Geppetto:
    """Runs the command line in an empty folder, with no settings but what is beside the script; the samples are trusted."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GEPPETTO_")}
    env |= {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "NO_COLOR": "1"}
    env |= {"GEPPETTO_TRUSTED_FOLDERS": str(SAMPLES)}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "geppetto", *arguments],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    return run
