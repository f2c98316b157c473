"""A conversation in the form of Claude's messages."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from geppetto.conversation.models import ChatMessage, ImageContent, Message, ToolResultMessage, ToolUseMessage
from geppetto.json_value import JsonObject
from geppetto.steps.chat.openai_messages import check_no_images
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.tools import ToolDefinition

if TYPE_CHECKING:
    from anthropic.types import (
        ContentBlockParam,
        ImageBlockParam,
        MessageParam,
        OutputConfigParam,
        ToolParam,
        ToolResultBlockParam,
    )


def claude_messages(
    messages: "Sequence[Message]", answers: "Mapping[str, Sequence[ContentBlockParam]]"
) -> "tuple[str, list[MessageParam]]":
    """The system prompt, and the turns of user and assistant; reads image files.

    Args:
        answers: Claude's own answers of this run, exactly as they came, by the id of their first tool call. Its
            thoughts are among them, and it wants them back with the results.

    Raises:
        ImageError: an image that cannot be sent.
        StepError: there is nothing to answer; an image in a message that is not the user's.
    """
    system: list[str] = []
    turns = _Turns()
    answered: set[str] = set()
    for message in messages:
        match message:
            case ToolUseMessage() if message.tool_id in answers:
                answer = answers[message.tool_id]
                turns.replace_text_by("assistant", answer)
                answered |= {block["id"] for block in answer if block["type"] == "tool_use"}
            case ToolUseMessage() if message.tool_id in answered:
                pass
            case ToolUseMessage():
                turns.add(
                    "assistant",
                    {
                        "type": "tool_use",
                        "id": message.tool_id,
                        "name": message.name,
                        "input": {**message.input},
                    },
                )
            case ToolResultMessage():
                result: ToolResultBlockParam = {"type": "tool_result", "tool_use_id": message.tool_id}
                if message.result:
                    result["content"] = message.result
                if message.metadata.get("is_error") is True:
                    result["is_error"] = True
                turns.add("user", result)
            case ChatMessage(role="system"):
                check_no_images(message)
                system.append(message.text)
            case ChatMessage(role="assistant"):
                check_no_images(message)
                turns.add_text("assistant", message.text)
            case ChatMessage():
                for image in message.images:
                    turns.add("user", _image(image))
                turns.add_text("user", message.text)
    return "\n\n".join(filter(str.strip, system)), turns.finished()


class _Turns:
    """Messages that alternate: what one side says in several of ours is one of Claude's."""

    def __init__(self) -> None:
        self._turns: list[tuple[str, list[ContentBlockParam]]] = []

    def add(self, role: str, *blocks: "ContentBlockParam") -> None:
        if not self._turns or self._turns[-1][0] != role:
            self._turns.append((role, []))
        self._turns[-1][1].extend(blocks)

    def add_text(self, role: str, text: str) -> None:
        # Claude refuses text that is empty or all white space.
        if text.strip():
            self.add(role, {"type": "text", "text": text})

    def replace_text_by(self, role: str, blocks: "Sequence[ContentBlockParam]") -> None:
        """Add the blocks; they contain the text that was added last, if they contain any."""
        if any(block["type"] == "text" for block in blocks) and self._turns and self._turns[-1][0] == role:
            self._turns[-1][1].pop()
        self.add(role, *blocks)

    def finished(self) -> "list[MessageParam]":
        if not self._turns:
            raise StepError("there is no message to answer", kind=ErrorKind.INVALID_INPUT)
        role, blocks = self._turns[-1]
        last = blocks[-1] if blocks else None
        if role == "assistant" and last is not None and last["type"] == "text":
            # The beginning of the answer, to be continued: Claude refuses white space at its end.
            last["text"] = last["text"].rstrip()
        return [
            cast("MessageParam", {"role": role, "content": blocks}) for role, blocks in self._turns if blocks
        ]


def _image(content: ImageContent) -> "ImageBlockParam":
    image = content.image()
    if image.is_remote:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    header, _, data = image.as_data_url().partition(";base64,")
    source = {"type": "base64", "media_type": header.removeprefix("data:"), "data": data}
    return cast("ImageBlockParam", {"type": "image", "source": source})


def claude_tools(tools: Sequence[ToolDefinition]) -> "list[ToolParam]":
    """The definitions of tools as a request carries them."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            # Claude wants the type said, even where a schema needs none.
            "input_schema": {"type": "object", **tool.parameters},
        }
        for tool in tools
    ]


def claude_output_config(schema: JsonObject) -> "OutputConfigParam":
    """The answer's schema as a request carries it."""
    return {"format": {"type": "json_schema", "schema": {**schema}}}
