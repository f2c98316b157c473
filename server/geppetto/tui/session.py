"""One conversation on a terminal, whatever shows it: what was said, who answers, and the answer that is coming."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from geppetto.chat.answering import Answerer, Answering, Choice, GivenAnew
from geppetto.chat.transcript import Transcript
from geppetto.conversation.answer import TextPart, ToolPart, answer_messages, text_of
from geppetto.conversation.models import ChatMessage
from geppetto.conversation.tree import AnyMessage
from geppetto.errors import GeppettoError
from geppetto.events.codec import well_formed
from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.router import EventRouter
from geppetto.steps.context import StepContext
from geppetto.steps.errors import StepCancelled
from geppetto.steps.result import StepResult
from geppetto.steps.tools import ToolBox

_CHAT_ID = "terminal"


class UnknownProfile(GeppettoError):
    """The settings have no profile of that name."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    question: ChatMessage
    answer: list[TextPart | ToolPart]


class ChatSession:
    """A conversation with the model that a folder's settings choose.

    Use it as an async context manager. One question at a time.

    Args:
        system: what the model is told before everything else; "" for nothing.
        profile: of the settings; None for the one that they choose themselves.
        bus: whose workers answer, as the command line says it; None leaves it to the settings.
        tools: names of the tools that the model may call; where workers answer, theirs.
    """

    def __init__(
        self,
        folder: Path,
        *,
        profile: str | None = None,
        system: str = "",
        bus: str | None = None,
        tools: Sequence[str] = (),
    ) -> None:
        self._answering = Answering(folder, profile, bus=bus, tools=tools)
        self._tools: ToolBox | None = None
        self._router = EventRouter()
        self._result: StepResult[ChatMessage] | None = None
        self._interrupted = False
        self._said: list[_Exchange] = []
        self._unsaid: str | None = None
        self._turn = asyncio.Lock()
        self.profile = profile or ""
        self.system = system

    async def __aenter__(self) -> "ChatSession":
        """
        Raises:
            GeppettoError: the bus or a tool cannot be used.
        """
        try:
            self._tools = await self._answering.open()
        except BaseException:
            await self._answering.close()
            raise
        await self._router.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.interrupt()
        if self._result is not None:
            await self._result.cancel()  # its last event is still to be published
        await self._router.close()
        await self._answering.close()

    async def choice(self) -> Choice:
        """Who answers by default, and the profiles there are."""
        return await self._answering.choice()

    async def use_profile(self, name: str) -> None:
        """Has another profile answer from now on; "" for the default.

        Raises:
            UnknownProfile: there is none of that name.
        """
        choice = await self.choice()
        known = choice.profiles
        if name and name not in known and not choice.is_open:
            there = f"there are {', '.join(known)}" if known else "the settings have none"
            raise UnknownProfile(f"There is no profile {name!r}; {there}.")
        self.profile = name

    async def ask(
        self, question: str, handler: ChatEventHandler, notice: Callable[[str], None] = lambda _: None
    ) -> bool:
        """Asks, and returns when the answer has come to its end; `handler` gets its events on the way.

        An answer that failed leaves the question unsaid, so that it can be asked again; one that was interrupted
        stays as far as it came. One whose worker is lost ends with an error event, and begins anew with another start.

        Args:
            notice: told what the person should know while the answer is waited for.

        Returns:
            Whether the answer came to its own end.
        """
        async with self._turn:
            self._interrupted = False
            asked = ChatMessage(role="user", text=well_formed(question))
            self._unsaid = asked.text
            step = await self._answering.make_step(self.profile, notice)
            anew: GivenAnew | None = None
            while True:
                try:
                    return await self._follow(step, asked, handler)
                except GivenAnew as error:
                    step, anew = error.again, error
                finally:
                    if anew is not None and self._interrupted:
                        anew.drop()

    async def _follow(self, step: Answerer, asked: ChatMessage, handler: ChatEventHandler) -> bool:
        answer = Transcript()
        handles = [
            await self._router.register_chat_event_handler(step, _CHAT_ID, each) for each in (handler, answer)
        ]
        stays = False
        try:
            self._result = result = step.start(StepContext(tools=self._tools), self._told(asked))
            if self._interrupted:
                result.interrupt()
            try:
                await result.result()
                stays = True
                return True
            except StepCancelled:
                stays = True
                return False
            except GivenAnew:
                raise
            except Exception:
                return False  # whatever it is, the handler has it in the error event
        finally:
            for handle in handles:
                await handle.remove()
            if stays and answer.parts:
                self._said.append(_Exchange(asked, answer.parts))
                self._unsaid = None

    def interrupt(self) -> None:
        """Ends the answer that is coming; what came of it stays. Does nothing when there is none."""
        self._interrupted = True
        if self._result is not None:
            self._result.interrupt()

    def take_back(self) -> str | None:
        """Unsays the last question and its answer, if it has one; returns the question, None if nothing was asked."""
        question, self._unsaid = self._unsaid, None
        if question is None and self._said:
            question = self._said.pop().question.text
        return question

    def forget(self) -> None:
        """Begins anew."""
        self._said.clear()
        self._unsaid = None

    def markdown(self) -> str:
        """The conversation as a Markdown document."""
        said: list[str] = []
        for exchange in self._said:
            said.append(f"## user\n\n{exchange.question.text}\n")
            said.append(f"## assistant\n\n{text_of(exchange.answer)}\n")
        return "\n".join(said)

    def _told(self, asked: ChatMessage) -> list[AnyMessage]:
        messages: list[AnyMessage] = []
        if self.system:
            messages.append(ChatMessage(role="system", text=self.system))
        for exchange in self._said:
            messages += [exchange.question, *answer_messages(exchange.answer)]
        return [*messages, asked]
