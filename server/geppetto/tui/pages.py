"""A growing text in pages that a screen can bear.

A terminal's Markdown is a widget for every paragraph, four for every item of a list, and all of a list is made anew with each
piece that comes: a list of 4 000 items kept the screen for seconds at a time. So a text is cut where a reader sees no difference,
and what cannot be cut, such as a long table or a line of a megabyte, goes on as plain text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

PageKind: TypeAlias = Literal["markdown", "plain"]

ROOMY_LINES = 60
"""From here on, a page ends where a block does."""

MOST_LINES = 200
MOST_CHARACTERS = 10_000
"""Of a page. What comes then, up to the end of the block, is plain."""

_PARTS = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEAD = 100
"""How much of a line is looked at to know what it is."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that belongs at the end of a page.

    Attributes:
        page: the kind of a page that begins with it; None: it goes on with the page before.
    """

    text: str
    page: PageKind | None = None


class Pages:
    """Cuts one text, given in pieces of any size; the pieces that come out make up the same text."""

    def __init__(self) -> None:
        self._kind: PageKind | None = None
        self._lines = self._characters = 0
        self._head = ""
        self._after_blank = False
        self._fence = ""

    def cut(self, text: str) -> Iterator[Piece]:
        """Says where a further piece of the text belongs."""
        for part in _PARTS.findall(text):
            rest: str = part
            while rest:
                page = self._next_page(rest)
                if page is not None:
                    self._kind, self._lines, self._characters = page, 0, 0
                room = MOST_CHARACTERS - self._characters
                piece, rest = rest[:room], rest[room:]
                self._follow(piece)
                yield Piece(piece, page)

    def _next_page(self, coming: str) -> PageKind | None:
        if self._kind is None:
            return "markdown"
        if self._characters >= MOST_CHARACTERS:
            return "plain"
        if self._head:
            return None  # inside of a line
        if self._after_blank and not self._fence and not coming[0].isspace():  # a block begins
            return "markdown" if self._kind == "plain" or self._lines >= ROOMY_LINES else None
        return "plain" if self._lines >= MOST_LINES else None

    def _follow(self, piece: str) -> None:
        self._characters += len(piece)
        if len(self._head) < _HEAD:
            self._head += piece[:_HEAD]
        if not piece.endswith("\n"):
            return
        self._lines += 1
        self._after_blank = not self._head.strip()
        if (fence := _FENCE.match(self._head)) is not None:
            mark = fence[1]
            if not self._fence:
                self._fence = mark
            elif mark.startswith(self._fence) and self._head[fence.end() :].strip() == "":
                self._fence = ""
        self._head = ""
