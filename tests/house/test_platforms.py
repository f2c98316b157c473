"""What can be told here of systems that the tests do not run on."""

import subprocess
import sys
from pathlib import Path


def test_all_that_is_imported_on_windows_is_there() -> None:
    program = Path(__file__).with_name("as_on_windows.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
