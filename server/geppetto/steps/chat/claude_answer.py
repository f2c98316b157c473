"""Puts an answer together from the events in which Claude's messages are streamed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.chat.pricing import Tokens
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from anthropic.types import ContentBlockParam

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


@dataclass(slots=True)
class _Block:
    """A content block that arrives in pieces: the text, the thoughts, or the arguments of a call."""

    type: str
    pieces: list[str] = field(default_factory=list[str])
    id: str = ""
    name: str = ""
    signature: str = ""

    @property
    def content(self) -> str:
        return "".join(self.pieces)


class ClaudeAnswer:
    """An answer as far as it has arrived. Events and blocks of unknown types are passed over.

    Attributes:
        begun: whether a block has begun: text, a call, or thoughts, which are not shown.
        stop_reason: why the answer ended; None as long as it has not.
        refusal: why Claude refused, if it did.
        tokens: what was used until now.
    """

    cost: float | None = None
    """Claude never says."""

    def __init__(self) -> None:
        self.begun = False
        self.stop_reason: str | None = None
        self.refusal = ""
        self.tokens: Tokens | None = None
        self._counts: dict[str, int] = {}
        self._blocks: dict[int, _Block] = {}
        self._apart = False
        self._paragraph = False

    def read(self, event: JsonValue) -> str:
        """The text that an event adds."""
        if not isinstance(event, dict):
            return ""
        match event.get("type"):
            case "content_block_delta":
                return self._read_delta(event.get("index"), _object(event.get("delta")))
            case "content_block_start":
                return self._read_start(event.get("index"), _object(event.get("content_block")))
            case "message_start":
                self._read_usage(_object(_object(event.get("message")).get("usage")))
            case "message_delta":
                delta = _object(event.get("delta"))
                self.stop_reason = _text(delta.get("stop_reason")) or self.stop_reason
                details = _object(delta.get("stop_details"))
                self.refusal = _text(details.get("explanation")) or _text(details.get("category"))
                self._read_usage(_object(event.get("usage")))
            case _:
                pass
        return ""

    @property
    def counted(self) -> bool:
        """Whether `tokens` counts the whole answer: what Claude says at the beginning counts the input alone."""
        return self.tokens is not None and self.stop_reason is not None

    @property
    def size(self) -> int:
        """UTF-8 bytes of all that came."""
        return sum(len(block.content.encode("utf-8", "surrogatepass")) for block in self._blocks.values())

    def takes_paragraph(self) -> bool:
        """Whether the text just read is parted from the text before by something that is not shown. Asked once."""
        paragraph, self._paragraph = self._paragraph, False
        return paragraph

    def tool_uses(self) -> list[ToolUse]:
        return [
            ToolUse(block.id, block.name, block.content or "{}")
            for block in self._in_order()
            if block.type == "tool_use"
        ]

    def as_sent_back(self) -> "list[ContentBlockParam]":
        """The whole answer, thoughts and signatures included, as Claude wants to see it again."""
        sent: list[JsonObject] = []
        for block in self._in_order():
            match block.type:
                case "thinking":
                    sent.append({"type": "thinking", "thinking": block.content, "signature": block.signature})
                case "redacted_thinking":
                    sent.append({"type": "redacted_thinking", "data": block.content})
                case "text" if block.content.strip():
                    sent.append({"type": "text", "text": block.content})
                case "tool_use":
                    arguments = _parsed(block.content)
                    sent.append({"type": "tool_use", "id": block.id, "name": block.name, "input": arguments})
                case _:
                    pass
        return cast("list[ContentBlockParam]", sent)

    def _in_order(self) -> Iterator[_Block]:
        return (block for _, block in sorted(self._blocks.items()))

    def _read_start(self, index: JsonValue, started: JsonObject) -> str:
        block = self._block(index, _text(started.get("type")))
        if block.type == "text":
            self._paragraph = self._paragraph or self._apart
            self._apart = False
            text = _text(started.get("text"))
            block.pieces.append(text)
            return text
        self._apart = True
        block.id, block.name = _text(started.get("id")), _text(started.get("name"))
        block.signature = _text(started.get("signature"))
        block.pieces.append(_text(started.get("thinking")) or _text(started.get("data")))
        if block.type == "tool_use" and (given := started.get("input")):
            # A compatible server may send the arguments at once.
            block.pieces.append(json.dumps(given))
        return ""

    def _read_delta(self, index: JsonValue, delta: JsonObject) -> str:
        block = self._blocks.get(index) if isinstance(index, int) else None
        if block is None:
            block = self._block(index, "text")
        match delta.get("type"):
            case "text_delta":
                text = _text(delta.get("text"))
                block.pieces.append(text)
                return text
            case "input_json_delta":
                block.pieces.append(_text(delta.get("partial_json")))
            case "thinking_delta":
                block.pieces.append(_text(delta.get("thinking")))
            case "signature_delta":
                block.signature += _text(delta.get("signature"))
            case _:
                pass
        return ""

    def _block(self, index: JsonValue, type: str) -> _Block:
        self.begun = True
        block = self._blocks[index if isinstance(index, int) else len(self._blocks)] = _Block(type)
        return block

    def _read_usage(self, usage: JsonObject) -> None:
        for name in _COUNTS:
            count = usage.get(name)
            if isinstance(count, int):
                self._counts[name] = count
        if self._counts:
            fresh, output, cached, written = (self._counts.get(name, 0) for name in _COUNTS)
            # Claude counts apart what others count together.
            self.tokens = Tokens(fresh + cached + written, output, cached, written)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _parsed(text: str) -> JsonObject:
    try:
        return _object(cast(JsonValue, json.loads(text or "{}")))
    except ValueError:
        return {}
