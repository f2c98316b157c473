"""Names of scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from geppetto.lsp.documents.scripts import name_of
from geppetto.lsp.documents.text import Position
from geppetto.lsp.lint.findings import Finding
from geppetto.lsp.lint.rules import SCRIPT_NAME

if TYPE_CHECKING:
    from geppetto.lsp.documents.store import Document

_DECLARATIONS = re.compile(r"(?P<stem>.*)\.d(?P<suffix>\.[^.]+\.[cm]?ts)")


def check(document: Document) -> Iterator[Finding]:
    """What TypeScript takes for declarations, it does not look at."""
    match = _DECLARATIONS.fullmatch(name_of(document.uri))
    if match is None:
        return
    message = (
        f"To TypeScript, the .d in {match[0]} says that the file only declares things: it looks for no errors here. "
        f"Call it {match['stem'] or 'script'}{match['suffix']}."
    )
    end = document.text.offset_at(Position(0, len(document.text)))
    yield Finding(SCRIPT_NAME, 0, end, message, None)
