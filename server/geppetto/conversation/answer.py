"""What was said and done in one answer, in order, and as which messages a model sees it again."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import BaseModel, Field, JsonValue, TypeAdapter

from geppetto.conversation.models import ChatMessage, ToolResultMessage, ToolUseMessage, as_told
from geppetto.conversation.tree import AnyMessage


class TextPart(BaseModel):
    """Text, in Markdown when a model wrote it."""

    type: Literal["text"] = "text"
    text: str = ""


class ToolPart(BaseModel):
    """A call of a tool. `input` is the model's own text; there is a `result` when it is `done`.

    Calls of the same `round` were made together: the model had none of their results yet.
    """

    type: Literal["tool"] = "tool"
    id: str
    name: str
    input: str
    round: int = 0
    result: JsonValue = None
    done: bool = False
    is_error: bool = False


Part: TypeAlias = Annotated[TextPart | ToolPart, Field(discriminator="type")]
parts_adapter: TypeAdapter[list[TextPart | ToolPart]] = TypeAdapter(list[Part])


def add_call(parts: list[TextPart | ToolPart], id: str, name: str, input: str) -> ToolPart:
    """Note a call that comes now, in the round it belongs to."""
    calls = [part for part in parts if isinstance(part, ToolPart)]
    round = calls[-1].round if calls else 0
    if calls and (parts[-1] is not calls[-1] or any(call.done for call in calls if call.round == round)):
        round += 1
    part = ToolPart(id=id, name=name, input=input, round=round)
    parts.append(part)
    return part


def add_result(
    parts: Sequence[TextPart | ToolPart], id: str, result: JsonValue, *, is_error: bool
) -> ToolPart | None:
    """Note the result of a call, the first of that id without one; None if there is no such call."""
    for part in parts:
        if isinstance(part, ToolPart) and part.id == id and not part.done:
            part.result, part.is_error, part.done = result, is_error, True
            return part
    return None


def text_of(parts: Sequence[TextPart | ToolPart]) -> str:
    """All that was said, without the calls."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    return texts[0] if len(texts) == 1 else "\n\n".join(text.strip("\n") for text in texts)


def answer_messages(parts: Sequence[TextPart | ToolPart]) -> list[AnyMessage]:
    """The answer as the model knows it: just what it was shown in its own rounds, so that a service finds it in its cache.

    The twin of `Conversation.addAnswer` in JavaScript. Calls without a result are left out: no model takes them back.
    """
    has_calls = any(isinstance(part, ToolPart) for part in parts)
    messages: list[AnyMessage] = []
    for round, group in groupby(parts, lambda part: part.round if isinstance(part, ToolPart) else None):
        if round is None:
            text = "".join(part.text for part in group if isinstance(part, TextPart))
            if text.strip():
                told = text.strip() if has_calls else text
                messages.append(ChatMessage(role="assistant", text=told))
        else:
            calls = [part for part in group if isinstance(part, ToolPart) and part.done]
            messages += map(_use, calls)
            messages += map(_result, calls)
    return messages


def _use(call: ToolPart) -> ToolUseMessage:
    arguments = _arguments(call.input)
    if arguments is None:  # refused; services want an object
        raw = {"raw_input": cast(JsonValue, call.input)}
        return ToolUseMessage(tool_id=call.id, name=call.name, input={}, metadata=raw)
    return ToolUseMessage(tool_id=call.id, name=call.name, input=arguments)


def _result(call: ToolPart) -> ToolResultMessage:
    error: dict[str, JsonValue] = {"is_error": True} if call.is_error else {}
    return ToolResultMessage(tool_id=call.id, result=as_told(call.result), metadata=error)


def _arguments(text: str) -> dict[str, JsonValue] | None:
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, JsonValue]", value) if isinstance(value, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
