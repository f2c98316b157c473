"""What happened in a conversation, in order, for any number of readers, each at its own pace."""

import asyncio
import json
from typing import Final
from uuid import uuid4

from geppetto.json_value import JsonValue

KEPT_BYTES: Final = 1024 * 1024
"""How much of the past is kept. A reader further behind gets the present as a whole."""

CHUNK_BYTES: Final = 64 * 1024
"""About how much a reader is given at a time; what a slow one holds of the server's memory."""


class Feed:
    """A log of changes to a page, as server-sent events, that forgets its beginning.

    Readers have a place in it and nothing else: one that is slow holds nobody up and costs nothing. Each
    event is encoded once for all of them. An event's id is the feed's name and the place after the event.
    """

    def __init__(self) -> None:
        self.name = uuid4().hex[:12]
        self._events: list[bytes] = []
        self._first = 0
        self._kept = 0
        self._forgotten = 0
        self._changed = asyncio.Event()
        self.closed = False

    @property
    def end(self) -> int:
        """The place after the last event."""
        return self._first + len(self._events)

    def id(self, place: int | None = None) -> str:
        """The id of a place, by default of the end."""
        return f"{self.name}-{self.end if place is None else place}"

    def place(self, id: str) -> int | None:
        """The place that an id names; None when it is of another feed, or not an id at all."""
        name, _, number = id.rpartition("-")
        if name != self.name or not number.isdecimal() or len(number) > 12:
            return None
        return int(number) if int(number) <= self.end else None

    def add(self, event: str, data: JsonValue) -> None:
        """Say that something changed."""
        encoded = self.encode(event, data, self.end + 1)
        self._events.append(encoded)
        self._kept += len(encoded)
        self._forget()
        self._wake()

    def encode(self, event: str, data: JsonValue, place: int) -> bytes:
        """An event as it travels, with the id of a place."""
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self.id(place)}\nevent: {event}\ndata: {text}\n\n".encode()

    def after(self, place: int) -> tuple[bytes, int] | None:
        """Some of the events after a place, and the place after them; None when they are forgotten."""
        start = place - self._first
        if start < self._forgotten:
            return None
        stop, size = start, 0
        while stop < len(self._events) and size < CHUNK_BYTES:
            size += len(self._events[stop])
            stop += 1
        return b"".join(self._events[start:stop]), self._first + stop

    async def wait(self, place: int) -> None:
        """Return when there is something after a place, or the feed is closed."""
        while self.end == place and not self.closed:
            await self._changed.wait()

    def close(self) -> None:
        """Let every reader go."""
        self.closed = True
        self._wake()

    def _forget(self) -> None:
        while self._kept > KEPT_BYTES and self._forgotten < len(self._events) - 1:
            self._kept -= len(self._events[self._forgotten])
            self._events[self._forgotten] = b""
            self._forgotten += 1
        # Taken out in bulk: each time would move all that is left.
        if self._forgotten > 1024 or self._forgotten * 2 > len(self._events):
            del self._events[: self._forgotten]
            self._first += self._forgotten
            self._forgotten = 0

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
