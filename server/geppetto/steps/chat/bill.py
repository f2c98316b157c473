"""What a request to a service used, and what that costs: as the service says, or as well as can be told without it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from geppetto.steps.chat.pricing import Prices, Tokens

if TYPE_CHECKING:
    from geppetto.steps.chat.step import ChatRequest
    from geppetto.steps.run import StepRun

BYTES_PER_TOKEN = 4
"""Of UTF-8; about right for the usual tokenizers, in most languages."""

TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 1000


class Answer(Protocol):
    """An answer as far as it has arrived."""

    @property
    def begun(self) -> bool: ...

    @property
    def tokens(self) -> Tokens | None:
        """What was used, as far as the service has said."""
        ...

    @property
    def cost(self) -> float | None:
        """In US dollars, if the service says that too."""
        ...

    @property
    def counted(self) -> bool:
        """Whether `tokens` counts the whole answer."""
        ...

    @property
    def size(self) -> int:
        """UTF-8 bytes that the model wrote and the service sent: text, tool calls, thoughts."""
        ...


class Bill:
    """Adds what one request uses to its run. A context manager, around the reading of the answer.

    An answer that ends before the service says what it used, because it was cancelled or failed, is charged all
    the same: so tokens are estimated from the texts, and the later events say `"usage": "estimated"` in
    `step.meta`. Not if a request fails before anything of its answer came: that is nothing to pay for.
    """

    def __init__(
        self, run: StepRun, request: ChatRequest, answer: Answer, model: str, prices: Prices
    ) -> None:
        self._run = run
        self._request = request
        self._answer = answer
        self._model = model
        self._prices = prices
        self._tokens = Tokens()
        self._cost: float | None = None

    def __enter__(self) -> Self:
        # The interrupt event is made before the step's code hears of it.
        self._run.before_interrupt = self._break_off
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.before_interrupt = None
        self._settle(broken_off=kind is not None and issubclass(kind, asyncio.CancelledError))

    def _break_off(self) -> None:
        self._settle(broken_off=True)

    def _settle(self, *, broken_off: bool) -> None:
        answer, told = self._answer, self._answer.tokens
        if told is not None and answer.counted:
            self._set(told, answer.cost)
        elif told is not None or answer.begun or broken_off:
            written = -(-answer.size // BYTES_PER_TOKEN)
            if told is None:
                self._set(Tokens(estimated_input(self._request), written))
            else:
                self._set(replace(told, output=max(told.output, written)))
            self._run.step.meta["usage"] = "estimated"

    def _set(self, tokens: Tokens, cost: float | None = None) -> None:
        if cost is None:
            cost = self._prices.cost(self._model, tokens)
        more = None if cost is None else cost - (self._cost or 0.0)
        self._run.add_usage(tokens.input - self._tokens.input, tokens.output - self._tokens.output, more)
        self._tokens, self._cost = tokens, cost


def estimated_input(request: ChatRequest) -> int:
    """About how many tokens a request has."""
    texts = [json.dumps(tool.parameters) + tool.name + tool.description for tool in request.tools]
    images = 0
    for message in request.messages:
        match message.type:
            case "chat-message":
                texts.append(message.text)
                images += len(message.images)
            case "tool-use":
                texts.append(message.name + json.dumps(message.input, ensure_ascii=False))
            case "tool-result":
                texts.append(message.result)
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return size // BYTES_PER_TOKEN + len(texts) * TOKENS_PER_MESSAGE + images * TOKENS_PER_IMAGE
