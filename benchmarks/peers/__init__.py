"""The programs that Geppetto is measured against, in the versions that `package.json` names."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from benchmarks.harness import REPOSITORY

_HERE = Path(__file__).parent
_INSTALLED = REPOSITORY / ".cache" / "peers"


@cache
def bin_folder() -> Path:
    """Where the programs are; they are installed from npm when they are not there yet in these versions."""
    wanted = (_HERE / "package.json").read_bytes()
    stamp = _INSTALLED / "installed.json"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        shutil.rmtree(_INSTALLED, ignore_errors=True)
        _INSTALLED.mkdir(parents=True)
        for name in ("package.json", ".npmrc"):
            shutil.copy(_HERE / name, _INSTALLED)
        subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=_INSTALLED,
            check=True,
            timeout=600,
        )
        stamp.write_bytes(wanted)
    return _INSTALLED / "node_modules" / ".bin"


@cache
def deno() -> str:
    """The program itself: the `deno` in the folder of programs is a script that starts it, with Node."""
    found = next((bin_folder().parent / "@deno").glob("*/deno*"))
    found.chmod(0o755)
    return str(found)
