"""What all chat steps share: the conversation as input, the rounds of tool calls, the reply as value."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from geppetto.json_value import JsonObject
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.step import Step
from geppetto.steps.tools import SelectedTools, ToolDefinition, ToolUse

if TYPE_CHECKING:
    from geppetto.conversation.models import ChatMessage, Message
    from geppetto.conversation.tree import Conversation
    from geppetto.events.models import EventMetadata
    from geppetto.steps.run import StepRun
    from geppetto.steps.tool_calls import ToolOutcome

ChatInput: TypeAlias = "str | Conversation | Sequence[Message]"
"""A user's text, a conversation (its linear thread counts), or the messages themselves."""


@dataclass(frozen=True)
class ChatParameters:
    """How to ask a model. None leaves the choice to the provider.

    Attributes:
        seed: asks for the same answer to the same request, from providers that can.
        response_schema: a JSON schema that the answer must fit; the answer is then JSON.
        tools: the names of those tools of the context that the model may call; None for all.
        max_tool_rounds: how often a model may call tools, in one or several calls at a time, before
            it has to answer.
        tool_timeout: seconds one call may take; None waits until the step is cancelled.
    """

    model: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    response_schema: JsonObject | None = None
    tools: tuple[str, ...] | None = None
    max_tool_rounds: int = 16
    tool_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is asked in one round.

    Attributes:
        messages: the conversation, followed by the text, tool uses and tool results of the
            rounds before this one.
        tools: what the model may call.
        round: 0 for the first, 1 when the results of the first tool calls are known, …
        outcomes: the tool calls answered so far in this run, in order.
    """

    messages: "list[Message]"
    tools: list[ToolDefinition]
    round: int
    outcomes: "list[ToolOutcome]"

    @property
    def user_texts(self) -> list[str]:
        """The texts of the user's messages, in order."""
        return [m.text for m in self.messages if m.type == "chat-message" and m.role == "user"]


class ChatStep(Step[ChatInput, "ChatMessage"]):
    """Base of the chat steps: a provider writes `round`, which asks the model once and streams its answer.

    When the model calls tools, they are run, announced as events, and their results go back to it in
    the next round, until it answers without a call. The text of the step is all that the model said in
    all rounds; where a later round goes on after earlier text, its first delta begins a new paragraph,
    so the deltas still make up the final text exactly.
    """

    input_type = "Conversation"
    output_type = "Message"
    default_model: ClassVar[str]

    def __init__(self, parameters: ChatParameters | None = None) -> None:
        self.parameters = parameters or ChatParameters()

    @abstractmethod
    async def round(self, run: "StepRun", request: ChatRequest) -> list[ToolUse]:
        """Ask the model once: stream its text with `run.partial`, return the tools it calls.

        Usage goes to `run.add_usage`, the stop reason to `run.meta.stop_reason`, each as soon as it is known.
        """

    def describe(self) -> "EventMetadata":
        meta = super().describe()
        meta.engine = self.parameters.model or self.default_model
        meta.temperature = self.parameters.temperature
        meta.top_p = self.parameters.top_p
        meta.max_tokens = self.parameters.max_tokens
        return meta

    def final_text(self, value: "ChatMessage") -> str:
        return value.text

    async def run(self, run: "StepRun", input: ChatInput) -> "ChatMessage":
        from geppetto.conversation.models import ChatMessage
        from geppetto.steps.tool_calls import answer_tool_calls

        messages = chat_messages(input)
        parent = run.ctx.parent_id or (messages[-1].id if messages else "")
        box = run.ctx.tools
        if self.parameters.tools is not None:
            box = SelectedTools(box, self.parameters.tools)
        request = ChatRequest(messages, box.definitions() if box else [], 0, [])
        said = 0
        while uses := await self.round(run, request):
            if request.round >= self.parameters.max_tool_rounds:
                raise StepError(
                    f"the model called tools again after {request.round} rounds of tool calls;"
                    f" {self.parameters.max_tool_rounds} are allowed",
                    kind=ErrorKind.TOOL_ROUNDS,
                )
            outcomes = await answer_tool_calls(run, box, uses, timeout=self.parameters.tool_timeout)
            request = _next_request(request, run.text[said:], outcomes)
            said = len(run.text)
            run.new_paragraph()
        return ChatMessage(id=run.meta.message_id, parent_id=parent, role="assistant", text=run.text)


def chat_messages(input: ChatInput) -> "list[Message]":
    """The messages that an input stands for."""
    from geppetto.conversation.models import ChatMessage
    from geppetto.conversation.tree import Conversation
    from geppetto.events.codec import well_formed

    if isinstance(input, str):
        return [ChatMessage(role="user", text=well_formed(input))]
    return input.thread() if isinstance(input, Conversation) else list(input)


def _next_request(request: ChatRequest, said: str, outcomes: "list[ToolOutcome]") -> ChatRequest:
    from geppetto.conversation.models import ChatMessage, ToolResultMessage, ToolUseMessage

    messages = list(request.messages)
    if text := said.strip():
        messages.append(ChatMessage(role="assistant", text=text))
    for outcome in outcomes:
        arguments, use = outcome.arguments, outcome.use
        # Arguments that are not an object were refused; providers that want an object get an empty one.
        known = arguments if isinstance(arguments, dict) else {}
        raw: JsonObject = {} if isinstance(arguments, dict) else {"raw_input": use.input}
        messages.append(ToolUseMessage(tool_id=use.id, name=use.name, input=known, metadata=raw))
    for outcome in outcomes:
        error: JsonObject = {"is_error": True} if outcome.is_error else {}
        messages.append(ToolResultMessage(tool_id=outcome.use.id, result=outcome.text, metadata=error))
    return ChatRequest(messages, request.tools, request.round + 1, [*request.outcomes, *outcomes])
