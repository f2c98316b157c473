"""The programs that Geppetto is measured against, in the versions that `package-lock.json` names."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from benchmarks.harness import REPOSITORY, MissingPeer, need

_HERE = Path(__file__).parent
_INSTALLED = REPOSITORY / ".cache" / "peers"


@cache
def bin_folder() -> Path:
    """Where the programs are; they are installed from npm when they are not there yet in these versions.

    Raises:
        MissingPeer: they are not there and cannot be installed.
    """
    wanted = (_HERE / "package-lock.json").read_bytes()
    stamp = _INSTALLED / "installed.json"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        npm = need("npm", "Node.js with npm, from nodejs.org or your system's packages")
        shutil.rmtree(_INSTALLED, ignore_errors=True)
        _INSTALLED.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(_HERE / name, _INSTALLED)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        ran = subprocess.run(command, cwd=_INSTALLED, capture_output=True, text=True, timeout=600)
        if ran.returncode:
            said = (ran.stderr or ran.stdout).strip()[-500:]
            raise MissingPeer(f"the peers could not be installed: `npm ci` in {_INSTALLED} said: {said}")
        stamp.write_bytes(wanted)
    return _INSTALLED / "node_modules" / ".bin"


@cache
def deno() -> str:
    """The program itself: the `deno` in the folder of programs is a script that starts it, with Node."""
    found = next((bin_folder().parent / "@deno").glob("*/deno*"), None)
    if found is None:
        raise MissingPeer("npm has no deno for this platform")
    found.chmod(0o755)
    return str(found)
