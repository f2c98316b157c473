"""One run on one child: sends the request, passes on what the child tells, and sees to it that it ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import ValidationError

from geppetto.errors import GeppettoError
from geppetto.runs.child import Child
from geppetto.runs.endings import failure, limit
from geppetto.runs.frames import FrameError, FrameReader, TruncatedError
from geppetto.runs.process import MemoryWatch, cause_of_death
from geppetto.runs.protocol import (
    Bounds,
    Cancel,
    EndEvent,
    Hello,
    NoticeEvent,
    Run,
    RunEvent,
    StartedEvent,
    child_message,
)
from geppetto.runs.tally import Tally

logger = logging.getLogger(__name__)

Tell: TypeAlias = Callable[[RunEvent, bytes], None]
"""Takes an event and its JSON."""

_MEMORY_POLL_SECONDS = 0.05
_MIB = 1024 * 1024
_TURN = 32
"""So many messages in a row, then others have their turn: all that a pipe holds would take a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a child may take for what it is asked, in seconds.

    Attributes:
        ready: to become warm.
        polite: to end when the run is cancelled; then it is terminated.
        terminate: to end then; after that it is killed.
        late: to end by itself after the run's own time limit, before it is killed.
        leave: to end after its end event.
    """

    ready: float = 20.0
    polite: float = 4.0
    terminate: float = 1.0
    late: float = 5.0
    leave: float = 1.0


@dataclass(frozen=True, slots=True)
class _Unsaid:
    """An end event that the child did not send."""

    event: EndEvent


class Conductor:
    """Runs a request on a child. For one run."""

    def __init__(
        self, child: Child, asked: Run, cancelled: asyncio.Event, tell: Tell, patience: Patience
    ) -> None:
        self._child = child
        self._asked = asked
        self._cancelled = cancelled
        self._tell = tell
        self._patience = patience
        self._tally = Tally()
        self._has_begun = False
        self._killed_for: Literal["memory", "time", "deaf"] | None = None
        self._memory: MemoryWatch | None = None
        self._helpers: list[asyncio.Task[None]] = []

    async def run(self) -> EndEvent | None:
        """Runs the script; returns how it ended, or None if the child died before it took the request."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._help(self._child.send(self._asked))
        self._help(self._cancel_when_asked())
        try:
            end = await self._read()
            if isinstance(end, _Unsaid):
                return self._tally.complete(end.event, loop.time() - began)
            return end
        finally:
            for helper in self._helpers:
                helper.cancel()
            await asyncio.wait(self._helpers)
            if self._memory is not None:
                self._memory.close()

    async def _read(self) -> EndEvent | _Unsaid | None:
        frames = FrameReader(self._child.stdout)
        count = 0
        while True:
            count += 1
            if count % _TURN == 0:
                await asyncio.sleep(0)
            try:
                body = await frames.read()
                message = None if body is None else child_message.validate_json(body)
            except TruncatedError as error:
                return await self._verdict(str(error))
            except (FrameError, ValidationError) as error:
                return await self._broken(_first_line(error))
            if body is None or message is None:
                return await self._verdict(None)
            match message:
                case EndEvent():
                    return message
                case Bounds():
                    self._begin(message)
                case Hello():
                    return await self._broken("a second hello")
                case _:
                    self._tally.count(message)
                    self._tell(message, body)

    def _begin(self, bounds: Bounds) -> None:
        self._has_begun = True
        event = StartedEvent(pid=self._child.pid)
        self._tell(event, event.model_dump_json().encode())
        if bounds.memory_bytes is not None:
            try:
                self._memory = MemoryWatch(self._child.pid, bounds.memory_bytes, bounds.unused_bytes)
            except OSError:
                logger.debug("the memory of a run cannot be watched here", exc_info=True)
            else:
                self._help(self._keep_memory(self._memory))
        if bounds.wall_seconds is not None:
            self._help(self._keep_time(bounds.wall_seconds))

    # What goes on beside the reading

    def _help(self, work: Coroutine[None, None, None]) -> None:
        self._helpers.append(asyncio.create_task(work, name="run helper"))

    async def _cancel_when_asked(self) -> None:
        await self._cancelled.wait()
        # A child that does not read its pipe must not keep us from the next step.
        self._help(self._child.send(Cancel()))
        await asyncio.sleep(self._patience.polite)
        self._killed_for = self._killed_for or "deaf"
        self._child.terminate()
        await asyncio.sleep(self._patience.terminate)
        self._child.kill()

    async def _keep_memory(self, memory: MemoryWatch) -> None:
        while not memory.is_exceeded():  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(_MEMORY_POLL_SECONDS)
        self._kill("memory")

    async def _keep_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds + self._patience.late)
        self._kill("time")

    def _kill(self, reason: Literal["memory", "time"]) -> None:
        self._killed_for = self._killed_for or reason
        self._child.kill()

    # When the child ended without an end event

    async def _broken(self, garbage: str) -> _Unsaid:
        self._child.kill()  # there is no way back into step
        await self._child.exit_code()
        broken = failure(
            f"The script's process broke the protocol of runs and was stopped: {garbage}",
            code="run.protocol",
            hint="This is a bug in Geppetto, not in the script.",
        )
        return _Unsaid(self._overruled() or broken)

    async def _verdict(self, last: str | None) -> _Unsaid | None:
        """How the run ended, told from how its process did; None if it had not begun.

        Args:
            last: what was wrong with what came last through the pipe.
        """
        code = await self._child.exit_code()
        overruled = self._overruled()
        if overruled is not None:
            return _Unsaid(overruled)
        if not self._has_begun:
            return None
        if self._child.was_killed:
            last = last or "it closed its pipe and went on"
        elif code < 0:
            return _Unsaid(self._death(-code))
        silent = failure(
            f"The script's process ended without saying how ({last or f'exit code {code}'}){self._child.words()}",
            code="run.lost",
            hint="This is a bug in Geppetto, not in the script.",
        )
        return _Unsaid(silent)

    def _overruled(self) -> EndEvent | None:
        """How the run ended if it was us who ended it."""
        match self._killed_for:
            case "memory":
                used = 0 if self._memory is None else self._memory.resident // _MIB
                return limit("memory", f"the script's process used {used} MiB of memory, more than it may")
            case "time":
                return limit("wall", "the script passed its time limit and did not end by itself")
            case "deaf":
                self._notice("The script did not end by itself and was stopped.")
            case None:
                pass
        return EndEvent(outcome="cancelled") if self._cancelled.is_set() else None

    def _death(self, died: int) -> EndEvent:
        was_near = self._memory is not None and self._memory.was_near()
        match cause_of_death(died, self._child.said, was_near_limit=was_near):
            case "memory":
                return limit("heap", "the script ran out of memory, and V8 ended its process")
            case "killed":
                return failure(
                    f"The script's process was killed from outside ({_signal_name(died)})",
                    code="run.killed",
                    hint="When the machine runs out of memory, the system does that; a lower memory limit "
                    "stops a script earlier.",
                )
            case "crash":
                logger.error("a run crashed (%s)%s", _signal_name(died), self._child.words())
                return failure(
                    f"The JavaScript engine crashed ({_signal_name(died)})",
                    code="run.crashed",
                    hint="This is a bug in Geppetto or V8, not in the script.",
                )

    def _notice(self, text: str) -> None:
        event = NoticeEvent(text=text)
        self._tell(event, event.model_dump_json().encode())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _first_line(error: GeppettoError | ValidationError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"no message it may send ({first['msg']})"
    return str(error)
