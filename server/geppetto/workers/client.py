"""Runs scripts on workers: submits runs to the queue and follows them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from geppetto.errors import GeppettoError
from geppetto.events.message import Message
from geppetto.events.transports import Subscription, Transport, TransportError
from geppetto.events.transports.connect import connect
from geppetto.events.wire import peer_topic
from geppetto.runs.endings import failure, run_error
from geppetto.runs.handle import RunHandle, new_run_id
from geppetto.runs.protocol import EndEvent, QueuedEvent, RunEvent, RunRequest
from geppetto.runs.recorder import Recorder
from geppetto.runs.store import RecordStore
from geppetto.runtime.errors import ScriptError, code_frame
from geppetto.runtime.script import ModuleError
from geppetto.workers.following import Following
from geppetto.workers.parcel import pack
from geppetto.workers.wire import QUEUE, Answer, Report

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.5
_LOST_SECONDS: Final = 120.0


class RemoteRunner:
    """Runs scripts on the workers behind a bus. A ``Runner``, as ``RunSupervisor`` is.

    It connects when the first run is started. A run that cannot be submitted ends with an error that says why.

    Args:
        url: of the bus.
        records: where runs leave their records; None leaves none.
        timeout: seconds after which an unreachable bus is an error.
        close_seconds: how long workers may take to end what is cancelled at the end.
    """

    def __init__(
        self,
        url: str,
        *,
        records: RecordStore | None = None,
        timeout: float = 5.0,
        close_seconds: float = 3.0,
    ) -> None:
        self.records = records
        self._url = url
        self._timeout = timeout
        self._close_seconds = close_seconds
        self._name = uuid4().hex
        self._runs: dict[str, Following] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting: asyncio.Task[Transport] | None = None
        self._bus: Transport | None = None
        self._answers: dict[str, list[Message]] = defaultdict(list)
        self._answering: asyncio.Task[None] | None = None
        self._closed = False

    def warm_up(self) -> None:
        """Connects in the background."""
        self._task(self._connect_ahead())

    async def connect(self) -> None:
        """Connects now.

        Raises:
            TransportError: the bus cannot be reached, or there can be no workers behind it.
        """
        await self._connected()

    def start(self, request: RunRequest) -> RunHandle:
        """Submits a run.

        Raises:
            GeppettoError: the runner is closed.
        """
        if self._closed:
            raise GeppettoError("No more runs: this process is about to end")
        handle = RunHandle(new_run_id(datetime.now(UTC)), request, self._cancel)
        recorder = None if self.records is None else Recorder(self.records, handle)

        def tell(event: RunEvent, event_json: bytes) -> None:
            if isinstance(event, EndEvent):
                self._runs.pop(handle.id, None)
                if recorder is not None:
                    self._task(recorder.finish(event))
            elif recorder is not None:
                recorder.add(event_json)

        following = Following(handle, tell, lost_seconds=_LOST_SECONDS)
        self._runs[handle.id] = following
        handle.tell(QueuedEvent(ahead=0))
        self._task(self._submit(following))
        return handle

    def run(self, run_id: str) -> RunHandle | None:
        following = self._runs.get(run_id)
        return None if following is None else following.handle

    @property
    def runs(self) -> Sequence[RunHandle]:
        return tuple(following.handle for following in self._runs.values())

    async def close(self) -> None:
        """Cancels every run, and leaves the bus."""
        self._closed = True
        for handle in self.runs:
            handle.cancel()
        if self._runs:
            waiting = [asyncio.create_task(handle.wait()) for handle in self.runs]
            await asyncio.wait(waiting, timeout=self._close_seconds)
            for task in waiting:
                task.cancel()
        for following in tuple(self._runs.values()):
            following.end(EndEvent(outcome="cancelled"))
        if self._answering is not None:
            await asyncio.wait({self._answering}, timeout=self._close_seconds)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        if self._bus is not None:
            await self._bus.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.close()

    # --- the bus

    async def _connected(self) -> Transport:
        """The bus, connected once for all runs; a failure is tried again by the next run."""
        if self._connecting is None or (self._connecting.done() and self._bus is None):
            self._connecting = asyncio.create_task(self._connect(), name="bus of runs")
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> Transport:
        bus = await connect(self._url, timeout=self._timeout)
        try:
            if not bus.capabilities.durable:
                raise TransportError(
                    f"There can be no workers behind {self._url}", hint="nats://… or redis://…"
                )
            reports = bus.subscribe(peer_topic(self._name))
            await reports.__aenter__()
        except BaseException:
            await bus.close()
            raise
        self._bus = bus
        self._task(self._listen(bus, reports))
        self._task(self._look(bus))
        return bus

    async def _connect_ahead(self) -> None:
        try:
            await self._connected()
        except TransportError as error:
            logger.warning("%s", error)  # the first run says so again, to whoever started it

    async def _listen(self, bus: Transport, reports: Subscription) -> None:
        try:
            async with reports:
                async for message in reports:
                    message.ack()
                    self._take(message)
        except TransportError as error:
            self._fail_all(error)
        finally:
            if self._bus is bus and not self._closed:
                self._bus = None
                self._task(bus.close())

    async def _look(self, bus: Transport) -> None:
        while self._bus is bus:
            await asyncio.sleep(_LOOK_SECONDS)
            for following in tuple(self._runs.values()):
                following.look(connected=bus.connected)

    def _fail_all(self, error: GeppettoError) -> None:
        for following in tuple(self._runs.values()):
            following.end(failure(str(error), code="run.bus", hint=error.hint))

    # --- runs

    async def _submit(self, following: Following) -> None:
        handle = following.handle
        try:
            if handle.request.cassette is not None:
                raise GeppettoError("Cassettes are recorded and played on this machine, not on workers")
            job = await pack(handle.request, handle.id, self._name)
            bus = await self._connected()
            if handle.end is None:
                await bus.publish(QUEUE, Message(job.model_dump_json().encode()))
        except ModuleError as error:
            following.end(EndEvent(outcome="error", errors=(run_error(_script_error(error)),)))
        except GeppettoError as error:
            following.end(failure(str(error), code="run.bus", hint=error.hint))
        except Exception as error:  # a mistake of ours ends the run, with a message, and not in silence
            logger.exception("a run could not be submitted")
            following.end(failure(f"Internal error: {type(error).__name__}: {error}", code="run.internal"))

    def _take(self, message: Message) -> None:
        try:
            report = Report.of(message)
        except ValueError as error:
            logger.warning("A message to this process is no report: %s", error)
            return
        following = self._runs.get(report.run_id)
        if following is not None:
            answer = following.take(report)
        else:
            answer = (
                Answer(report.attempt, report.offset + len(report.piece), "over") if report.asks else None
            )
        if answer is not None:
            self._answer(report.worker, answer)

    def _cancel(self, handle: RunHandle) -> None:
        following = self._runs.get(handle.id)
        if following is not None and (told := following.cancel()) is not None:
            self._answer(*told)

    def _answer(self, worker: str, answer: Answer) -> None:
        self._answers[peer_topic(worker)].append(answer.message())
        if self._answering is None or self._answering.done():
            self._answering = self._task(self._send_answers())

    async def _send_answers(self) -> None:
        while self._answers and self._bus is not None:
            topic, messages = next(iter(self._answers.items()))
            del self._answers[topic]
            try:
                await self._bus.publish(topic, *messages)
            except TransportError as error:
                logger.debug("An answer was not sent, and will be asked for again: %s", error)

    def _task(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="remote run")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _script_error(error: ModuleError) -> ScriptError:
    frame = code_frame(error.source, error.place) if error.source and error.place else None
    return ScriptError(error.name, str(error), place=error.place, code_frame=frame, hint=error.hint)
