"""Reads source maps (revision 3): from a position in compiled text to one in its source."""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from dataclasses import dataclass, field

_INLINE = re.compile(
    r"^//# sourceMappingURL=data:application/json;base64,([A-Za-z0-9+/=]+)\s*$", re.MULTILINE
)
_DIGIT = {
    character: value
    for value, character in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}


def _vlq(segment: str) -> list[int]:
    values: list[int] = []
    value = shift = 0
    for character in segment:
        digit = _DIGIT[character]
        value |= (digit & 31) << shift
        if digit & 32:
            shift += 5
            continue
        values.append(-(value >> 1) if value & 1 else value >> 1)
        value = shift = 0
    return values


@dataclass
class SourceMap:
    """The mappings of one compiled file with one source; lines and columns count from 0."""

    _columns: list[list[int]] = field(default_factory=list[list[int]])
    _origins: list[list[tuple[int, int]]] = field(default_factory=list[list[tuple[int, int]]])

    @classmethod
    def parse(cls, mappings: str) -> SourceMap:
        """Decodes the ``mappings`` field of a source map."""
        made = cls()
        line = column = 0
        for text in mappings.split(";"):
            generated = 0
            columns: list[int] = []
            origins: list[tuple[int, int]] = []
            for segment in text.split(","):
                if not segment:
                    continue
                values = _vlq(segment)
                generated += values[0]
                if len(values) < 4:
                    continue
                line += values[2]
                column += values[3]
                columns.append(generated)
                origins.append((line, column))
            made._columns.append(columns)
            made._origins.append(origins)
        return made

    def origin(self, line: int, column: int) -> tuple[int, int]:
        """The source position of a compiled one; the nearest mapping before it on its line counts."""
        if not 0 <= line < len(self._columns):
            return line, column
        columns = self._columns[line]
        if not columns:
            return self.origin(line - 1, 1 << 30) if line else (0, 0)
        index = max(bisect_right(columns, column) - 1, 0)
        return self._origins[line][index]


def split_inline_map(compiled: str) -> tuple[str, str]:
    """Separates compiled text from the mappings of its inline map (empty if it has none)."""
    match = _INLINE.search(compiled)
    if match is None:
        return compiled, ""
    document = json.loads(base64.b64decode(match.group(1)))
    return compiled[: match.start()], str(document["mappings"])
