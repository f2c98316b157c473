"""A chat step that a worker does: a run of a script of one line, with the conversation as its params.

So an answer has what every run has: its place in the queue, signs of life, a second try when its worker dies, a dead
letter after that, limits, and a process of its own. Settings, keys and tools are the worker's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from geppetto.chat.answering import GivenAnew
from geppetto.conversation.tree import Conversation
from geppetto.conversation.wire import to_wire
from geppetto.events.codec import decode
from geppetto.events.models import (
    ErrorEvent,
    EventMetadata,
    FinalEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from geppetto.runs.protocol import (
    DeltaEvent,
    EndEvent,
    GapEvent,
    NoticeEvent,
    RunEvent,
    RunRequest,
    StartedEvent,
    StepEvent,
    StepStartedEvent,
)
from geppetto.steps.chat.step import ChatInput, chat_messages
from geppetto.steps.errors import StepError
from geppetto.steps.step import Step

if TYPE_CHECKING:
    from geppetto.conversation.models import ChatMessage, Message
    from geppetto.json_value import JsonObject
    from geppetto.runs.handle import RunHandle
    from geppetto.runs.runner import Runner
    from geppetto.steps.run import StepRun

SCRIPT: Final = """\
const step = new ChatStepFactory().newStep({ tools: params.tools });
await step.startStream({ conversation: params.messages }).done();
"""


class AnswerFailed(StepError):
    """The worker could not give the answer; says why in its words."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message, hint="")
        self._code = code

    @property
    def code(self) -> str:
        return self._code or super().code


class WorkerStep(Step[ChatInput, "ChatMessage"]):
    """Answers a conversation by a run.

    Args:
        runner: does the run.
        folder: where the script is said to be.
        profile: of the worker's settings; None for its own choice.
        tools: names of the worker's tools that the model may call.
        notice: told what the person should know meanwhile, such as that there is no worker.
        run: one that goes on already, whose answer this is.
    """

    type = "chat"
    input_type = "Conversation"
    output_type = "Message"

    def __init__(
        self,
        runner: Runner,
        *,
        folder: Path,
        profile: str | None,
        tools: Sequence[str] = (),
        notice: Callable[[str], None],
        run: RunHandle | None = None,
    ) -> None:
        self._runner = runner
        self._folder = folder
        self._profile = profile
        self._tools = tuple(tools)
        self._notice = notice
        self._run = run

    def describe(self) -> EventMetadata:
        meta = super().describe()
        meta.engine = ""  # the worker knows
        return meta

    def final_text(self, value: ChatMessage) -> str:
        return value.text

    async def run(self, run: StepRun, input: ChatInput) -> ChatMessage:
        messages = chat_messages(input)
        handle = self._run or self._runner.start(self._request(messages))
        is_left = False
        try:
            with _bus_warnings(self._notice):
                text = await self._follow(handle, run)
        except GivenAnew:
            is_left = True
            raise
        finally:
            if not is_left:
                handle.cancel()
        from geppetto.conversation.models import ChatMessage

        parent = run.ctx.parent_id or (messages[-1].id if messages else "")
        return ChatMessage(id=run.meta.message_id, parent_id=parent, role="assistant", text=text)

    def _request(self, messages: Sequence[Message]) -> RunRequest:
        conversation = Conversation()
        for message in messages:
            conversation.append(message)
        params: JsonObject = {"messages": to_wire(conversation), "tools": [*self._tools]}
        path = str(self._folder / "chat.geppetto.js")
        return RunRequest(path=path, text=SCRIPT, params=params, profile=self._profile)

    async def _follow(self, handle: RunHandle, run: StepRun) -> str:
        """Says what the run says, to its end; returns the answer's text."""
        answer = _Answer(run)
        async with aclosing(handle.events()) as events:
            async for event in events:
                if isinstance(event, NoticeEvent):
                    self._notice(event.text)
                elif isinstance(event, StartedEvent) and answer.has_begun:
                    raise GivenAnew(self._rest(handle), handle.cancel)
                elif isinstance(event, EndEvent):
                    return answer.end(event)
                else:
                    await answer.take(event)
        raise AnswerFailed("The answer has no end")

    def _rest(self, handle: RunHandle) -> WorkerStep:
        return WorkerStep(
            self._runner, folder=self._folder, profile=self._profile, notice=self._notice, run=handle
        )


class _Answer:
    """Passes a run's one stream on to the run of a step."""

    def __init__(self, run: StepRun) -> None:
        self.has_begun = False
        self._run = run
        self._error: ErrorEvent | None = None
        self._final: str | None = None

    async def take(self, event: RunEvent) -> None:
        match event:
            case DeltaEvent(delta=delta):
                self.has_begun = True
                await self._run.partial(delta)
            case StepStartedEvent(event=started):
                self._learn(decode(_json(started)).meta)
            case StepEvent(event=later):
                await self._take_later(later)
            case GapEvent(characters=characters):
                raise AnswerFailed(f"{characters:,} characters of the answer were lost: it came too fast")
            case _:
                return

    def end(self, end: EndEvent) -> str:
        if self._error is not None:
            raise AnswerFailed(self._error.error_string, self._error.code)
        if self._final is not None:
            return self._run.text or self._final
        error = end.errors[0] if end.errors else None
        if error is None:
            raise AnswerFailed("The answer was cancelled where it was given")
        said = error.message if not error.hint else f"{error.message.rstrip('.')}. {error.hint}"
        is_ours = (error.code or "").startswith("run.")
        raise AnswerFailed(said if is_ours else f"The worker says: {said}", error.code)

    async def _take_later(self, later: JsonObject) -> None:
        event = decode(_json(later))
        match event:
            case ToolCallEvent(tool_call=call):
                self.has_begun = True
                await self._run.tool_call(call.id, call.name, call.input)
                return
            case ToolResultEvent(tool_result=given):
                await self._run.tool_result(given.id, given.result, bool(given.is_error))
                return
            case ErrorEvent():
                self._error = event
            case FinalEvent(text=text):
                self._final = text
            case _:
                pass
        self._learn(event.meta)

    def _learn(self, meta: EventMetadata) -> None:
        ours = self._run.meta
        ours.engine, ours.temperature, ours.top_p = meta.engine, meta.temperature, meta.top_p
        ours.max_tokens, ours.usage, ours.stop_reason = meta.max_tokens, meta.usage, meta.stop_reason


def _json(event: JsonObject) -> bytes:
    return json.dumps(event).encode()


@contextmanager
def _bus_warnings(notice: Callable[[str], None]) -> Generator[None]:
    """What the bus says of its connection, such as that it is lost and back, said to the person too."""
    logger = logging.getLogger("geppetto.events.transports")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: notice(record.getMessage())
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
