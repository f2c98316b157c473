"""What the chat steps of model services share: clients, deadlines, attempts, and errors that tell what happened."""

import asyncio
import importlib
import json
import logging
import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonValue
from geppetto.steps.chat.clients import Clients, shared_clients
from geppetto.steps.chat.failures import LastingError
from geppetto.steps.chat.pricing import Prices
from geppetto.steps.chat.service import Retries, Service, Timeouts
from geppetto.steps.chat.step import ChatParameters, ChatRequest, ChatStep
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from geppetto.events.models import EventMetadata
    from geppetto.steps.chat.wire import Progress
    from geppetto.steps.run import StepRun

logger = logging.getLogger(__name__)

MODELS_SECONDS = 30.0
"""How long a list of models may take."""


class RemoteChatStep(ChatStep):
    """A chat step that asks a service. A vendor writes `ask`, which makes one attempt, and `explain`, for its errors.

    Another attempt is made only while nothing of the answer has arrived: text that was streamed
    cannot be taken back.
    """

    vendor: ClassVar[str]
    sdk: ClassVar[str]
    """The package of the vendor, imported when a step first runs: it takes most of a second."""
    extra: ClassVar[str]
    key_variable: ClassVar[str]

    def __init__(
        self,
        parameters: ChatParameters | None = None,
        service: Service | None = None,
        *,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        prices: Prices | None = None,
        clients: Clients | None = None,
    ) -> None:
        """
        Args:
            service: the vendor's own without a key by default, which fails when the step runs.
            clients: closed by their owner; the shared ones by default.
        """
        super().__init__(parameters)
        self.service = service or Service()
        self.timeouts = timeouts or Timeouts()
        self.retries = retries or Retries()
        self.prices = prices or Prices()
        self.clients = clients or shared_clients

    @property
    def model(self) -> str:
        """The name of the model that is asked; empty if none is named and the service is not the vendor's own."""
        default = self.default_model if self.service.base_url is None else ""
        return self.parameters.model or default

    def describe(self) -> "EventMetadata":
        meta = super().describe()
        meta.engine = self.model
        return meta

    async def warm_up(self) -> None:
        """Import the SDK and make the client before they are needed.

        Raises:
            StepError: the SDK is not installed, the key cannot be used.
        """
        await self._import_sdk()
        self.service.check_key(self.vendor, self.key_variable)
        self.connect()

    async def models(self) -> list[str]:
        """The names of the models that the service offers, in order.

        Raises:
            StepError: the service cannot be asked, or says no.
        """
        await self.warm_up()
        outcome = await self._models()
        if isinstance(outcome, StepError):
            raise outcome
        data = outcome.get("data") if isinstance(outcome, dict) else None
        entries = data if isinstance(data, list) else []
        names = [entry.get("id") for entry in entries if isinstance(entry, dict)]
        return sorted(name for name in names if isinstance(name, str))

    async def _models(self) -> "JsonValue | StepError":
        # Returned, not raised: see `_attempt`.
        try:
            async with asyncio.timeout(MODELS_SECONDS):
                return await self.fetch_models()
        except TimeoutError:
            return self._too_slow(f"did not list its models within {MODELS_SECONDS:g} s")
        except Exception as error:
            return self.explain(error)

    @abstractmethod
    async def fetch_models(self) -> JsonValue:
        """The service's list of models, `{"data": [{"id": …}]}`."""

    @abstractmethod
    def connect(self) -> object:
        """Make the client, or find it. The SDK is imported."""

    @abstractmethod
    async def ask(self, run: "StepRun", request: ChatRequest, progress: "Progress") -> list[ToolUse]:
        """Make one attempt: stream the answer, return the tools it calls."""

    @abstractmethod
    def explain(self, error: Exception) -> StepError:
        """What an exception of the SDK means."""

    async def round(self, run: "StepRun", request: ChatRequest) -> list[ToolUse]:
        if not self.model:
            raise StepError(
                f"no model is named for {self.service.where(self.vendor)}",
                kind=ErrorKind.SETTINGS,
                hint="Set [chat] model, or the option model of the step.",
            )
        await self.warm_up()
        total = asyncio.timeout(self.timeouts.total)
        try:
            async with total:
                return await self._attempts(run, request)
        except TimeoutError:
            if not total.expired():
                raise
        raise self._too_slow(f"did not complete its answer within {self.timeouts.total:g} s")

    async def _attempts(self, run: "StepRun", request: ChatRequest) -> list[ToolUse]:
        from geppetto.steps.chat.wire import Progress

        failures = 0
        while True:
            first_token = asyncio.timeout(self.timeouts.first_token)
            progress = Progress(first_token)
            outcome = await self._attempt(run, request, first_token, progress)
            if isinstance(outcome, list):
                return outcome
            if not isinstance(outcome, StepError):
                raise outcome
            failures += 1
            pause = None
            if outcome.retryable and not progress.begun:
                pause = self.retries.pause(failures, outcome.retry_after)
            if pause is None:
                raise _counted(outcome, failures)
            logger.info("%s; trying again in %.1f s (attempt %d)", outcome, pause, failures + 1)
            await asyncio.sleep(pause)

    async def _attempt(
        self, run: "StepRun", request: ChatRequest, first_token: asyncio.Timeout, progress: "Progress"
    ) -> list[ToolUse] | GeppettoError:
        """The tools to call, or what went wrong.

        A failure is returned, and raised where the SDK's exception is not being handled any more:
        that one can hold the key, and would be shown as the context of ours.
        """
        try:
            async with first_token:
                return await self.ask(run, request, progress)
        except GeppettoError as failure:
            return failure
        except TimeoutError as error:
            if first_token.expired():
                return self._too_slow(f"sent nothing within {self.timeouts.first_token:g} s")
            return self.explain(error)
        except Exception as error:
            return self.explain(error)

    def cut_off(self) -> StepError:
        """The stream ended before the answer did."""
        return StepError(
            f"the connection to {self.service.where(self.vendor)} ended before the answer was complete",
            kind=ErrorKind.NETWORK,
        )

    def filtered(self, why: str) -> StepError:
        """The service broke the answer off because of its content."""
        said = f"{self.service.where(self.vendor)} broke off the answer because of its content"
        return StepError(
            said + (f": {self.service.clean(why)}" if why else ""), kind=ErrorKind.CONTENT_FILTER
        )

    def truncated_call(self, name: str) -> StepError:
        """The answer ended, at its longest, inside the arguments of a tool call."""
        return StepError(
            f"the answer reached its greatest length in the middle of a call of the tool {name!r}",
            kind=ErrorKind.CONTEXT_LENGTH,
            hint="Raise max_tokens.",
        )

    def _too_slow(self, what: str) -> StepError:
        return LastingError(f"{self.service.where(self.vendor)} {what}", kind=ErrorKind.TIMEOUT)

    async def _import_sdk(self) -> None:
        if self.sdk in sys.modules:
            return
        try:
            # In a thread: whatever else streams in this loop goes on.
            await asyncio.to_thread(importlib.import_module, self.sdk)
        except ImportError as error:
            raise StepError(
                f"the package {self.sdk} is needed for {self.vendor}, and cannot be imported: {error}",
                kind=ErrorKind.SETTINGS,
                hint=f"Install it with: pip install 'geppetto[{self.extra}]'",
            ) from error


def _counted(failure: StepError, attempts: int) -> StepError:
    if attempts == 1:
        return failure
    return StepError(
        f"{failure} (tried {attempts} times)",
        kind=failure.kind,
        hint=failure.hint,
        retry_after=failure.retry_after,
    )


def is_json(text: str) -> bool:
    """Whether the arguments of a tool call arrived whole."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
