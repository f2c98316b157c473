"""The text of a document at one moment, with positions as the protocol counts them.

Lines end where the protocol says (CR LF, LF, CR) and nowhere else: not at U+2028, form feeds and the like, where
Python's `splitlines` ends them too. Characters are UTF-16 code units. A `Text` never changes: an edit makes a new one
that shares the untouched lines.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two characters: `line` from 0, `character` in UTF-16 code units from the line's start."""

    line: int
    character: int


@dataclass(frozen=True, slots=True)
class Range:
    start: Position
    end: Position


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a text: `range` is replaced by `text`; no range means all of it."""

    range: Range | None
    text: str


class Text:
    """An immutable text, line by line.

    Every line but the last ends with its terminator; the last has none, and is empty if the text ends with one.
    Half a surrogate pair has no meaning in any file, so it is read as U+FFFD, as the TypeScript server does.
    """

    __slots__ = ("__dict__", "_lines")

    def __init__(self, text: str = "") -> None:
        self._lines: Sequence[str] = _split(_well_formed(text))

    def __str__(self) -> str:
        return self._whole

    def __len__(self) -> int:
        """The length in UTF-16 code units."""
        return self._starts[-1]

    @property
    def line_count(self) -> int:
        return len(self._lines)

    def line(self, number: int) -> str:
        """A line without its terminator."""
        return self._lines[number].rstrip("\r\n")

    def clamp(self, position: Position) -> Position:
        """The nearest position that exists: within its line, and not inside of a surrogate pair."""
        return _clamp(self._lines, position)

    def clamp_range(self, asked: Range) -> Range:
        """Both ends clamped, and in order."""
        return _clamp_range(self._lines, asked)

    def edited(self, edits: Iterable[Edit]) -> tuple["Text", list[Edit]]:
        """The text after the edits, one after another, and the same edits with positions that exist.

        The cleaned edits are for others who keep a copy: however they treat positions past the end of a line, they
        come to the same text.
        """
        lines = list(self._lines)
        cleaned: list[Edit] = []
        for edit in edits:
            new = _well_formed(edit.text)
            if edit.range is None:
                lines = _split(new)
                cleaned.append(Edit(None, new))
            else:
                span = _clamp_range(lines, edit.range)
                _replace(lines, span, new)
                cleaned.append(Edit(span, new))
        result = Text.__new__(Text)
        result._lines = lines
        return result, cleaned

    def offset_at(self, position: Position) -> int:
        """The number of UTF-16 code units before a position, which is clamped."""
        position = self.clamp(position)
        return self._starts[position.line] + position.character

    def position_at(self, offset: int) -> Position:
        """The position of an offset in UTF-16 code units; inside of a line's terminator it is the line's end."""
        offset = min(max(offset, 0), len(self))
        line = min(bisect_right(self._starts, offset), len(self._lines)) - 1
        return self.clamp(Position(line, offset - self._starts[line]))

    def slice(self, asked: Range) -> str:
        span = self.clamp_range(asked)
        first = self._lines[span.start.line]
        start = _index_in(first, span.start.character)
        if span.start.line == span.end.line:
            return first[start : _index_in(first, span.end.character)]
        last = self._lines[span.end.line]
        between = self._lines[span.start.line + 1 : span.end.line]
        return "".join((first[start:], *between, last[: _index_in(last, span.end.character)]))

    @cached_property
    def _whole(self) -> str:
        return "".join(self._lines)

    @cached_property
    def _starts(self) -> list[int]:
        """The offset of each line's start, and of the end of the text."""
        return list(accumulate(map(_width, self._lines), initial=0))


def _clamp(lines: Sequence[str], position: Position) -> Position:
    if position.line < 0:
        return Position(0, 0)
    if position.line >= len(lines):
        return Position(len(lines) - 1, _width(lines[-1]))
    line = lines[position.line].rstrip("\r\n")
    if line.isascii():
        return Position(position.line, min(max(position.character, 0), len(line)))
    return Position(position.line, _width(line[: _index_in(line, position.character)]))


def _clamp_range(lines: Sequence[str], asked: Range) -> Range:
    start, end = _clamp(lines, asked.start), _clamp(lines, asked.end)
    return Range(min(start, end), max(start, end))


def _replace(lines: list[str], span: Range, text: str) -> None:
    """Replaces a range of the text that `lines` are, in place."""
    first, last = span.start.line, span.end.line
    head, tail = lines[first], lines[last]
    joined = (
        head[: _index_in(head, span.start.character)] + text + tail[_index_in(tail, span.end.character) :]
    )
    if first > 0 and joined.startswith("\n") and lines[first - 1].endswith("\r"):
        # What was the end of a line has become the first half of one.
        first -= 1
        joined = lines[first] + joined
    new = _split(joined)
    if last < len(lines) - 1:
        # The last line of the range had a terminator, so the split ends with an empty line that is not there.
        new.pop()
    lines[first : last + 1] = new


def _split(text: str) -> list[str]:
    lines: list[str] = _LINE.findall(text)
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines


def _well_formed(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _width(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _index_in(line: str, character: int) -> int:
    """The index in a line's string of a count of UTF-16 code units, rounded down to a whole character."""
    if character <= 0:
        return 0
    if line.isascii():
        return min(character, len(line))
    return len(line.encode("utf-16-le")[: 2 * character].decode("utf-16-le", "ignore"))
