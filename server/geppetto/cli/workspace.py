"""The workspace around a script."""

from __future__ import annotations

from pathlib import Path

from geppetto.errors import GeppettoError


def workspace_around(script: Path, given: Path | None = None) -> Path:
    """What was given, or the nearest folder that looks like a workspace, or the current one.

    Raises:
        GeppettoError: there is no such folder.
    """
    if given is not None:
        if not given.is_dir():
            raise GeppettoError(f"--root {given}: there is no such folder.")
        return given
    here = Path.cwd()
    folder = script.resolve().parent
    for at in (folder, *folder.parents):
        if (at / ".git").exists() or (at / "geppetto.toml").exists():
            return at
    return here if folder.is_relative_to(here) else folder
