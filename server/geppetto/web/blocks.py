"""Cuts Markdown into its blocks while it arrives, so that a finished block is rendered and sent once."""

import re
from typing import Final

MAX_BLOCK: Final = 16 * 1024
"""Characters of a block; a longer one is cut. A text made for it takes a parser quadratic time."""

MAX_CODE_BLOCK: Final = 128 * 1024
"""The same for a block that ends in code, which is no work to parse."""

_FENCE: Final = re.compile(
    r"^(?P<before>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<mark>`{3,}|~{3,})(?P<info>.*)$"
)
_ITEM: Final = re.compile(r"^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_PERHAPS_ITEM: Final = re.compile(r"^ {0,3}(?:[-*+]|\d{1,9}[.)]?)?$")


class BlockSplitter:
    """Takes a text in pieces; gives the blocks that are finished, and the one that is still open.

    A block ends at an empty line that no fence, list item or indented line goes on after, and at the end of
    a fence. Rendering the blocks one by one gives what rendering the whole text would, except that a
    reference link must be defined in its own block.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._line = ""
        self._fence = ""
        self._fence_line = ""
        self._gap = False
        self._is_list = False

    @property
    def open(self) -> str:
        """The text of the open block so far; empty when there is none."""
        return "".join(self._lines) + self._line

    @property
    def _room(self) -> int:
        return MAX_CODE_BLOCK if self._fence else MAX_BLOCK

    def feed(self, delta: str) -> list[str]:
        """Take a piece of text; the blocks that it finished, in order."""
        finished: list[str] = []
        *lines, rest = delta.split("\n")
        for line in lines:
            self._take_line(self._line + line, finished)
            self._line = ""
        self._line += rest
        if self._gap and not _PERHAPS_ITEM.match(self._line) and self._begins_block(self._line):
            self._cut(finished)
        self._cut_long(finished)
        return finished

    def finish(self) -> list[str]:
        """The text has ended: its last block, if there is one."""
        last = self.open
        self.__init__()
        return [last] if last.strip() else []

    def _take_line(self, line: str, finished: list[str]) -> None:
        if self._gap and line.strip() and self._begins_block(line):
            self._cut(finished)
        self._line = line
        self._cut_long(finished)
        line = self._line
        self._gap = self._gap or not (line.strip() or self._fence)
        if line.strip():
            if not self._lines:
                self._is_list = bool(_ITEM.match(line))
            if not self._fence:
                self._gap = False
            self._follow_fence(line)
        self._lines.append(f"{line}\n")
        self._size += len(line) + 1

    def _follow_fence(self, line: str) -> None:
        if self._fence:
            bare = line.strip(" \t>")
            if bare.startswith(self._fence) and not bare.strip(self._fence[0]):
                self._fence = ""
                # What follows a fence at the margin is a block of its own, with or without an empty line.
                self._gap = line.startswith(("`", "~")) and not self._is_list
        elif (match := _FENCE.match(line)) and not (match["mark"][0] == "`" and "`" in match["info"]):
            self._fence, self._fence_line = match["mark"], line

    def _begins_block(self, line: str) -> bool:
        if self._fence or line.startswith((" ", "\t")):
            return False
        return not (self._is_list and _ITEM.match(line))

    def _cut_long(self, finished: list[str]) -> None:
        """Ends in the middle of a line, as often as the block is too long."""
        while self._size + len(self._line) > self._room:
            room = max(0, self._room - self._size)
            rest = self._line[room:]
            self._lines.append(self._line[:room])
            self._cut(finished)
            self._line = rest

    def _cut(self, finished: list[str]) -> None:
        text = "".join(self._lines)
        if text.strip():
            finished.append(text)
        # A fence that is cut goes on in the next block.
        self._lines = [f"{self._fence_line}\n"] if self._fence else []
        self._size = sum(map(len, self._lines))
        self._gap = False
        self._is_list = False


def blocks_of(text: str) -> list[str]:
    """The blocks of a text that is there already."""
    splitter = BlockSplitter()
    return [*splitter.feed(text), *splitter.finish()]
