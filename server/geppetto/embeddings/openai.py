"""Embeddings by OpenAI, or by the many servers that speak like it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError, Spent, check_texts
from geppetto.errors import GeppettoError
from geppetto.steps.chat.bill import BYTES_PER_TOKEN
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.openai import OpenAIStep
from geppetto.steps.chat.pricing import Prices, Tokens
from geppetto.steps.chat.service import Retries, Service
from geppetto.steps.chat.step import ChatParameters
from geppetto.steps.errors import ErrorKind, StepError, error_code

if TYPE_CHECKING:
    from openai.types import CreateEmbeddingResponse

MAX_TEXTS = 512
"""In one request; OpenAI takes 2048."""

MAX_BYTES = 250_000
"""Of text in one request. A token has at least one byte, and OpenAI takes 300 000 tokens."""

MAX_REQUESTS = 4
"""At the same time."""


class OpenAIEmbeddings:
    """Asks for many texts in few requests, some of them at the same time.

    Cancelling closes the connections of the requests under way.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        service: Callable[[], Service],
        *,
        shortened: bool = False,
        timeout: float = 120.0,
        retries: Retries | None = None,
        prices: Prices | None = None,
        spent: Spent | None = None,
        clients: Callable[[], Clients] | None = None,
    ) -> None:
        """
        Args:
            service: asked when the first text comes: the key may be in a keychain that has to be unlocked.
            shortened: whether the model has to be asked for vectors of this length, shorter than its own.
            timeout: seconds for one request.
            spent: told what each request used.
            clients: asked when the first text comes, and closed by their owner; the shared ones by default.
        """
        self.model = model
        self._service = service
        self._shortened = shortened
        self._timeout = timeout
        self._retries = retries or Retries()
        self._prices = prices or Prices()
        self._spent = spent
        self._clients = clients
        self._way: OpenAIStep | None = None
        self._room = asyncio.Semaphore(MAX_REQUESTS)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        check_texts(texts)
        try:
            way = await self._open()
            await way.warm_up()
            async with asyncio.TaskGroup() as group:
                parts = [group.create_task(self._ask(way, batch)) for batch in _batches(texts)]
        except* GeppettoError as failures:
            failure = _first(failures)
        else:
            return [vector for part in parts for vector in part.result()]
        raise EmbeddingsError(str(failure), hint=failure.hint, code=error_code(failure))

    async def _open(self) -> OpenAIStep:
        """The chat step of the same service knows the way there, and what its failures mean."""
        if self._way is None:
            service = await asyncio.to_thread(self._service)
            clients = None if self._clients is None else self._clients()
            self._way = OpenAIStep(ChatParameters(model=self.model.name), service, clients=clients)
        return self._way

    async def _ask(self, way: OpenAIStep, texts: list[str]) -> list[list[float]]:
        async with self._room:
            failures = 0
            while True:
                outcome = await self._attempt(way, texts)
                if not isinstance(outcome, StepError):
                    return outcome
                failures += 1
                pause = self._retries.pause(failures, outcome.retry_after) if outcome.retryable else None
                if pause is None:
                    raise outcome
                await asyncio.sleep(pause)

    async def _attempt(self, way: OpenAIStep, texts: list[str]) -> list[list[float]] | StepError:
        """The vectors, or what went wrong: returned, since the SDK's own exception can hold the key."""
        from openai import omit

        deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                answer = await way.connect().client.embeddings.create(
                    model=self.model.name,
                    input=texts,
                    dimensions=self.model.dimensions if self._shortened else omit,
                    # Left alone, the SDK asks for base64, which is a quarter of the size; not every server knows it.
                    encoding_format=omit if way.service.base_url is None else "float",
                    timeout=self._timeout,
                )
            self._count(texts, _tokens(answer))
            return self._vectors(way, answer, len(texts))
        except asyncio.CancelledError:
            # The service goes on, and charges for it.
            self._count(texts, None)
            raise
        except StepError as failure:
            return failure
        except TimeoutError as error:
            if not deadline.expired():
                return way.explain(error)
            where = way.service.where(way.vendor)
            return StepError(f"{where} did not answer within {self._timeout:g} s", kind=ErrorKind.TIMEOUT)
        except Exception as error:
            return way.explain(error)

    def _count(self, texts: list[str], tokens: int | None) -> None:
        """Tell what a request used; estimated where the service does not say."""
        if self._spent is None:
            return
        if tokens is None:
            tokens = -(-sum(len(text.encode()) for text in texts) // BYTES_PER_TOKEN)
        self._spent(tokens, 0, self._prices.cost(self.model.name, Tokens(input=tokens)))

    def _vectors(self, way: OpenAIStep, answer: "CreateEmbeddingResponse", count: int) -> list[list[float]]:
        """The vectors in the order of their texts. The SDK does not check what a server sends, so this does."""
        where = way.service.where(way.vendor)
        wrong = StepError(
            f"{where} did not answer with one vector for each text", kind=ErrorKind.INVALID_REQUEST
        )
        data = getattr(answer, "data", None)
        if not isinstance(data, list) or len(answer.data) != count:
            raise wrong
        items = sorted(enumerate(answer.data), key=lambda item: _index(item[1], item[0]))
        vectors = [_numbers(item) for _, item in items]
        for vector in vectors:
            if vector is None:
                raise wrong
            if len(vector) != self.model.dimensions:
                raise StepError(
                    f"{self.model.name} made a vector of {len(vector)} numbers,"
                    f" and {self.model.dimensions} were expected",
                    kind=ErrorKind.SETTINGS,
                    hint=f"Set embeddings.dimensions to {len(vector)}.",
                )
        return cast("list[list[float]]", vectors)


def _tokens(answer: object) -> int | None:
    count: object = getattr(getattr(answer, "usage", None), "prompt_tokens", None)
    return count if isinstance(count, int) and count > 0 else None


def _numbers(item: object) -> list[float] | None:
    vector: object = getattr(item, "embedding", None)
    if not isinstance(vector, list):
        return None
    numbers = cast("list[object]", vector)
    if not all(isinstance(number, int | float) for number in numbers):
        return None
    return [float(number) for number in cast("list[float]", numbers)]


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode("utf-8", "surrogatepass"))
        if batch and (len(batch) == MAX_TEXTS or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        # A lone surrogate cannot be sent.
        batch.append(text.encode("utf-8", "replace").decode() if not text.isascii() else text)
        size += length
    if batch:
        yield batch


def _index(item: object, place: int) -> int:
    index = getattr(item, "index", None)
    return index if isinstance(index, int) else place


def _first(failures: ExceptionGroup[GeppettoError]) -> GeppettoError:
    first: Exception = failures
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]
    assert isinstance(first, GeppettoError)
    return first
