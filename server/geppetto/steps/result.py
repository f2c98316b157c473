"""The handle of a started step: its value, its cancellation, its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from geppetto.steps.errors import StepCancelled

if TYPE_CHECKING:
    from geppetto.events.models import StepMetadata
    from geppetto.steps.run import StepRun

logger = logging.getLogger(__name__)

Out = TypeVar("Out")

CANCEL_WAIT_SECONDS = 5.0
"""How long `cancel` waits for the interrupt to be delivered and the step's code to clean up."""

PUBLISH_GRACE_SECONDS = 10.0
"""How long after a cancel a publisher may take, before what it holds is given up.

Longer than `CANCEL_WAIT_SECONDS`: an event handler that awaits `cancel` keeps its own
publisher waiting, and goes on after that time.
"""

_live: set[asyncio.Task[None]] = set()
"""Strong references: the event loop keeps only weak ones, and a step runs on even if nobody holds its result."""


class StepResult(Generic[Out]):
    """A running or finished step. Made by `Step.start`, inside the event loop that runs the step.

    The step's outcome is settled once, by whichever comes first: its code returns, its code
    raises, or somebody cancels it. That moment decides the terminal event; nothing follows it.

    As an async context manager it cancels the step on the way out, if it is still running.
    """

    def __init__(
        self,
        run: "StepRun",
        work: Coroutine[object, object, Out],
        finish: "Callable[[StepRun, Out], None]",
    ) -> None:
        """Run `work`; `finish` sends the final event for the value it returns."""
        self._run = run
        self._finish = finish
        self._outcome: tuple[Out] | Exception | None = None
        name = f"step {run.step.type} {run.step.step_id}"
        self._work = asyncio.create_task(work, name=name)
        self._work.add_done_callback(self._settle)
        self._pump = asyncio.create_task(self._deliver(), name=f"{name} events")
        self._pump.add_done_callback(self._delivered)
        _live.add(self._pump)

    @property
    def metadata(self) -> "StepMetadata":
        """Id, type, input and output types of the step, and what its starter added."""
        return self._run.step

    @property
    def text(self) -> str:
        """The text streamed so far; at the end, the final text."""
        return self._run.text

    @property
    def done(self) -> bool:
        """Whether the terminal event has been published."""
        return self._pump.done()

    @property
    def publish_error(self) -> Exception | None:
        """The first failure of a publisher, if any: some events may not have arrived."""
        return self._run.outbox.failure

    async def result(self) -> Out:
        """The step's value, when its terminal event has been published.

        Cancelling the caller leaves the step running.

        Raises:
            StepCancelled: the step was cancelled.
            Exception: whatever the step failed with.
        """
        if not self._pump.done():
            await asyncio.wait({self._pump})
        if isinstance(self._outcome, tuple):
            return self._outcome[0]
        raise self._outcome or StepCancelled(self.text)

    async def __aiter__(self) -> AsyncIterator[Out]:
        """Yield the step's values as they come: one, since today's steps give one value each."""
        yield await self.result()

    def interrupt(self) -> None:
        """Cancel the step without waiting; safe inside an event handler. Does nothing once it has ended."""
        if self._outcome is None and self._work.done():
            # It ended by itself; only the callback that says so has not run yet.
            self._settle(self._work)
        if self._outcome is not None:
            return
        self._outcome = StepCancelled(self._run.text)
        self._run.send_interrupt()
        self._work.cancel()
        # A publisher that never returns must not keep the step alive for ever.
        give_up = asyncio.get_running_loop().call_later(PUBLISH_GRACE_SECONDS, self._pump.cancel)
        self._pump.add_done_callback(lambda _: give_up.cancel())

    async def cancel(self) -> None:
        """Cancel the step; return when its terminal event is published and its code has cleaned up.

        Idempotent, and harmless when the step has ended. Waits `CANCEL_WAIT_SECONDS` at most:
        the interrupt is on its way all the same, and what did not finish is logged.
        """
        self.interrupt()
        waited = {self._work, self._pump} - {asyncio.current_task()}
        if len(waited) < 2:
            return
        _, late = await asyncio.wait(waited, timeout=CANCEL_WAIT_SECONDS)
        if self._pump in late:
            logger.warning(
                "%s: a publisher has not taken the interrupt within %g s (a handler that awaits cancel() waits "
                "for itself: call interrupt() there)",
                self._work.get_name(),
                CANCEL_WAIT_SECONDS,
            )
        if self._work in late:
            logger.warning("%s ignores its cancellation", self._work.get_name())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self.done:
            await self.cancel()

    def _settle(self, work: "asyncio.Task[Out]") -> None:
        """Decide the outcome, when the step's code has ended."""
        error = None if work.cancelled() else work.exception()
        if self._outcome is not None:
            if error is not None:
                logger.debug("%s failed while it was being cancelled", work.get_name(), exc_info=error)
        elif work.cancelled():
            self._outcome = StepCancelled(self._run.text)
            self._run.send_interrupt()
        elif error is not None:
            # SystemExit and KeyboardInterrupt go through the loop by themselves; here they only end the stream.
            self._outcome = error if isinstance(error, Exception) else RuntimeError(repr(error))
            self._run.send_error(self._outcome)
        else:
            try:
                self._finish(self._run, work.result())
                self._outcome = (work.result(),)
            except Exception as failure:
                self._outcome = failure
                self._run.send_error(failure)

    async def _deliver(self) -> None:
        try:
            await self._run.outbox.pump()
        except asyncio.CancelledError:
            # The loop is shutting down, or a publisher hangs: give up what it holds, try the rest once.
            self.interrupt()
            async with asyncio.timeout(PUBLISH_GRACE_SECONDS):
                await self._run.outbox.pump()

    def _delivered(self, pump: "asyncio.Task[None]") -> None:
        _live.discard(pump)
        if self._outcome is None:
            # Cancelled before it began, or broken: the events are lost, the step must end all the same.
            self.interrupt()
        if pump.cancelled():
            logger.warning("%s: the last events may be lost, delivery was given up", self._work.get_name())
        elif (error := pump.exception()) is not None:
            logger.error("%s: delivery of events failed", self._work.get_name(), exc_info=error)
