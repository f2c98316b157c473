"""A conversation in the form of OpenAI's chat completions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from geppetto.conversation.models import ChatMessage, Message, ToolResultMessage, ToolUseMessage, compact_json
from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.tools import ToolDefinition

if TYPE_CHECKING:
    from openai.types.chat import (
        ChatCompletionAssistantMessageParam,
        ChatCompletionContentPartParam,
        ChatCompletionFunctionToolParam,
        ChatCompletionMessageParam,
    )
    from openai.types.shared_params import ResponseFormatJSONSchema


def openai_messages(messages: "Sequence[Message]") -> "list[ChatCompletionMessageParam]":
    """The messages as a request carries them; reads image files.

    Raises:
        ImageError: an image that cannot be sent.
        StepError: an image in a message that is not the user's.
    """
    sent: list[ChatCompletionMessageParam] = []
    calling: ChatCompletionAssistantMessageParam | None = None
    for message in messages:
        match message:
            case ToolUseMessage():
                # All calls of one turn belong to one message, that of the text before them, if there is one.
                if calling is None:
                    calling = {"role": "assistant"}
                    sent.append(calling)
                call = {"name": message.name, "arguments": compact_json(message.input)}
                calls = [
                    *calling.get("tool_calls", ()),
                    {"id": message.tool_id, "type": "function", "function": call},
                ]
                calling["tool_calls"] = calls  # pyright: ignore[reportGeneralTypeIssues]
            case ToolResultMessage():
                calling = None
                sent.append({"role": "tool", "tool_call_id": message.tool_id, "content": message.result})
            case ChatMessage(role="assistant"):
                check_no_images(message)
                calling = {"role": "assistant", "content": message.text}
                sent.append(calling)
            case ChatMessage(role="system"):
                check_no_images(message)
                calling = None
                sent.append({"role": "system", "content": message.text})
            case ChatMessage():
                # A chat message of the role "tool" answers no call: to the model it is something it is told.
                calling = None
                sent.append({"role": "user", "content": _content(message)})
    return sent


def check_no_images(message: ChatMessage) -> None:
    """
    Raises:
        StepError: there are images in the message.
    """
    if message.images:
        raise StepError(
            f"there is an image in a message of the role {message.role}; models take images from the user only",
            kind=ErrorKind.INVALID_INPUT,
        )


def _content(message: ChatMessage) -> "str | list[ChatCompletionContentPartParam]":
    if not message.images:
        return message.text
    parts: list[ChatCompletionContentPartParam] = []
    if message.text:
        parts.append({"type": "text", "text": message.text})
    for content in message.images:
        image = content.image()
        url = image.url if image.is_remote else image.as_data_url()
        detail = image.detail if image.detail in ("low", "high") else "auto"
        parts.append({"type": "image_url", "image_url": {"url": url, "detail": detail}})
    return parts


def openai_tools(tools: Sequence[ToolDefinition]) -> "list[ChatCompletionFunctionToolParam]":
    """The definitions of tools as a request carries them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": {**tool.parameters},
            },
        }
        for tool in tools
    ]


def openai_response_format(schema: JsonObject) -> "ResponseFormatJSONSchema":
    """The answer's schema as a request carries it; strict where the schema is as strict mode needs it."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {**schema}, "strict": _is_strict(schema)},
    }


def _is_strict(schema: JsonValue) -> bool:
    """Whether every object in the schema requires all its properties and allows no others."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = set(properties) if isinstance(properties, dict) else set[str]()
        required = schema.get("required")
        known = (
            {name for name in required if isinstance(name, str)} if isinstance(required, list) else set[str]()
        )
        if schema.get("additionalProperties") is not False or known != names:
            return False
    return all(map(_is_strict, schema.values()))
