"""What waits to be told to the script: JSON messages, handed over in greedy batches."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from geppetto.json_value import JsonValue

_BATCH_MESSAGES = 256
_BATCH_CHARACTERS = 1 << 20
_HIGH_WATER_CHARACTERS = 4 << 20


@dataclass(slots=True)
class Snippet:
    """Source to evaluate by itself; the future gets its value or its error."""

    code: str
    done: asyncio.Future[object]


@dataclass(slots=True)
class Alone:
    """A message that gets a turn of its own, as each timer does in Node."""

    text: str


class Inbox:
    """A queue of messages for the script. Filling it past the high-water mark makes publishers wait."""

    def __init__(self) -> None:
        self._items: deque[str | Alone | Snippet] = deque()
        self._size = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __bool__(self) -> bool:
        return bool(self._items)

    def put(self, item: str | Alone | Snippet) -> None:
        """Queues a message (JSON text) or a snippet."""
        self._items.append(item)
        if isinstance(item, str):
            self._size += len(item)
            if self._size > _HIGH_WATER_CHARACTERS:
                self._room.clear()
        self._filled.set()

    async def room(self) -> None:
        """Waits until the script has caught up with what is queued."""
        if not self._room.is_set():
            await self._room.wait()

    @property
    def full(self) -> bool:
        return not self._room.is_set()

    async def wait(self) -> None:
        """Waits until there is something to take."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()

    def wake(self) -> None:
        """Lets a waiting reader look again at the state of the run."""
        self._items.append("")
        self._filled.set()

    def take(self) -> str | Snippet:
        """The next batch as the text of a JSON array (empty text: nothing to tell), or the next snippet."""
        first = self._items[0]
        if isinstance(first, Snippet):
            self._items.popleft()
            return first
        if isinstance(first, Alone):
            self._items.popleft()
            return f"[{first.text}]"
        batch: list[str] = []
        size = 0
        while self._items and len(batch) < _BATCH_MESSAGES and size < _BATCH_CHARACTERS:
            item = self._items[0]
            if not isinstance(item, str):
                break
            self._items.popleft()
            if item:
                batch.append(item)
                size += len(item)
        self._size -= size
        if self._size <= _HIGH_WATER_CHARACTERS:
            self._room.set()
        return f"[{','.join(batch)}]" if batch else ""

    def clear(self) -> None:
        """Forgets everything and lets waiting publishers go on."""
        for item in self._items:
            if isinstance(item, Snippet):
                item.done.cancel()
        self._items.clear()
        self._size = 0
        self._room.set()


def as_list(value: JsonValue) -> list[JsonValue]:
    """The value if it is an array, else an error that names what came instead."""
    if not isinstance(value, list):
        raise TypeError(f"expected an array, got {type(value).__name__}")
    return value
