"""Where places of a text are, after the edits that were made since."""

import re
from collections.abc import Sequence

from geppetto.lsp.documents.text import Edit, Position

_LINE_END = re.compile(r"\r\n|\r|\n")


class Drift:
    """Follows the edits of one document from one moment on."""

    def __init__(self) -> None:
        self._edits: list[Edit] = []
        self._known: dict[Position, tuple[Position | None, int]] = {}
        self._is_lost = False

    def edit(self, edits: Sequence[Edit] | None) -> None:
        """Takes edits, one after another; None if the text is another one now."""
        if edits is None or any(edit.range is None for edit in edits):
            self._is_lost = True
            self._edits.clear()
        elif not self._is_lost:
            self._edits += edits

    def now(self, place: Position) -> Position | None:
        """Where what was at a place is; None if it is no more, or if nobody can tell."""
        if self._is_lost:
            return None
        moved, count = self._known.get(place, (place, 0))
        for edit in self._edits[count:]:
            moved = None if moved is None else _moved(moved, edit)
        self._known[place] = (moved, len(self._edits))
        return moved


def _moved(place: Position, edit: Edit) -> Position | None:
    assert edit.range is not None
    start, end = edit.range.start, edit.range.end
    if place < start:
        return place
    if place < end:
        return None
    *before, last = _LINE_END.split(edit.text)
    column = len(last.encode("utf-16-le")) // 2 + (0 if before else start.character)
    if place.line > end.line:
        return Position(place.line + start.line + len(before) - end.line, place.character)
    return Position(start.line + len(before), column + place.character - end.character)
