"""Which files are checked: the scripts in the paths that somebody gave."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from geppetto.errors import GeppettoError
from geppetto.lsp.documents.scripts import MODULE_SUFFIXES
from geppetto.lsp.documents.search import scripts_below, source_of

_ROOT_MARKS = (".git", "geppetto.toml")


class WrongPath(GeppettoError):
    """A path that cannot be checked."""


def find_scripts(
    paths: Sequence[Path],
    patterns_of: Callable[[Path], Sequence[str]],
    on_unreadable: Callable[[OSError], None],
) -> list[Path]:
    """The scripts, absolute, each once, in order of their paths.

    In a folder those that have a script's name, but none in hidden folders and in installed packages, and none that
    are made from a TypeScript file beside them. A file is taken whatever its name, as long as it can be a script.

    Args:
        patterns_of: names of scripts, for a folder that was given.
        on_unreadable: called for every folder that cannot be read; the error names it.

    Raises:
        WrongPath: some paths do not exist, or cannot be scripts. All of them are named.
    """
    wrong = [said for path in paths if (said := _complaint(path))]
    if wrong:
        raise WrongPath("\n".join(wrong))
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            scripts = scripts_below(os.path.abspath(path), patterns_of(path), on_unreadable=on_unreadable)
        else:
            scripts = iter([os.path.abspath(path)])
        for script in scripts:
            found.setdefault(os.path.realpath(script), Path(script))
    return sorted(found.values())


def root_of(script: Path) -> Path:
    """The folder that a script's imports may lead into: the project around it, as `geppetto run` sees it."""
    folder = script.parent
    home = Path(os.path.expanduser("~"))
    for at in (folder, *folder.parents):
        # A repository of all one's files is no project: looking for its scripts would take for ever.
        if at in (home, at.parent):
            break
        if any((at / mark).exists() for mark in _ROOT_MARKS):
            return at
    here = Path.cwd()
    return here if folder.is_relative_to(here) and here not in (home, here.parent) else folder


def _complaint(path: Path) -> str | None:
    try:
        path.stat()
    except FileNotFoundError:
        return f"{shown(path)}: there is no such file or folder."
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"{shown(path)}: {reason}."
    if path.is_dir():
        return None
    if path.is_file() and path.name.endswith(MODULE_SUFFIXES):
        source = source_of(os.fspath(path))
        return (
            source and f"{shown(path)}: TypeScript takes it to be made from {shown(source)}; check that one."
        )
    return f"{shown(path)}: scripts are JavaScript or TypeScript: {', '.join(MODULE_SUFFIXES)}."


def shown(path: object) -> str:
    """A path for people: on one line, whatever bytes it is made of."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
