"""A run that a worker does, as its submitter follows it: one stream of events, whatever becomes of the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import ValidationError

from geppetto.runs.endings import failure
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import EndEvent, NoticeEvent, QueuedEvent, RunEvent, run_event
from geppetto.workers.wire import Answer, Report, Wants

_QUIET_SECONDS = 10.0
_UNTAKEN_SECONDS = 3.0
_CANCEL_SECONDS = 10.0
_ANSWER_BYTES = 512 * 1024


class Following:
    """Puts the pieces of a run's reports together and tells its handle what they say.

    A run may be begun more than once, when workers die or leave. The events of the newest attempt count.

    Args:
        handle: who is told.
        tell: told every event and its JSON, before the handle.
        lost_seconds: how long a worker may be silent before the run is given up.
    """

    def __init__(
        self, handle: RunHandle, tell: Callable[[RunEvent, bytes], None], *, lost_seconds: float
    ) -> None:
        self.handle = handle
        self._tell = tell
        self._lost_seconds = lost_seconds
        self._attempt: str | None = None
        self._worker = ""
        self._old: set[str] = set()
        self._lost = 0
        self._heard = 0
        self._answered = 0
        self._line = bytearray()
        self._lacks_told = False
        self._clock = asyncio.get_running_loop().time
        self._heard_at = self._clock()
        self._cancelled_at: float | None = None
        self._has_told_quiet = False

    def take(self, report: Report) -> Answer | None:
        """Takes a report; returns what to answer, if anything."""
        if report.attempt in self._old:
            return Answer(report.attempt, 0, "over")
        if report.leaves:
            self._left(report)
            return None
        if report.attempt != self._attempt:
            self._begin(report)
        self._heard_at = self._clock()
        self._has_told_quiet = False
        is_hole = report.offset > self._heard
        if not is_hole:
            self._read(report.piece[self._heard - report.offset :])
        if report.asks or (is_hole and not self._lacks_told) or self._heard - self._answered > _ANSWER_BYTES:
            self._lacks_told = is_hole
            self._answered = self._heard
            return Answer(report.attempt, self._heard, self._wants, is_hole, self._lost)
        return None

    def cancel(self) -> tuple[str, Answer] | None:
        """The run is not wanted any more: ends it, or returns a worker and what to tell it."""
        self._cancelled_at = self._clock()
        if self._attempt is None:
            self.end(EndEvent(outcome="cancelled"))
            return None
        return self._worker, Answer(self._attempt, self._heard, "cancel")

    def look(self, *, connected: bool) -> None:
        """Looks after what has not happened. Called every second or so."""
        now = self._clock()
        if not connected:
            self._heard_at = now  # nobody could have been heard
            return
        silent = now - self._heard_at
        if self._cancelled_at is not None and now - self._cancelled_at > _CANCEL_SECONDS:
            self._notice("The worker does not answer; the run was left to itself.")
            self.end(EndEvent(outcome="cancelled"))
        elif self._attempt is None:
            if silent > _UNTAKEN_SECONDS:
                self._notice_once("No worker has taken the run yet. To start one: geppetto worker --bus URL")
        elif silent > self._lost_seconds:
            self.end(
                failure(
                    f"Worker {self._worker} has been silent for {silent:.0f} s, and no other has begun the run",
                    code="run.lost",
                    hint="Are there workers? Has the bus forgotten its queue (nats-server without a folder)?",
                )
            )
        elif silent > _QUIET_SECONDS:
            self._notice_once(
                f"Worker {self._worker} has been silent for {silent:.0f} s; if it is dead, another begins the run anew."
            )

    def end(self, end: EndEvent) -> None:
        """Ends the run for whoever started it."""
        self._say(end)

    @property
    def _wants(self) -> Wants:
        if self.handle.end is not None:
            return "over"
        return "cancel" if self.handle.cancelled.is_set() else "go"

    def _begin(self, report: Report) -> None:
        """Follows a new attempt from its first byte."""
        if self._attempt is not None:
            self._old.add(self._attempt)
            self._lost += 1
            self._notice(f"Worker {self._worker} was lost; the run goes to {report.worker}.")
        elif self._old:
            self._notice(f"The run begins anew on {report.worker}.")
        self._attempt, self._worker = report.attempt, report.worker
        self._heard = self._answered = 0
        self._lacks_told = False
        self._line.clear()
        self.handle.state = "running"

    def _left(self, report: Report) -> None:
        self._old.add(report.attempt)
        if report.attempt == self._attempt:
            self._notice(f"Worker {report.worker} ends; the run waits for another.")
            self._attempt = None
            self._heard_at = self._clock()
            self._has_told_quiet = False
            if self._cancelled_at is not None:
                self.end(EndEvent(outcome="cancelled"))

    def _read(self, piece: bytes) -> None:
        self._heard += len(piece)
        *whole, rest = piece.split(b"\n")
        for line in whole:
            event_json = bytes(self._line) + line if self._line else line
            self._line.clear()
            try:
                event = run_event.validate_json(event_json)
            except ValidationError as error:
                self._notice(f"Worker {self._worker} said what cannot be read: {error.errors()[0]['msg']}")
                continue
            if not isinstance(event, QueuedEvent):  # for a process there; it was queued here before
                self._say(event, event_json)
        self._line += rest

    def _notice(self, text: str) -> None:
        self._say(NoticeEvent(text=text))

    def _notice_once(self, text: str) -> None:
        if not self._has_told_quiet:
            self._has_told_quiet = True
            self._notice(text)

    def _say(self, event: RunEvent, event_json: bytes | None = None) -> None:
        if self.handle.end is None:
            event_json = event.model_dump_json().encode() if event_json is None else event_json
            self._tell(event, event_json)
            self.handle.tell(event, len(event_json))
