"""One run as whoever started it sees it: its events, its cancellation, its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from uuid import uuid4

from geppetto.errors import GeppettoError
from geppetto.runs.merging import Console, Delta, MergingQueue
from geppetto.runs.protocol import (
    ConsoleEvent,
    DeltaEvent,
    EndEvent,
    GapEvent,
    RunEvent,
    RunRequest,
    StepEvent,
)

_TEXT_BYTES = 8 * 1024 * 1024
_ALL_BYTES = 2 * _TEXT_BYTES

RunState: TypeAlias = Literal["queued", "running", "ended"]


@dataclass(slots=True)
class _Gap:
    characters: int = 0
    events: int = 0


class RunHandle:
    """One run: its events, once, and its cancellation.

    A run never waits for the reader of its events. What the reader has not taken yet merges (deltas of a
    stream, console lines), and beyond 8 MiB text is left out, with a gap event in its place.

    Attributes:
        id: the run's name, also in its record; sorts by time.
        request: what runs.
        started_at: when it was asked for.
        state: queued, running or ended.
        end: the end event, when the run is over.
    """

    def __init__(self, run_id: str, request: RunRequest, on_cancel: Callable[[RunHandle], None]) -> None:
        self.id = run_id
        self.request = request
        self.started_at = datetime.now(UTC)
        self.state: RunState = "queued"
        self.end: EndEvent | None = None
        self.cancelled = asyncio.Event()
        self._on_cancel = on_cancel
        self._events: MergingQueue[RunEvent | _Gap, str] = MergingQueue()
        self._gap: _Gap | None = None
        self._filled = asyncio.Event()
        self._ended = asyncio.Event()
        self._has_reader = False

    async def events(self) -> AsyncGenerator[RunEvent]:
        """Every event from the first one that was not read yet, up to the end event. For one reader.

        Raises:
            GeppettoError: there is a reader already.
        """
        async with aclosing(self.batches(1)) as batches:
            async for batch in batches:
                yield batch[0]

    async def batches(self, most: int) -> AsyncGenerator[list[RunEvent]]:
        """The same, so many at once as are there, but not more than asked for.

        Raises:
            GeppettoError: there is a reader already.
        """
        if self._has_reader:
            raise GeppettoError("The events of a run have one reader")
        self._has_reader = True
        try:
            while True:
                while not self._events:
                    if self._ended.is_set():
                        return
                    self._filled.clear()
                    await self._filled.wait()
                yield [self._take() for _ in range(min(most, len(self._events)))]
        finally:
            self._has_reader = False

    def cancel(self) -> bool:
        """Asks the run to end; its end event follows. May be called at any time, any number of times.

        Returns:
            Whether it still ran, or waited to.
        """
        if self.end is not None:
            return False
        if not self.cancelled.is_set():
            self.cancelled.set()
            self._on_cancel(self)
        return True

    async def wait(self) -> EndEvent:
        """The end event, when the run is over."""
        await self._ended.wait()
        assert self.end is not None
        return self.end

    # For the supervisor

    def tell(self, event: RunEvent, size: int = 0) -> None:
        """Adds an event of some bytes. Nothing is told after the end."""
        if self.end is not None:
            return
        match event:
            case EndEvent():
                self.end = event
                self.state = "ended"
                self._put(event, size)
                self._ended.set()
            case DeltaEvent(step_id=step_id, delta=text):
                if self._has_room(len(text), _TEXT_BYTES):
                    self._gap = None
                    self._events.delta(step_id, text)
            case ConsoleEvent(level=level, text=text):
                if self._has_room(len(text), _TEXT_BYTES):
                    self._gap = None
                    self._events.console(level, text)
            case _:
                if self._has_room(size, _ALL_BYTES):
                    self._put(event, size)
        self._filled.set()

    def _put(self, event: RunEvent, size: int) -> None:
        step_id = event.step_id if isinstance(event, StepEvent) else None
        self._gap = None
        self._events.put(event, size=size, step_id=step_id)

    def _has_room(self, size: int, bound: int) -> bool:
        if self._events.size + size <= bound:
            return True
        if self._gap is None:
            self._gap = _Gap()
            self._events.seal()
            self._events.put(self._gap)
        self._gap.characters += size
        self._gap.events += 1
        return False

    def _take(self) -> RunEvent:
        match self._events.take():
            case Delta(step_id=step_id, parts=parts):
                return DeltaEvent(step_id=step_id, delta="".join(parts))
            case Console(level=level, parts=parts):
                return ConsoleEvent(level=level, text="\n".join(parts))
            case _Gap() as gap:
                if gap is self._gap:
                    self._gap = None
                return GapEvent(characters=gap.characters, events=gap.events)
            case event:
                return event


def new_run_id(now: datetime) -> str:
    """A name for a run: its time in UTC to the second, and something that makes it the only one."""
    return f"{now:%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
