"""Puts an answer together from the chunks in which chat completions are streamed."""

from dataclasses import dataclass, field
from uuid import uuid4

from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.chat.pricing import Tokens
from geppetto.steps.tools import ToolUse


@dataclass(slots=True)
class _Call:
    """A tool call whose arguments arrive in fragments."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class OpenAIAnswer:
    """The first choice of an answer, as far as it has arrived. Servers differ, so anything may be missing.

    Attributes:
        begun: whether anything of the answer has come: text, a piece of a call, or thoughts, which are not shown.
        stop_reason: in OpenAI's words.
        tokens: what was used, if the server says so.
        cost: in US dollars, if it says that too, as OpenRouter does.
        size: UTF-8 bytes of all that came.
    """

    def __init__(self) -> None:
        self.begun = False
        self.stop_reason: str | None = None
        self.tokens: Tokens | None = None
        self.cost: float | None = None
        self.size = 0
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def read(self, chunk: JsonValue) -> str:
        """The text that a chunk adds."""
        if not isinstance(chunk, dict):
            return ""
        usage = chunk.get("usage")
        if usage:
            # Some servers count on in every chunk; the last one counts.
            self._read_usage(_object(usage))
        text = ""
        for choice in _list(chunk.get("choices")):
            if not isinstance(choice, dict) or choice.get("index"):
                continue
            delta = choice.get("delta")
            if isinstance(delta, dict):
                text += self._read_delta(delta)
            reason = choice.get("finish_reason")
            if isinstance(reason, str) and reason:
                self.stop_reason = reason
        return text

    @property
    def counted(self) -> bool:
        """Whether the server has said what was used. One that counts on in every chunk is believed at any time."""
        return self.tokens is not None

    def tool_uses(self) -> list[ToolUse]:
        return [
            ToolUse(call.id or f"call_{uuid4().hex}", call.name, "".join(call.arguments) or "{}")
            for call in self._calls
            if call.name
        ]

    def _read_delta(self, delta: JsonObject) -> str:
        text = _text(delta.get("content")) or _text(delta.get("refusal"))
        calls = delta.get("tool_calls")
        if calls:
            for fragment in _list(calls):
                self._read_call(_object(fragment))
        thoughts = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        if text or calls or thoughts:
            self.begun = True
            self.size += _bytes(text) + _bytes(thoughts)
        return text

    def _read_call(self, fragment: JsonObject) -> None:
        index, id = _count(fragment.get("index")), _text(fragment.get("id"))
        # Some servers send every call whole, all with the index 0 or with none: then a new id is a new call.
        call = self._by_index.get(index)
        if call is None or (id and call.id and id != call.id):
            call = self._by_index[index] = _Call()
            self._calls.append(call)
        call.id = call.id or id
        function = _object(fragment.get("function"))
        call.name = call.name or _text(function.get("name"))
        arguments = _text(function.get("arguments"))
        call.arguments.append(arguments)
        self.size += _bytes(arguments)

    def _read_usage(self, usage: JsonObject) -> None:
        details = _object(usage.get("prompt_tokens_details"))
        self.tokens = Tokens(
            input=_count(usage.get("prompt_tokens")),
            output=_count(usage.get("completion_tokens")),
            cached=_count(details.get("cached_tokens")),
            written=_count(details.get("cache_write_tokens")),
        )
        cost = usage.get("cost")
        if isinstance(cost, int | float) and not isinstance(cost, bool) and cost >= 0:
            self.cost = float(cost)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
