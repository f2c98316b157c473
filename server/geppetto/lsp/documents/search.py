"""The scripts on disk below a folder."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate

from geppetto.lsp.documents.scripts import JAVASCRIPT_SUFFIXES

_PASSED_OVER = frozenset({"node_modules", "bower_components", "jspm_packages"})
_MOST_ENTRIES = 2_000_000
"""Of a folder with more, the rest is not looked at: that is no workspace any more."""


def scripts_below(
    folder: str,
    patterns: Sequence[str],
    is_stopped: Callable[[], bool] = lambda: False,
    on_unreadable: Callable[[OSError], None] = lambda error: None,
) -> Iterator[str]:
    """The files that have a script's name, but none in hidden folders and in installed packages, and none that are
    made from a TypeScript file beside them. In order of their paths.

    Args:
        patterns: names of scripts, with `*` and `?`.
        is_stopped: asked at each folder, whether to end.
        on_unreadable: called for every folder that is passed over because it cannot be read; the error names it.
    """
    is_script = re.compile("|".join(map(translate, patterns))).match
    entries = 0
    # Links to folders are not followed: they may lead round in a circle.
    for at, folders, names in os.walk(folder, onerror=on_unreadable):
        entries += len(names)
        if is_stopped() or entries > _MOST_ENTRIES:
            return
        folders[:] = sorted(filter(_is_entered, folders))
        for name in sorted(filter(is_script, names)):
            path = os.path.join(at, name)
            if os.path.isfile(path) and source_of(path) is None:
                yield path


def is_looked_at(relative: str) -> bool:
    """Whether the folders on the way to a file are looked through."""
    return all(map(_is_entered, relative.split(os.sep)[:-1]))


def _is_entered(name: str) -> bool:
    return not name.startswith(".") and name not in _PASSED_OVER


def source_of(path: str) -> str | None:
    """The TypeScript file beside a JavaScript one, from which TypeScript takes it to be made: it leaves it out."""
    stem, suffix = os.path.splitext(path)
    source = f"{stem}{suffix.replace('js', 'ts')}"
    return source if suffix in JAVASCRIPT_SUFFIXES and os.path.isfile(source) else None
