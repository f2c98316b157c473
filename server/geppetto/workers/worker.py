"""A worker: takes runs from the queue, does them, and tells whoever asked for them.

A job is acked when its run is over and the submitter has heard the end. Until then the bus keeps it, and gives it to
another worker if this one dies. A run that two workers have died of is given up, and its submitter is told.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import ValidationError

from geppetto.errors import GeppettoError
from geppetto.events.dead_letters import DeadLetter, DeadLetterLog
from geppetto.events.message import Message
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports import Subscription, Transport, TransportClosed, TransportError
from geppetto.events.transports.connect import connect
from geppetto.events.wire import peer_topic
from geppetto.runs.endings import failure
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import EndEvent
from geppetto.runs.supervisor import RunsOptions, RunSupervisor
from geppetto.workers.line import Line, LinePatience
from geppetto.workers.parcel import Layout
from geppetto.workers.wire import GROUP, PROTOCOL, QUEUE, Answer, Job

logger = logging.getLogger(__name__)

_ATTEMPTS: Final = 2
"""How often a run is begun when its workers are lost."""
_ASKED: Final = 2
"""How often a job is taken whose submitter does not answer."""
_GONE_SECONDS: Final = 0.5
"""How long a submitter has to answer that did not answer before."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        concurrency: how many runs at once.
        warm: how many processes are kept ready; None for as many as runs at once, up to four.
        settings_folder: whose settings hold, found from there upwards; None for the current folder.
        drain_seconds: how long runs may take to end when the worker is asked to; then they are put back.
        answer_seconds: how long a submitter may take to say that it still wants its run.
        patience: with submitters, later.
        runs: everything else about runs.
    """

    concurrency: int = 2
    warm: int | None = None
    settings_folder: str | None = None
    drain_seconds: float = 30.0
    answer_seconds: float = 10.0
    patience: LinePatience = field(default_factory=LinePatience)
    runs: RunsOptions = field(default_factory=RunsOptions)


async def open_bus(url: str, *, claim_after: float = 30.0) -> Transport:
    """The bus as workers need it; the caller closes it.

    Args:
        url: of the bus.
        claim_after: seconds without a sign of life after which another worker takes a run.

    Raises:
        TransportError: it cannot be reached, or its library is not installed.
    """
    # How often a run is tried is ours to decide: the bus counts deliveries, of which not all begin it.
    return await connect(url, retry=RetryPolicy(attempts=100), claim_after=claim_after)


class Worker:
    """Does runs until it is drained.

    Args:
        bus: as ``open_bus`` opens it; the caller closes it.
        dead_letters: where jobs go that are given up.

    Attributes:
        name: different for every worker there is.
        done: how many runs it has brought to an end.
    """

    def __init__(
        self, bus: Transport, options: WorkerOptions | None = None, dead_letters: DeadLetterLog | None = None
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self.done = 0
        self._bus = bus
        self._options = options or WorkerOptions()
        self._dead_letters = dead_letters if dead_letters is not None else DeadLetterLog()
        at_once = self._options.concurrency
        warm = self._options.warm
        self._supervisor = RunSupervisor(
            replace(
                self._options.runs,
                at_once=at_once,
                warm=min(at_once, 4) if warm is None else warm,
                settings_folder=self._options.settings_folder or os.getcwd(),
            )
        )
        self._lines: dict[str, Line] = {}
        self._at_work: dict[str, asyncio.Event] = {}
        self._going: dict[str, RunHandle] = {}
        self._idle: set[Subscription] = set()
        self._gone: set[str] = set()
        self._draining = asyncio.Event()
        self._leaving = asyncio.Event()

    async def run(self) -> None:
        """Takes runs until it is drained.

        Raises:
            TransportError: the bus cannot be used, or ended the connection for good.
        """
        if not self._bus.capabilities.durable:
            raise TransportError("Workers need a bus that keeps messages.", hint="nats://… or redis://…")
        self._supervisor.warm_up()
        try:
            async with self._bus.subscribe(peer_topic(self.name)) as answers, asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(answers))
                watching = group.create_task(self._watch_drain())
                slots = [
                    group.create_task(self._work(), name=f"worker slot {number}")
                    for number in range(self._options.concurrency)
                ]
                await asyncio.wait(slots)
                listening.cancel()
                watching.cancel()
        except ExceptionGroup as group:
            broken = group.subgroup(TransportError)
            raise (group if broken is None else _first(broken)) from None
        finally:
            await self._supervisor.close()

    def drain(self) -> None:
        """Takes no more runs and ends when those that go on have ended, or after ``drain_seconds``.

        Asked a second time, it puts what goes on back into the queue at once.
        """
        if self._draining.is_set():
            self._leaving.set()
        self._draining.set()

    # --- what the submitters say

    async def _listen(self, answers: Subscription) -> None:
        async for message in answers:
            message.ack()
            try:
                answer = Answer.of(message)
            except ValueError as error:
                logger.warning("A message to this worker is no answer: %s", error)
                continue
            if line := self._lines.get(answer.attempt):
                line.take(answer)

    # --- the end

    async def _watch_drain(self) -> None:
        await self._draining.wait()
        logger.info("draining: %d runs go on", len(self._going))
        for subscription in tuple(self._idle):
            await subscription.aclose()
        try:
            async with asyncio.timeout(self._options.drain_seconds):
                await self._leaving.wait()
        except TimeoutError:
            self._leaving.set()
        for handle in tuple(self._going.values()):
            handle.cancel()

    # --- the runs

    async def _work(self) -> None:
        async with self._bus.subscribe(QUEUE, group=GROUP) as jobs:
            self._idle.add(jobs)
            async for message in jobs:
                self._idle.discard(jobs)
                await self._take(message)
                message.ack()
                if self._draining.is_set():
                    break  # and leave at once, before the bus hands us another
                self._idle.add(jobs)
            self._idle.discard(jobs)

    async def _take(self, message: Message) -> None:
        """Does what there is to be done about a job; it may be acked then."""
        try:
            job = Job.model_validate_json(message.payload)
        except ValidationError as error:
            self._give_up(message, f"it is no job: {error.errors()[0]['msg']}")
            return
        if (earlier := self._at_work.get(job.run_id)) is not None:
            await earlier.wait()  # delivered again after an outage, and it goes on here
            return
        self._at_work[job.run_id] = finished = asyncio.Event()
        line = Line(self._bus, job, self.name, self._options.patience)
        self._lines[line.attempt] = line
        try:
            await self._answer_for(job, line, message)
        except TransportClosed:
            raise
        except Exception as error:  # a mistake of ours ends this run, with a message, and not the worker
            logger.exception("run %s could not be done", job.run_id)
            await self._end(
                line, failure(f"Internal error: {type(error).__name__}: {error}", code="run.internal")
            )
        finally:
            finished.set()
            del self._at_work[job.run_id]
            del self._lines[line.attempt]

    async def _answer_for(self, job: Job, line: Line, message: Message) -> None:
        known_gone = job.submitter in self._gone
        if self._leaving.is_set():
            await self._put_back(job, line)
        elif not await line.greet(_GONE_SECONDS if known_gone else self._options.answer_seconds):
            await self._unanswered(job, message)
        elif line.wants == "over":
            logger.info("run %s is not wanted any more", job.run_id)
        elif job.protocol != PROTOCOL:
            reason = f"Worker {self.name} is of another version of Geppetto"
            await self._end(line, failure(reason, code="run.version", hint="Update the older of the two."))
        elif line.lost >= _ATTEMPTS:
            reason = f"{line.lost} workers were lost while they did this run"
            self._give_up(message, reason, line.lost)
            await self._end(line, failure(reason, code="run.workers-lost"))
        elif line.wants == "cancel":
            await self._end(line, EndEvent(outcome="cancelled"))
        else:
            await self._do(job, line)

    async def _do(self, job: Job, line: Line) -> None:
        logger.info("run %s: %s", job.run_id, job.path)
        talking = asyncio.create_task(line.talk(), name=f"line of {job.run_id}")
        try:
            with Layout(job) as layout:
                end = await self._run(job, line, layout)
            if end is None:
                talking.cancel()
                await self._put_back(job, line)
                return
            line.complete()
            await talking
            self.done += 1
            logger.info("run %s ended: %s", job.run_id, end.outcome)
            if line.is_gone:
                self._gone.add(job.submitter)
                logger.warning("Nobody wants to know how run %s ended", job.run_id)
        finally:
            talking.cancel()

    async def _run(self, job: Job, line: Line, layout: Layout) -> EndEvent | None:
        """Runs the script and says what it says; None if it is to be done by another worker."""
        try:
            handle = self._supervisor.start(layout.request())
        except GeppettoError as error:
            end = failure(str(error), code="run.start", hint=error.hint)
            line.say(end.model_dump_json().encode() + b"\n")
            return end
        self._going[job.run_id] = handle

        def obey() -> None:
            if line.is_over or line.wants == "cancel":
                handle.cancel()

        line.on_change = obey
        obey()
        if self._leaving.is_set():
            handle.cancel()
        unsaid = b""  # by a run that we have cancelled, and that may have ended by itself all the same
        try:
            async for event in handle.events():
                unsaid += layout.as_submitted(event.model_dump_json().encode()) + b"\n"
                is_left = self._leaving.is_set() and line.wants == "go"
                if is_left and not isinstance(event, EndEvent):
                    continue
                if is_left and isinstance(event, EndEvent) and event.outcome == "cancelled":
                    return None
                line.say(unsaid)
                unsaid = b""
                await line.room()
        finally:
            del self._going[job.run_id]
            handle.cancel()
        return handle.end

    async def _end(self, line: Line, end: EndEvent) -> None:
        """Tells how a run ended that was not begun."""
        line.say(end.model_dump_json().encode() + b"\n")
        line.complete()
        await line.talk()

    # --- jobs that are not done here

    async def _put_back(self, job: Job, line: Line) -> None:
        """Puts a run back, so that another worker begins it anew."""
        await self._queue(job)
        await line.leave()
        logger.info("run %s was put back into the queue", job.run_id)

    async def _unanswered(self, job: Job, message: Message) -> None:
        self._gone.add(job.submitter)
        if job.unanswered + 1 < _ASKED:
            await self._queue(job.model_copy(update={"unanswered": job.unanswered + 1}))
        else:
            self._give_up(message, "its submitter does not answer", job.unanswered + 1)

    async def _queue(self, job: Job) -> None:
        """Puts a job at the end of the queue, however long the bus takes."""
        while True:
            try:
                await self._bus.publish(QUEUE, Message(job.model_dump_json().encode()))
                return
            except TransportClosed:
                raise
            except TransportError as error:
                logger.warning("Run %s cannot be put back yet: %s", job.run_id, error)
                await asyncio.sleep(1)

    def _give_up(self, message: Message, reason: str, attempts: int = 1) -> None:
        self._dead_letters.add(DeadLetter(QUEUE, self.name, message, reason, attempts))


def _first(errors: ExceptionGroup[TransportError]) -> TransportError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
