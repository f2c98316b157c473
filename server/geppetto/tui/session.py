"""One conversation on a terminal, whatever shows it: what was said, who answers, and the answer that is coming."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from geppetto.conversation.models import ChatMessage
from geppetto.conversation.tree import AnyMessage
from geppetto.errors import GeppettoError
from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.router import EventRouter
from geppetto.steps.context import StepContext
from geppetto.steps.errors import StepCancelled
from geppetto.steps.result import StepResult
from geppetto.web.answering import Answering, Choice

_CHAT_ID = "terminal"


class UnknownProfile(GeppettoError):
    """The settings have no profile of that name."""


class ChatSession:
    """A conversation with the model that a folder's settings choose.

    Use it as an async context manager. One question at a time.

    Args:
        system: what the model is told before everything else; "" for nothing.
        profile: of the settings; None for the one that they choose themselves.
    """

    def __init__(self, folder: Path, *, profile: str | None = None, system: str = "") -> None:
        self._answering = Answering(folder, profile)
        self._router = EventRouter()
        self._result: StepResult[ChatMessage] | None = None
        self._messages: list[AnyMessage] = []
        self._turn = asyncio.Lock()
        self.profile = profile or ""
        self.system = system

    async def __aenter__(self) -> "ChatSession":
        await self._router.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.interrupt()
        await self._router.close()
        await self._answering.close()

    @property
    def messages(self) -> Sequence[AnyMessage]:
        """What was said so far, without what a model is told by `system`."""
        return self._messages

    @property
    def is_busy(self) -> bool:
        """Whether an answer is coming."""
        return self._result is not None and not self._result.done

    async def choice(self) -> Choice:
        """Who answers by default, and the profiles there are."""
        return await self._answering.choice()

    async def use_profile(self, name: str) -> None:
        """Has another profile answer from now on; "" for the default.

        Raises:
            UnknownProfile: there is none of that name.
        """
        known = (await self.choice()).profiles
        if name and name not in known:
            there = f"there are {', '.join(known)}" if known else "the settings have none"
            raise UnknownProfile(f"There is no profile {name!r}; {there}.")
        self.profile = name

    async def ask(self, question: str, handler: ChatEventHandler) -> bool:
        """Asks, and returns when the answer has come to its end; `handler` gets its events on the way.

        An answer that failed leaves the question unsaid, so that it can be asked again; one that was interrupted
        stays as far as it came.

        Returns:
            Whether the answer came to its own end.
        """
        async with self._turn:
            return await self._ask(question, handler)

    async def _ask(self, question: str, handler: ChatEventHandler) -> bool:
        asked = ChatMessage(role="user", text=question)
        step = await self._answering.make_step(self.profile)
        handle = await self._router.register_chat_event_handler(step, _CHAT_ID, handler)
        answer = ""
        try:
            self._result = result = step.start(StepContext(), self._told(asked))
            try:
                answer = (await result.result()).text
                return True
            except StepCancelled:
                answer = result.text
                return False
            except Exception:
                return False  # whatever it is, the handler has it in the error event
        finally:
            await handle.remove()
            if answer:
                self._messages += [asked, ChatMessage(role="assistant", text=answer)]

    def interrupt(self) -> None:
        """Ends the answer that is coming; what came of it stays. Does nothing when there is none."""
        if self._result is not None:
            self._result.interrupt()

    async def settle(self) -> None:
        """Waits until the answer that is coming is over and its question is said."""
        async with self._turn:
            pass

    def take_back(self) -> str | None:
        """Unsays the last question and its answer; returns the question, None if nothing was said."""
        if len(self._messages) < 2:
            return None
        question = self._messages[-2]
        del self._messages[-2:]
        return question.text if isinstance(question, ChatMessage) else None

    def forget(self) -> None:
        """Begins anew."""
        self._messages.clear()

    def markdown(self) -> str:
        """The conversation as a Markdown document."""
        said = [
            f"## {message.role}\n\n{message.text}\n"
            for message in self._messages
            if isinstance(message, ChatMessage)
        ]
        return "\n".join(said)

    def _told(self, asked: ChatMessage) -> list[AnyMessage]:
        system: list[AnyMessage] = [ChatMessage(role="system", text=self.system)] if self.system else []
        return [*system, *self._messages, asked]
