"""A queue of what runs show, in which text waits together: deltas of one stream, and console lines in a row."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from geppetto.runtime.output import ConsoleLevel

Item = TypeVar("Item")
Text = TypeVar("Text", str, bytes)

_ITEM_SIZE = 200
"""What holding one item costs beside its text, in bytes, roughly."""


class Delta(Generic[Text]):
    """Pieces of a stream's text, in order."""

    __slots__ = ("parts", "size", "step_id")

    def __init__(self, step_id: str, part: Text) -> None:
        self.step_id = step_id
        self.parts: list[Text] = [part]
        self.size = len(part) + _ITEM_SIZE


class Console(Generic[Text]):
    """Lines that were printed at one level, in order."""

    __slots__ = ("level", "parts", "size")

    def __init__(self, level: ConsoleLevel, part: Text) -> None:
        self.level: ConsoleLevel = level
        self.parts: list[Text] = [part]
        self.size = len(part) + _ITEM_SIZE


class Other(Generic[Item]):
    """What merges with nothing."""

    __slots__ = ("item", "size")

    def __init__(self, item: Item, size: int) -> None:
        self.item = item
        self.size = size


class MergingQueue(Generic[Item, Text]):
    """First in, first out; a delta joins the one of its stream that waits already, wherever it stands.

    Within a stream nothing changes places, and console lines keep their order among themselves. A delta may
    come before console text that was written before it.

    Attributes:
        size: of everything that waits, in characters or bytes of text plus an allowance for each item.
    """

    def __init__(self) -> None:
        self._items: deque[Delta[Text] | Console[Text] | Other[Item]] = deque()
        self._open: dict[str, Delta[Text]] = {}
        self._console: Console[Text] | None = None
        self.size = 0

    def __len__(self) -> int:
        return len(self._items)

    def delta(self, step_id: str, text: Text) -> None:
        waiting = self._open.get(step_id)
        if waiting is None:
            self._append(new := Delta(step_id, text))
            self._open[step_id] = new
        else:
            waiting.parts.append(text)
            waiting.size += len(text)
            self.size += len(text)

    def console(self, level: ConsoleLevel, text: Text) -> None:
        waiting = self._console
        if waiting is None or waiting.level != level:
            self._append(new := Console(level, text))
            self._console = new
        else:
            waiting.parts.append(text)
            waiting.size += len(text) + 1
            self.size += len(text) + 1

    def put(self, item: Item, *, size: int = 0, step_id: str | None = None) -> None:
        """Adds what merges with nothing; console text that follows stays behind it.

        Args:
            size: of its text.
            step_id: the stream it belongs to, whose later deltas stay behind it too.
        """
        if step_id is not None:
            self._open.pop(step_id, None)
        self._console = None
        self._append(Other(item, size + _ITEM_SIZE))

    def seal(self) -> None:
        """Keeps whatever follows behind what is there."""
        self._open.clear()
        self._console = None

    def take(self) -> Delta[Text] | Console[Text] | Item:
        """Removes and returns the first. There must be one."""
        first = self._items.popleft()
        self.size -= first.size
        if isinstance(first, Other):
            return first.item
        if isinstance(first, Delta):
            if self._open.get(first.step_id) is first:
                del self._open[first.step_id]
        elif self._console is first:
            self._console = None
        return first

    def _append(self, item: Delta[Text] | Console[Text] | Other[Item]) -> None:
        self._items.append(item)
        self.size += item.size
