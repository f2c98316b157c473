"""The files Geppetto carries besides Python, where they lie in a wheel or in the source tree.

Nothing here is read or checked before it is asked for, and every result is remembered.
"""

import json
import os
import sys
from functools import cache
from pathlib import Path

from geppetto.errors import GeppettoError

_PACKAGE = Path(__file__).parent
_SOURCE_TREE = _PACKAGE.parent.parent


class ResourceError(GeppettoError):
    """A file that belongs to Geppetto is missing."""


@cache
def prelude_path() -> Path:
    """The JavaScript side of the API, built to one file."""
    return _existing("The prelude", _PACKAGE / "runtime" / "prelude.js")


@cache
def typings_path() -> Path:
    """`geppetto.d.ts`, the typings of everything a script can use."""
    return _existing(
        "The typings", _PACKAGE / "typings" / "geppetto.d.ts", _SOURCE_TREE / "typings" / "geppetto.d.ts"
    )


@cache
def tsc_path() -> Path:
    """The native TypeScript compiler and language server; its `lib.*.d.ts` lie beside it."""
    name = "tsc.exe" if sys.platform == "win32" else "tsc"
    return _existing("The TypeScript compiler", _PACKAGE / "_vendor" / "typescript" / "lib" / name)


@cache
def tsc_version() -> str:
    """The version of the TypeScript compiler, told without starting it."""
    described = json.loads((tsc_path().parent.parent / "package.json").read_bytes())
    return str(described["version"])


@cache
def htmx_folder() -> Path:
    """The folder with htmx, which the web chat's page loads."""
    return _existing("htmx", _PACKAGE / "_vendor" / "htmx" / "htmx.min.js").parent


@cache
def cache_dir() -> Path:
    """Where Geppetto keeps what it can make again; `GEPPETTO_CACHE_DIR`, or the user's cache folder.

    The folder need not exist.
    """
    if named := os.environ.get("GEPPETTO_CACHE_DIR"):
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("geppetto", appauthor=False)


def state_dir() -> Path:
    """Where Geppetto keeps what happened; `GEPPETTO_STATE_DIR`, or the user's state folder.

    The folder need not exist.
    """
    if named := os.environ.get("GEPPETTO_STATE_DIR"):
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_state_path("geppetto", appauthor=False)


def _existing(what: str, *places: Path) -> Path:
    for place in places:
        if place.is_file():
            return place
    is_source_tree = (_SOURCE_TREE / "hatch_build.py").is_file()
    raise ResourceError(
        f"{what} is missing: there is no {places[-1]}.",
        hint=f"Run `make setup` in {_SOURCE_TREE}." if is_source_tree else "Install Geppetto again.",
    )
