"""One open conversation: its turns, the answer that is coming, and the feed that tells every page of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from geppetto.chat.answering import Answerer, GivenAnew
from geppetto.conversation.answer import TextPart
from geppetto.conversation.models import ChatMessage
from geppetto.errors import GeppettoError
from geppetto.events.publisher import Publisher
from geppetto.events.router import EventRouter
from geppetto.events.wire import chat_topic
from geppetto.steps.context import StepContext
from geppetto.steps.errors import StepCancelled
from geppetto.steps.result import StepResult
from geppetto.steps.tools import ToolBox
from geppetto.web.answer import Answer, rendered
from geppetto.web.feed import Feed
from geppetto.web.store import Store, Summary
from geppetto.web.turns import Turn, TurnMeta, TurnTree
from geppetto.web.views import Views

logger = logging.getLogger(__name__)

SAVE_EVERY: Final = 1.0
"""Seconds between two saves of an answer that is coming: what a crash may cost."""

SETTLE: Final = 10.0
"""Seconds that an answer may take to end when the conversation is closed."""

MAX_QUESTION: Final = 1_000_000
"""Characters of a question."""

MakeStep: TypeAlias = Callable[[str, Callable[[str], None]], Awaitable[Answerer]]
"""From a profile's name, "" for none, and who is told what there is to know meanwhile, to the step that answers."""


class ChatError(GeppettoError):
    """What was asked for cannot be done; the message is for the person at the page."""


class Busy(ChatError):
    """An answer is still coming."""


