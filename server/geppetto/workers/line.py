"""A worker's line to the submitter of a run: what is said on it is sent until it was heard."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from geppetto.events.transports import Transport, TransportError
from geppetto.events.wire import peer_topic
from geppetto.workers.wire import PIECE_BYTES, Answer, Job, Report, Wants

logger = logging.getLogger(__name__)

_WINDOW: Final = 4 * 1024 * 1024
"""Bytes that may be unheard; then the run's events wait where they merge."""
_ASK_BYTES: Final = 1024 * 1024
_FIRST_ASKS: Final = 0.25
"""Seconds until the first question is repeated; then twice as long each time."""


@dataclass(frozen=True, slots=True)
class LinePatience:
    """In seconds.

    Attributes:
        beat: between two signs of life, which ask for one too.
        silence: without an answer, after which the submitter is taken for gone.
    """

    beat: float = 2.0
    silence: float = 30.0


class Line:
    """One attempt at a run, as it is told to the submitter.

    Attributes:
        attempt: its name.
        wants: what the submitter wants; None before it has said anything.
        lost: how many workers were lost with the run before.
        is_gone: whether the submitter has not answered for too long.
    """

    def __init__(self, bus: Transport, job: Job, worker: str, patience: LinePatience) -> None:
        self.attempt = uuid.uuid4().hex
        self.wants: Wants | None = None
        self.lost = 0
        self.is_gone = False
        self.on_change: Callable[[], None] = _nothing
        self._bus = bus
        self._job = job
        self._worker = worker
        self._patience = patience
        self._said = bytearray()  # from `_heard` on
        self._heard = 0
        self._sent = 0
        self._asked = 0
        self._complete = False
        self._waits_since: float | None = None
        self._changed = asyncio.Event()

    async def greet(self, seconds: float) -> bool:
        """Asks whether the run is still wanted; False if nobody answers in time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        pause = _FIRST_ASKS
        while self.wants is None:
            if not await self._send(b"", asks=True):
                until = loop.time() + seconds  # the bus was away: that is not the submitter's fault
            elif loop.time() >= until:
                return False
            await self._wait(min(pause, max(until - loop.time(), 0.01)))
            pause *= 2
        return True

    def say(self, data: bytes) -> None:
        """Adds to what is to be heard."""
        self._said += data
        self._changed.set()

    def complete(self) -> None:
        """Says that nothing more will be said."""
        self._complete = True
        self._changed.set()

    async def room(self) -> None:
        """Waits while the submitter is far behind."""
        while len(self._said) > _WINDOW and not self.is_over:
            await self._wait(self._patience.beat)

    @property
    def is_over(self) -> bool:
        """Whether nobody listens any more: everything was heard, or is not wanted."""
        return self.is_gone or self.wants == "over"

    async def talk(self) -> None:
        """Sends what is said until it is over. To be run as a task beside the run."""
        beat = self._patience.beat
        while not self.is_over:
            end = self._heard + len(self._said)
            if self._sent < end and self._sent - self._heard < _WINDOW:
                start = self._sent - self._heard
                piece = bytes(self._said[start : start + PIECE_BYTES])
                is_last = self._complete and self._sent + len(piece) == end
                asks = is_last or self._sent + len(piece) - self._asked >= _ASK_BYTES
                if await self._send(piece, asks=asks):
                    self._sent += len(piece)
            elif not await self._wait(beat):
                await self._send(b"", asks=True)

    async def leave(self) -> None:
        """Tells that the run was put back into the queue."""
        await self._send(b"", leaves=True)

    def take(self, answer: Answer) -> None:
        """What the submitter says."""
        self._waits_since = None
        before, self.wants = self.wants, answer.wants
        self.lost = answer.lost
        if answer.heard > self._heard:
            del self._said[: answer.heard - self._heard]
            self._heard = answer.heard
            self._sent = max(self._sent, self._heard)
        if answer.lacks:
            self._sent = self._heard
        self._changed.set()
        if before != answer.wants:
            self.on_change()

    async def _send(self, piece: bytes, *, asks: bool = False, leaves: bool = False) -> bool:
        """Sends a report; False if the bus did not take it."""
        report = Report(self._job.run_id, self.attempt, self._worker, self._sent, asks, leaves, piece)
        loop = asyncio.get_running_loop()
        try:
            await self._bus.publish(peer_topic(self._job.submitter), report.message())
        except TransportError as error:
            logger.debug("A report was not sent: %s", error)
            self._waits_since = None
            await asyncio.sleep(0.2)
            return False
        if asks:
            self._asked = self._sent + len(piece)
            if self._waits_since is None:
                self._waits_since = loop.time()
            elif loop.time() - self._waits_since > self._patience.silence:
                self.is_gone = True
                self.on_change()
        return True

    async def _wait(self, seconds: float) -> bool:
        """Waits for news; False if there were none in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


def _nothing() -> None:
    pass
