"""What a step was asked, as JSON that is the same in every run that asks the same.

Ids and times of messages are left out, since they are new in every run. An image counts by its content.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from geppetto.json_value import JsonObject, JsonValue

if TYPE_CHECKING:
    from geppetto.conversation.models import ImageContent, Message
    from geppetto.steps.tools import ToolDefinition


def step_request(name: str, options: JsonObject, tools: "Sequence[ToolDefinition]", input: Any) -> JsonObject:
    """The request for a step: its name, the options given to it, the tools it may offer, and its input."""
    request: JsonObject = {"step": name}
    if options:
        request["options"] = options
    if tools:
        request["tools"] = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in tools
        ]
    request["input"] = input_json(input)
    return request


def canonical(request: JsonValue) -> str:
    """A text that is the same for equal requests, whatever the order of their keys."""
    return json.dumps(request, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def input_json(input: Any) -> JsonValue:
    """A step's input: JSON as it is, a conversation as its messages."""
    from geppetto.conversation.models import ChatMessage, ToolResultMessage, ToolUseMessage
    from geppetto.conversation.tree import Conversation

    if isinstance(input, Conversation):
        return [_message(message) for message in input.thread()]
    if isinstance(input, list | tuple):
        items = cast("Sequence[Any]", input)
        known = (ChatMessage, ToolUseMessage, ToolResultMessage)
        return [_message(item) if isinstance(item, known) else input_json(item) for item in items]
    try:
        return cast(JsonValue, json.loads(json.dumps(input)))
    except (TypeError, ValueError):
        # An input of a step of the user's own, which only Python knows.
        return f"{type(input).__name__}: {input!r}"


def _message(message: "Message") -> JsonValue:
    match message.type:
        case "chat-message":
            said: JsonObject = {"role": message.role, "text": message.text}
            if message.images:
                said["images"] = [_image(image) for image in message.images]
            return said
        case "tool-use":
            return {"tool_use": message.name, "id": message.tool_id, "input": message.input}
        case "tool-result":
            return {"tool_result": message.result, "id": message.tool_id}


def _image(image: "ImageContent") -> JsonValue:
    url = urlsplit(image.image_url)
    if url.scheme in ("http", "https"):
        return {"url": image.image_url, "detail": image.detail}
    try:
        if url.scheme == "data":
            head, _, body = url.path.partition(",")
            content = base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)
        else:
            with open(url2pathname(url.path), "rb") as file:
                content = file.read()
    except (OSError, ValueError, binascii.Error):
        # The step says what is wrong with it.
        return {"name": image.image_name, "unreadable": True}
    return {"name": image.image_name, "sha256": sha256(content).hexdigest(), "detail": image.detail}