class Chat:
    """A conversation that somebody has open. Says to its feed, besides what its answers say:

    - `turn {turn, html}`: a new turn at the end of the thread.
    - `thread {html, busy}`: the whole thread is this now.
    - `title {title}`: it has another name. `gone {}`: it was deleted.
    """

    def __init__(
        self,
        summary: Summary,
        turns: list[Turn],
        *,
        store: Store,
        views: Views,
        router: EventRouter,
        make_step: MakeStep,
        tools: ToolBox | None = None,
        bus: Publisher | None = None,
    ) -> None:
        self.id = summary.id
        self.title = summary.title
        self.profile = summary.profile
        self.tree = TurnTree(turns, summary.head)
        self.feed = Feed()
        self.readers = 0
        self._store = store
        self._views = views
        self._router = router
        self._make_step = make_step
        self._tools = tools
        self._bus = bus
        self._blocks = {turn.id: rendered(turn, views) for turn in turns if turn.role == "assistant"}
        self._answer: Answer | None = None
        self._result: StepResult[ChatMessage] | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._deleted = False

    @property
    def busy(self) -> bool:
        """Whether an answer is coming."""
        answer = self._answer
        return answer is not None and (answer.is_given_anew or not answer.ended.is_set())

    def thread_html(self) -> str:
        """The thread on show, as a reader at the end of the feed has it."""
        blocks = self._blocks
        if self._answer is not None:
            blocks = {**blocks, self._answer.turn.id: self._answer.blocks}
        return self._views.thread(self.tree, blocks)

    def snapshot(self) -> bytes:
        """The event that brings a reader to the end of the feed, wherever it was."""
        return self.feed.encode("thread", {"html": self.thread_html(), "busy": self.busy}, self.feed.end)

    async def ask(self, text: str, profile: str) -> Turn:
        """Say something at the end of the thread; the answer begins to come. Gives the answer's turn.

        Raises:
            ChatError: the text is empty or far too long, or an answer is coming.
        """
        return await self._ask(text, profile, self.tree.head)

    async def edit(self, question: str, text: str, profile: str) -> Turn:
        """Say something else instead of an earlier question, which stays as another version of it.

        Raises:
            ChatError: as for `ask`.
            UnknownTurn: there is no such question.
        """
        return await self._ask(text, profile, self.tree.get(question, "user").parent, edited=True)

    async def retry(self, answer: str, profile: str) -> Turn:
        """Ask for another answer in the place of one, which stays as another version of it.

        Raises:
            Busy: an answer is coming.
            UnknownTurn: there is no such answer.
        """
        question = self.tree.get(self.tree.get(answer, "assistant").parent)
        self._refuse_if_busy()
        self.profile = profile
        self.tree.head = question.id
        return await self._begin(question, anew=True)

    async def show(self, turn: str) -> None:
        """Show the thread that goes through a turn.

        Raises:
            Busy: an answer is coming.
            UnknownTurn: there is no such turn.
        """
        self._refuse_if_busy()
        self.tree.show(self.tree.get(turn))
        self._say_thread()
        await self._save()

    async def rename(self, title: str) -> None:
        """Give the conversation another name; an empty one changes nothing."""
        if title := title_of(title):
            self.title = title
            self.feed.add("title", {"title": title})
            await self._save()

    def stop(self) -> None:
        """End the answer that is coming; what was said stays. Does nothing when there is none."""
        self._stopping = True
        if self._result is not None:
            self._result.interrupt()

    async def delete(self) -> None:
        """Forget the conversation, and let every page of it know."""
        self._deleted = True
        await self.settle()
        await self._store.delete(self.id)
        self.feed.add("gone", {})

    async def settle(self) -> None:
        """End the answer that is coming, and have it saved."""
        self.stop()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=SETTLE)

    async def _ask(self, text: str, profile: str, parent: str, *, edited: bool = False) -> Turn:
        self._refuse_if_busy()
        if not text.strip():
            raise ChatError("There is nothing in this message.")
        if len(text) > MAX_QUESTION:
            raise ChatError(f"This message is too long: {len(text):,} of {MAX_QUESTION:,} characters.")
        self.profile = profile
        self.title = self.title or title_of(text)
        question = Turn("user", parent, parts=[TextPart(text=text)])
        self.tree.add(question)
        if not edited:
            self.feed.add("turn", {"turn": question.id, "html": self._views.turn(question, self.tree, [])})
        return await self._begin(question, anew=edited)

    async def _begin(self, question: Turn, *, anew: bool) -> Turn:
        self._stopping = False
        answer = self._new_answer(question, anew=anew)
        self._task = asyncio.create_task(self._run(answer, question), name=f"answer {answer.turn.id}")
        await self._save(question, answer.turn)
        return answer.turn

    def _new_answer(self, question: Turn, *, anew: bool) -> Answer:
        turn = Turn("assistant", question.id, status="streaming", meta=TurnMeta(profile=self.profile))
        if self._answer is not None:  # over, but not cleared away
            self._blocks[self._answer.turn.id] = self._answer.blocks
        self._answer, self._result = Answer(turn, self.feed, self._views), None
        self.tree.add(turn)
        if anew:
            self._say_thread()
        else:
            self.feed.add("turn", {"turn": turn.id, "html": self._views.turn(turn, self.tree, [])})
        return self._answer

    async def _run(self, answer: Answer, question: Turn) -> None:
        """An answer; and where its worker is lost, one more version of it, which another one gives."""
        step: Answerer | None = None
        anew: GivenAnew | None = None
        while True:
            before, anew = anew, None
            try:
                step = step or await self._make_step(self.profile, self._note)
                anew = await self._follow(step, answer, question)
            except Exception:
                logger.exception("The answer %s could not be given", answer.turn.id)
            finally:
                answer.end("error", error="The answer was lost: the server's log says why.")
                self._blocks[answer.turn.id] = answer.blocks
                if anew is None:
                    self._clear(answer)
            await self._save(answer.turn)
            if self._stopping:
                for each in (before, anew):
                    if each is not None:
                        each.drop()
                anew = None
            if anew is None:
                self._clear(answer)
                return
            step, answer = anew.again, self._new_answer(question, anew=True)
            await self._save(answer.turn)

    def _clear(self, answer: Answer) -> None:
        answer.is_given_anew = False
        if self._answer is answer:
            self._answer = self._result = None

    async def _follow(self, step: Answerer, answer: Answer, question: Turn) -> GivenAnew | None:
        handle = await self._router.register_chat_event_handler(step, self.id, answer)
        if self._bus is not None:
            step.add_published_topic(self._bus, chat_topic(self.id))
        try:
            context = StepContext(
                step_id=answer.turn.id,
                parent_id=question.id,
                tools=self._tools,
                metadata={"conversation": self.id},
            )
            result = step.start(context, self.tree.messages(question.id))
            self._result = result
            if self._stopping:
                result.interrupt()
            over = asyncio.create_task(_over(result))
            try:
                while not (await asyncio.wait({over}, timeout=SAVE_EVERY))[0]:
                    if answer.changed:
                        answer.collect()
                        await self._save(answer.turn)
            finally:
                over.cancel()
            return over.result()
        finally:
            await handle.remove()

    def _note(self, text: str) -> None:
        if self._answer is not None:
            self._answer.note(text)

    def _say_thread(self) -> None:
        self.feed.add("thread", {"html": self.thread_html(), "busy": self.busy})

    def _refuse_if_busy(self) -> None:
        if self.busy:
            raise Busy("An answer is still coming: stop it first.")

    async def _save(self, *turns: Turn) -> None:
        if self._deleted:
            return
        await self._store.save_conversation(self.id, self.title, self.profile, self.tree.head)
        for turn in turns:
            await self._store.save_turn(self.id, turn)


async def _over(result: StepResult[ChatMessage]) -> GivenAnew | None:
    try:
        await result.result()
    except StepCancelled:
        return None
    except GivenAnew as anew:
        return anew
    except Exception as error:
        # It is in the error event; here only for whoever looks for its stack.
        logger.debug("A step failed", exc_info=error)
    return None


def title_of(text: str) -> str:
    """The first line of a text, cut between words where it is long."""
    line = " ".join(next((line for line in text.splitlines() if line.strip()), "").split())
    if len(line) <= 60:
        return line
    return f"{line[:60].rsplit(' ', 1)[0]}…"
