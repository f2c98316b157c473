"""Which documents are Geppetto scripts. The rest of a workspace belongs to other language servers."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from posixpath import basename
from urllib.parse import unquote

from geppetto.lsp.documents.uris import path_of

DEFAULT_PATTERNS = ("*.geppetto.js", "*.geppetto.ts")
"""File names, with `*` and `?`."""

JAVASCRIPT_SUFFIXES = (".js", ".mjs", ".cjs")
TYPESCRIPT_SUFFIXES = (".ts", ".mts", ".cts")
MODULE_SUFFIXES = (*JAVASCRIPT_SUFFIXES, *TYPESCRIPT_SUFFIXES)
"""What a script can be, or import. The TypeScript server dies of a suffix it does not know."""

_LANGUAGES = ("javascript", "typescript")


def is_script(uri: str, language_id: str, patterns: Sequence[str]) -> bool:
    """By name, or by a language id of ours; what has no file yet may be a script if it is JavaScript at all."""
    if is_own_language(language_id):
        return True
    if path_of(uri) is None:
        return language_id in _LANGUAGES
    name = name_of(uri)
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def is_module(uri: str) -> bool:
    """Whether a script can import it."""
    return path_of(uri) is not None and name_of(uri).endswith(MODULE_SUFFIXES)


def is_own_language(language_id: str) -> bool:
    return language_id.startswith("geppetto")


def is_typescript(uri: str, language_id: str) -> bool:
    """Decides the grammar: by the name's suffix, and without one by the language."""
    name = name_of(uri)
    if name.endswith(MODULE_SUFFIXES):
        return name.endswith(TYPESCRIPT_SUFFIXES)
    return "typescript" in language_id


def name_of(uri: str) -> str:
    return basename(unquote(uri.partition(":")[2]))
