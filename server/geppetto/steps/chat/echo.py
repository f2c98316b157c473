"""A chat step without a model: it says what it was told."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from geppetto.steps.chat.step import ChatParameters, ChatRequest, ChatStep
from geppetto.steps.chat.words import count_words, pieces
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from geppetto.events.models import EventMetadata
    from geppetto.steps.run import StepRun


class EchoStep(ChatStep):
    """Streams the user's last message back, word by word. Usage counts words as tokens."""

    type = "echo"
    default_model = "echo"

    def __init__(
        self,
        parameters: ChatParameters | None = None,
        *,
        delay: float = 0.0,
        on_first_use: Callable[[], None] | None = None,
    ) -> None:
        """
        Args:
            delay: seconds before each word.
            on_first_use: called once, when the step is run for the first time.
        """
        super().__init__(parameters)
        self._delay = delay
        self._on_first_use = on_first_use

    def describe(self) -> "EventMetadata":
        meta = super().describe()
        # Whatever model was asked for, it is echo that answers.
        meta.engine = self.default_model
        return meta

    async def round(self, run: "StepRun", request: ChatRequest) -> list[ToolUse]:
        if self._on_first_use is not None:
            told, self._on_first_use = self._on_first_use, None
            told()
        texts = request.user_texts
        if not texts:
            raise StepError("there is no user message to echo", kind=ErrorKind.INVALID_INPUT)
        for piece in pieces(texts[-1]):
            if self._delay:
                await asyncio.sleep(self._delay)
            await run.partial(piece)
        run.add_usage(sum(map(count_words, texts)), count_words(texts[-1]))
        run.meta.stop_reason = "end_turn"
        return []
