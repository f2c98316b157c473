"""What waits to be told to the script: JSON messages, handed over in greedy batches."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from geppetto.json_value import JsonValue

# A turn delivers its whole batch before a `for await` loop goes on. So that no loop finds its events merged that
# would have kept up, a batch must fit the buffer of an iterator, 1024 events: at most these two together.
_BATCH_EVENTS = 512
_RUN_EVENTS = 256
_BATCH_CHARACTERS = 1 << 16
_HIGH_WATER_CHARACTERS = 1 << 18


@dataclass(slots=True)
class Snippet:
    """Source to evaluate by itself; the future gets its value or its error."""

    code: str
    done: asyncio.Future[object]


@dataclass(slots=True)
class Alone:
    """A message that gets a turn of its own, as each timer does in Node."""

    text: str


@dataclass(slots=True)
class _Deltas:
    """Deltas of one stream with nothing in between, as JSON texts: one message, however many they are."""

    stream: int
    texts: list[str]
    size: int

    def message(self) -> str:
        return f'["deltas",{self.stream},{",".join(self.texts)}]'


class Inbox:
    """A queue of messages for the script. Filling it past the high-water mark makes publishers wait."""

    def __init__(self) -> None:
        self._items: deque[str | _Deltas | Alone | Snippet] = deque()
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
            self._grow(len(item))
        self._filled.set()

    def put_delta(self, stream: int, delta: str) -> None:
        """Queues a delta (JSON text) that differs from its stream's last event in nothing but itself.

        That event must have been a partial, queued as a message of its own or by this method.
        """
        size = len(delta) + 1
        last = self._items[-1] if self._items else None
        if isinstance(last, _Deltas) and last.stream == stream and len(last.texts) < _RUN_EVENTS:
            last.texts.append(delta)
            last.size += size
        else:
            self._items.append(_Deltas(stream, [delta], size))
            self._filled.set()
        self._grow(size)

    async def room(self) -> None:
        """Waits until the script has caught up with what is queued."""
        if not self._room.is_set():
            await self._room.wait()

    @property
    def full(self) -> bool:
        """Whether publishers should wait for `room` before they put more."""
        return self._size > _HIGH_WATER_CHARACTERS

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
        events = size = 0
        while self._items and events < _BATCH_EVENTS and size < _BATCH_CHARACTERS:
            item = self._items[0]
            if isinstance(item, _Deltas):
                batch.append(item.message())
                events += len(item.texts)
                size += item.size
            elif isinstance(item, str):
                if item:
                    batch.append(item)
                    events += 1
                    size += len(item)
            else:
                break
            self._items.popleft()
        self._size -= size
        if self._size <= _HIGH_WATER_CHARACTERS:
            self._room.set()
        return f"[{','.join(batch)}]" if batch else ""

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > _HIGH_WATER_CHARACTERS:
            self._room.clear()

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
