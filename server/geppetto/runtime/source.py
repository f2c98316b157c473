"""Positions in a source and in what was made of it: all mapping goes through UTF-16 offsets.

V8 and editors disagree on what ends a line (V8 counts U+2028 and U+2029), so a place V8 names is
first turned into an offset by V8's rule and only then into the line and column a user sees.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from geppetto.runtime.output import Place

_V8_LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")
_EDITOR_LINE_END = re.compile("\r\n|[\n\r]")


def utf16_length(text: str) -> int:
    """The length of a text in UTF-16 code units, the unit of every column here."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def text_from(text: str, offset: int) -> str:
    """The part of a text from a UTF-16 offset on."""
    if text.isascii():
        return text[offset:]
    return text.encode("utf-16-le", "surrogatepass")[offset * 2 :].decode("utf-16-le", "surrogatepass")


class LineIndex:
    """Turns UTF-16 offsets into (line, column), both from 0, and back."""

    def __init__(self, text: str, line_end: re.Pattern[str]) -> None:
        self._ascii = text.isascii()
        self._starts = [0]
        if self._ascii:
            self._starts.extend(match.end() for match in line_end.finditer(text))
            self._length = len(text)
        else:
            offset, previous = 0, 0
            for match in line_end.finditer(text):
                offset += utf16_length(text[previous : match.end()])
                previous = match.end()
                self._starts.append(offset)
            self._length = offset + utf16_length(text[previous:])

    def offset(self, line: int, column: int) -> int:
        """The offset of a position; positions past the end are clamped to it."""
        if line < 0:
            return 0
        if line >= len(self._starts):
            return self._length
        return min(self._starts[line] + max(column, 0), self._length)

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset."""
        line = bisect_right(self._starts, offset) - 1
        return line, offset - self._starts[line]

    @property
    def length(self) -> int:
        return self._length


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces ``removed`` UTF-16 units at ``offset`` of the text before by ``text``."""

    offset: int
    removed: int
    text: str


class OffsetMap(Protocol):
    """Maps an offset of a made text to the offset it came from."""

    def origin(self, offset: int) -> int: ...


@dataclass(frozen=True)
class EditMap:
    """Maps offsets of an edited text back to the text before; edits are sorted and do not overlap."""

    edits: tuple[Edit, ...]
    _made: list[int] = field(default_factory=list[int], init=False, repr=False)
    _shift: list[int] = field(default_factory=list[int], init=False, repr=False)

    def __post_init__(self) -> None:
        shift = 0
        for edit in self.edits:
            self._made.append(edit.offset + shift)
            shift += utf16_length(edit.text) - edit.removed
            self._shift.append(shift)

    def origin(self, offset: int) -> int:
        index = bisect_right(self._made, offset) - 1
        if index < 0:
            return offset
        # Inside inserted text, the place meant is where it was inserted.
        return max(offset - self._shift[index], self.edits[index].offset + self.edits[index].removed)

    def is_inserted(self, offset: int) -> bool:
        """Whether an offset of the edited text lies in text that an edit put there."""
        index = bisect_right(self._made, offset) - 1
        return index >= 0 and offset < self._made[index] + utf16_length(self.edits[index].text)


def apply_edits(text: str, edits: list[Edit]) -> str:
    """The text with all edits made; offsets are UTF-16 units of the text before."""
    if text.isascii():
        parts: list[str] = []
        at = 0
        for edit in edits:
            parts += (text[at : edit.offset], edit.text)
            at = edit.offset + edit.removed
        parts.append(text[at:])
        return "".join(parts)
    data = text.encode("utf-16-le", "surrogatepass")
    chunks: list[bytes] = []
    at = 0
    for edit in edits:
        chunks += (data[at : edit.offset * 2], edit.text.encode("utf-16-le"))
        at = (edit.offset + edit.removed) * 2
    chunks.append(data[at:])
    return b"".join(chunks).decode("utf-16-le", "surrogatepass")


@dataclass(frozen=True)
class OriginalFile:
    """A file as its author wrote it.

    Attributes:
        name: what errors call it: a path, or ``<stdin>``.
        text: its whole text.
    """

    name: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return _EDITOR_LINE_END.split(self.text)

    @cached_property
    def editor_index(self) -> LineIndex:
        return LineIndex(self.text, _EDITOR_LINE_END)

    @cached_property
    def v8_index(self) -> LineIndex:
        return LineIndex(self.text, _V8_LINE_END)

    def place(self, offset: int) -> Place:
        line, column = self.editor_index.position(min(offset, self.editor_index.length))
        return Place(self.name, line + 1, column + 1)


def v8_line_index(text: str) -> LineIndex:
    """The lines of a text as V8 counts them."""
    return LineIndex(text, _V8_LINE_END)
