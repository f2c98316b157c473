"""Events for people and for other programs to read: text, JSON lines, YAML documents."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias, assert_never

from geppetto.events.codec import encode, encode_body, well_formed
from geppetto.events.dispatch import EventHandler
from geppetto.events.models import (
    ErrorEvent,
    Event,
    EventMetadata,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    ToolCallEvent,
    ToolResultEvent,
)

if TYPE_CHECKING:
    from yaml import SafeDumper, ScalarNode

Format: TypeAlias = Literal["text", "json", "yaml"]


def print_events(
    stream: TextIO, form: Format = "text", *, metadata: bool = False, flush: bool = True
) -> EventHandler:
    """A handler that writes each event to `stream`.

    Args:
        stream: where to; it must take Unicode.
        form: `text`, one JSON object a line, or one YAML document an event.
        metadata: whether `meta` and `step` are shown too.
        flush: whether to flush after each event, as somebody who watches expects.
    """
    text = TextFormat(metadata=metadata)

    def write(event: Event) -> None:
        match form:
            case "text":
                stream.write(text.format(event))
            case "json":
                stream.write(format_json(event, metadata=metadata))
            case "yaml":
                stream.write(format_yaml(event, metadata=metadata))
        if flush:
            stream.flush()

    return write


def format_json(event: Event, *, metadata: bool = False) -> str:
    """One line of JSON; with metadata it is the wire form."""
    return (encode(event) if metadata else encode_body(event)).decode() + "\n"


def format_yaml(event: Event, *, metadata: bool = False) -> str:
    """One YAML document, starting with `---`."""
    import yaml  # not needed by anyone who prints text

    return yaml.dump(  # pyright: ignore[reportUnknownMemberType]  # the type of width, in some stubs
        json.loads(format_json(event, metadata=metadata)),
        Dumper=_block_dumper(),
        explicit_start=True,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )


@cache
def _block_dumper() -> type[SafeDumper]:
    """A dumper that shows text of several lines as such, where YAML can."""
    import yaml

    class BlockDumper(yaml.SafeDumper):
        pass

    def represent(_: SafeDumper, text: str) -> ScalarNode:
        style = "|" if "\n" in text else None
        return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)

    BlockDumper.add_representer(str, represent)
    return BlockDumper


class TextFormat:
    """Text as a person reads it: deltas run on, everything else has lines of its own.

    Keeps track of the line it is on, so use one for each output. Steps that speak at the same time
    take turns by the line.
    """

    def __init__(self, *, metadata: bool = False) -> None:
        self._metadata = metadata
        self._speaking = ""
        self._line_open = False
        self._streamed: set[str] = set()

    def format(self, event: Event) -> str:
        """The text to write for this event; empty if it says nothing."""
        step_id = event.step.step_id
        match event:
            case StartEvent():
                return self._line(f"[start] {_about(event)}") if self._metadata else ""
            case PartialEvent():
                self._streamed.add(step_id)
                return self._run_on(step_id, event.delta)
            case ToolCallEvent():
                return self._line(f"[tool-call] {event.tool_call.name} {event.tool_call.input}")
            case ToolResultEvent():
                kind = "tool-error" if event.tool_result.is_error else "tool-result"
                return self._line(f"[{kind}] {json.dumps(event.tool_result.result, ensure_ascii=False)}")
            case FinalEvent():
                text = self._run_on(step_id, "" if step_id in self._streamed else event.text)
                return text + self._end(event, "final")
            case ErrorEvent():
                code = f" ({event.code})" if event.code else ""
                return self._line(f"[error]{code} {event.error_string}") + self._end(event)
            case InterruptEvent():
                text = self._run_on(step_id, "" if step_id in self._streamed else event.text)
                return text + self._line("[interrupt]") + self._end(event)
            case _:
                assert_never(event)

    def _run_on(self, step_id: str, text: str) -> str:
        if not text:
            return ""
        turn = "\n" if self._line_open and self._speaking != step_id else ""
        self._speaking = step_id
        self._line_open = not text.endswith("\n")
        return turn + well_formed(text)

    def _line(self, text: str) -> str:
        start = "\n" if self._line_open else ""
        self._line_open = False
        return f"{start}{well_formed(text)}\n"

    def _end(self, event: Event, label: str = "") -> str:
        self._streamed.discard(event.step.step_id)
        if self._metadata:
            prefix = f"[{label}] " if label else ""
            return self._line(f"{prefix}{_about(event)}")
        if self._line_open and self._speaking == event.step.step_id:
            self._line_open = False
            return "\n"
        return ""


def _about(event: Event) -> str:
    meta: EventMetadata = event.meta
    facts: dict[str, object] = {
        "step": event.step.step_id,
        "message": meta.message_id,
        "engine": meta.engine or None,
        "temperature": meta.temperature,
        "top_p": meta.top_p,
        "max_tokens": meta.max_tokens,
        "stop_reason": meta.stop_reason,
    }
    if meta.usage is not None:
        facts |= {
            "input_tokens": meta.usage.input_tokens,
            "output_tokens": meta.usage.output_tokens,
            "cost": meta.usage.cost,
        }
    return " ".join(
        [event.step.type, *(f"{name}={fact}" for name, fact in facts.items() if fact is not None)]
    )
