"""A module as V8 gets it, and the way back from V8's positions to its author's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from geppetto.runtime.output import Place
from geppetto.runtime.rewrite import enclosing_function
from geppetto.runtime.source import (
    Edit,
    EditMap,
    LineIndex,
    OriginalFile,
    apply_edits,
    text_from,
    utf16_length,
    v8_line_index,
)
from geppetto.runtime.sourcemap import SourceMap


@dataclass(frozen=True)
class CompiledModule:
    """A module ready for V8, and the way back from V8's positions to its author's.

    Attributes:
        unit: a short name unique in the run.
        url: the name V8 knows it by.
        original: the file as written.
        compiled: JavaScript made by the compiler, or the original text if there was nothing to compile.
        mappings: the source map from ``compiled`` to ``original``; empty if they are the same.
        edits: what was changed in ``compiled`` to get the text that runs.
        requires: specifier → the file it resolves to.
        top_level_await: whether the body has to be awaited.
    """

    unit: str
    url: str
    original: OriginalFile
    compiled: str
    mappings: str
    edits: tuple[Edit, ...]
    requires: dict[str, Path]
    top_level_await: bool

    @property
    def _opening(self) -> str:
        keyword = "async function" if self.top_level_await else "function"
        return f"{keyword} (require, module, exports, __geppettoAsync) {{"

    def define(self, requires: dict[str, str]) -> str:
        """The source that defines this module in the prelude; ``requires`` maps specifiers to units."""
        text = apply_edits(self.compiled, list(self.edits))
        options = f"{json.dumps(self.top_level_await)}, {json.dumps(requires)}"
        head = f"__geppetto.define({json.dumps(self.unit)}, {self._opening}"
        return f"{head}{text}\n}}, {options})\n//# sourceURL={self.url}"

    @cached_property
    def _head_length(self) -> int:
        return len(f"__geppetto.define({json.dumps(self.unit)}, {self._opening}")

    @cached_property
    def _running_index(self) -> LineIndex:
        return v8_line_index(apply_edits(self.compiled, list(self.edits)))

    @cached_property
    def _compiled_index(self) -> LineIndex:
        return v8_line_index(self.compiled)

    @cached_property
    def _edit_map(self) -> EditMap:
        return EditMap(self.edits)

    @cached_property
    def _source_map(self) -> SourceMap:
        return SourceMap.parse(self.mappings)

    def is_wrapper(self, line: int, column: int) -> bool:
        """Whether a position of V8's (from 0) is in text that was put in to wrap an async function."""
        if line == 0:
            column -= self._head_length
        return self._edit_map.is_inserted(self._running_index.offset(line, column))

    def function_name(self, line: int, column: int) -> str:
        """The name of the async function around a position of V8's (from 0); V8 sees a nameless arrow there."""
        if line == 0:
            column -= self._head_length
        return enclosing_function(
            self.compiled, self._edit_map.origin(self._running_index.offset(line, column))
        )

    def is_past_end(self, line: int, column: int) -> bool:
        """Whether a position of V8's (from 0) lies behind the user's text, in the wrapper."""
        last, width = self._running_index.position(self._running_index.length)
        return line > last or (line == last and column > width + (self._head_length if last == 0 else 0))

    def place_of_generated(self, line: int, column: int) -> Place:
        """The author's place of a position in the text that ran; line and column from 0."""
        if line == 0:
            column -= self._head_length
        return self.place_of_compiled(self._edit_map.origin(self._running_index.offset(line, column)))

    def place_of_compiled(self, offset: int) -> Place:
        """The author's place of an offset in ``compiled``."""
        return self.original.place(self._origin(offset))

    def place_of_specifier(self, specifier: str, offset: int) -> Place:
        """The author's place of a specifier that ``compiled`` has at an offset.

        A source map knows only where the import statement begins; the specifier stands behind that.
        """
        origin = self._origin(offset)
        behind = text_from(self.original.text, origin)
        found = min((at for quote in "'\"" if (at := behind.find(quote + specifier + quote)) >= 0), default=0)
        return self.original.place(origin + utf16_length(behind[:found]))

    def _origin(self, offset: int) -> int:
        if not self.mappings:
            return offset
        return self.original.v8_index.offset(*self._source_map.origin(*self._compiled_index.position(offset)))
