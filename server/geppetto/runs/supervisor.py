"""Runs scripts in child processes, kept warm in a small pool; survives whatever they do.

Every run has exactly one end event, and nothing after it: also when its child crashes, is killed, sends
garbage or stops answering. A run that is cancelled is asked first, then terminated, then killed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from geppetto.errors import GeppettoError
from geppetto.runs.child import Child, ChildError
from geppetto.runs.conduct import Conductor, Patience, Tell
from geppetto.runs.endings import failure
from geppetto.runs.handle import RunHandle, new_run_id
from geppetto.runs.pool import WarmPool
from geppetto.runs.protocol import EndEvent, QueuedEvent, Run, RunEvent, RunRequest
from geppetto.runs.recorder import Recorder
from geppetto.runs.records import RecordError, RunRecord
from geppetto.runs.replay import replay
from geppetto.runs.sources import source_for
from geppetto.runs.store import RecordStore
from geppetto.runs.tally import Tally

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunsOptions:
    """How a supervisor works.

    Attributes:
        at_once: how many runs may go on together; the others queue.
        warm: how many children are kept ready.
        patience: how long children may take for what they are asked.
        close_seconds: how long the end of everything may take before what lives is killed.
        command: what starts a child, besides its last argument, which is this process's id; None for the quickest way.
        settings_folder: where runs' settings are looked for, upwards; None for each script's folder.
    """

    at_once: int = 16
    warm: int = 1
    patience: Patience = field(default_factory=Patience)
    close_seconds: float = 2.0
    command: Sequence[str] | None = None
    settings_folder: str | None = None


class RunSupervisor:
    """Starts runs and ends them. Belongs to the event loop it is used in.

    Use it as an async context manager, or call :meth:`warm_up` and :meth:`close`::

        async with RunSupervisor() as supervisor:
            run = supervisor.start(RunRequest(path="/home/ada/hello.geppetto.js"))
            async for event in run.events():
                ...

    Args:
        records: where runs leave their records; None leaves none.
    """

    def __init__(self, options: RunsOptions | None = None, records: RecordStore | None = None) -> None:
        self._options = options or RunsOptions()
        self.records = records
        self._pool = WarmPool(
            self._options.warm,
            source_for(self._options.command),
            ready_seconds=self._options.patience.ready,
        )
        self._runs: dict[str, RunHandle] = {}
        self._waiting: deque[RunHandle] = deque()
        self._written: dict[str, asyncio.Event] = {}
        """Of the records that are not complete: set when they are."""
        self._driven = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def warm_up(self) -> None:
        """Makes children ready in the background, so that the first run need not wait for one."""
        self._pool.fill()

    def start(self, request: RunRequest) -> RunHandle:
        """Starts a run, or queues it when too many go on.

        Raises:
            GeppettoError: the supervisor is closed.
        """
        handle = self._new_handle(request)
        if self._driven < self._options.at_once:
            self._drive(handle)
        else:
            handle.tell(QueuedEvent(ahead=len(self._waiting)))
            self._waiting.append(handle)
        return handle

    async def replay(self, name: str, *, pace: float | None = None) -> RunHandle:
        """Plays a record again as a run of its own, which leaves no record.

        Returns when the run has begun: at once, but for what is still to be written of runs that have ended.

        Args:
            name: the recorded run (see ``RecordStore.find``).
            pace: how many times as fast as it ran; None for no waiting at all.

        Raises:
            GeppettoError: the supervisor is closed, there is no such record, or its run goes on.
        """
        if self.records is None:
            raise GeppettoError("Runs leave no records here")
        for run_id, written in [*self._written.items()]:
            if run_id not in self._runs:
                await written.wait()
        record = self.records.find(name)
        if record.run_id in self._runs:
            raise GeppettoError(f"The run {record.run_id} goes on: it can be played again when it has ended")
        handle = self._new_handle(RunRequest(path=str(record.head().request.get("path", ""))))
        handle.state = "running"
        self._task(self._play(handle, record, pace))
        return handle

    def run(self, run_id: str) -> RunHandle | None:
        """A run that goes on or waits; None if there is none of this id (any more)."""
        return self._runs.get(run_id)

    @property
    def runs(self) -> Sequence[RunHandle]:
        """The runs that go on or wait, oldest first."""
        return tuple(self._runs.values())

    async def close(self) -> None:
        """Cancels every run and ends every child; returns within a few seconds, whatever they do."""
        self._closed = True
        for handle in self.runs:
            handle.cancel()
        for task in await self._wait_for_tasks():
            task.cancel()
        await self._wait_for_tasks()
        await self._pool.close()

    async def _wait_for_tasks(self) -> set[asyncio.Task[None]]:
        """Waits for what goes on, but not too long; returns what is left of it."""
        if not self._tasks:
            return set()
        return (await asyncio.wait(self._tasks, timeout=self._options.close_seconds))[1]

    async def __aenter__(self) -> Self:
        self.warm_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # The life of a run

    def _new_handle(self, request: RunRequest) -> RunHandle:
        if self._closed:
            raise GeppettoError("No more runs: this process is about to end")
        handle = RunHandle(new_run_id(datetime.now(UTC)), request, self._cancelled)
        self._runs[handle.id] = handle
        return handle

    def _cancelled(self, handle: RunHandle) -> None:
        if handle in self._waiting:
            self._waiting.remove(handle)
            self._end(handle, EndEvent(outcome="cancelled"))

    def _drive(self, handle: RunHandle) -> None:
        handle.state = "running"
        self._driven += 1
        self._task(self._live(handle))

    async def _live(self, handle: RunHandle) -> None:
        """A run from its start to the end of its process."""
        recorder: Recorder | None = None

        def tell(event: RunEvent, event_json: bytes) -> None:
            handle.tell(event, len(event_json))
            if recorder is not None:
                recorder.add(event_json)

        child: Child | None = None
        end = EndEvent(outcome="cancelled")
        try:
            recorder = self._recorder(handle)
            child, end = await self._conduct(handle, tell)
        except ChildError as error:
            end = failure(str(error), code="run.start", hint=error.hint)
        except Exception as error:  # a mistake of ours ends the run, with a message, and not in silence
            logger.exception("a run could not be brought to its end")
            end = failure(f"Internal error: {type(error).__name__}: {error}", code="run.internal")
        finally:
            self._end(handle, end)
            if child is not None:
                await self._dismiss(child)
            self._driven -= 1
            while self._waiting and self._driven < self._options.at_once and not self._closed:
                self._drive(self._waiting.popleft())
            if recorder is not None:
                try:
                    await recorder.finish(end)
                finally:
                    self._written.pop(handle.id).set()
                await self._prune()

    async def _conduct(self, handle: RunHandle, tell: Tell) -> tuple[Child | None, EndEvent]:
        """Runs the script; returns the child, which may live yet, and how the run ended."""
        words = ""
        for fresh in (False, True):
            child = await self._take_child(handle, fresh=fresh)
            if child is None:
                return None, EndEvent(outcome="cancelled")
            asked = Run(request=handle.request, settings_folder=self._options.settings_folder)
            conductor = Conductor(child, asked, handle.cancelled, tell, self._options.patience)
            try:
                end = await conductor.run()
            except BaseException:
                await self._dismiss(child)
                raise
            if end is not None:
                return child, end
            await self._dismiss(child)  # it died while it waited to be used: the run has not begun
            words = child.words()
        raise ChildError(f"The process for scripts died before it took the script{words}")

    async def _take_child(self, handle: RunHandle, *, fresh: bool) -> Child | None:
        """A child for a run; None if the run was cancelled first."""
        taking = asyncio.create_task(self._pool.take(fresh=fresh))
        cancelled = asyncio.create_task(handle.cancelled.wait())
        try:
            await asyncio.wait({taking, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                return None
            return taking.result()
        except asyncio.CancelledError:
            if taking.done() and taking.exception() is None:
                await self._dismiss(taking.result())
            raise
        finally:
            cancelled.cancel()
            if not taking.done():
                taking.cancel()
                await asyncio.wait({taking})

    async def _dismiss(self, child: Child) -> None:
        await child.end(patience=self._options.patience.leave)

    def _end(self, handle: RunHandle, end: EndEvent) -> None:
        self._runs.pop(handle.id, None)
        handle.tell(end)

    def _task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="run")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Records

    def _recorder(self, handle: RunHandle) -> Recorder | None:
        if self.records is None:
            return None
        recorder = Recorder(self.records, handle)
        self._written[handle.id] = asyncio.Event()
        return recorder

    async def _prune(self) -> None:
        if self.records is not None and not self._closed:
            await asyncio.to_thread(self.records.prune, frozenset(self._runs))

    async def _play(self, handle: RunHandle, record: RunRecord, pace: float | None) -> None:
        """A replay from its start to its end."""
        began, tally = time.monotonic(), Tally()
        playing = asyncio.create_task(self._play_events(handle, record, pace, tally))
        cancelled = asyncio.create_task(handle.cancelled.wait())
        end = EndEvent(outcome="cancelled")
        try:
            await asyncio.wait({playing, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            seconds = time.monotonic() - began
            end = playing.result() if playing.done() else tally.complete(end, seconds)
        except RecordError as error:
            end = failure(str(error), code="run.record", hint=error.hint)
        finally:
            playing.cancel()
            cancelled.cancel()
            self._end(handle, end)

    @staticmethod
    async def _play_events(
        handle: RunHandle, record: RunRecord, pace: float | None, tally: Tally
    ) -> EndEvent:
        async for event in replay(record, pace=pace):
            if isinstance(event, EndEvent):
                return event
            tally.count(event)
            handle.tell(event, len(event.model_dump_json()))
            await asyncio.sleep(0)  # the reader has its turn, and cancelling is heard
        raise RecordError("a replay ended without an end event")
