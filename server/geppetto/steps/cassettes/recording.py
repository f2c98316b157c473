"""One step as it went: what it was asked, and its events with their times.

Events stand here as on the wire, but without what belongs to one run alone: ids of the step and the message.
Metadata is written where it changes.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue

if TYPE_CHECKING:
    from geppetto.events.codec import EncodedEvent
    from geppetto.events.models import Event

_OF_THE_RUN = ("message_id", "parent_id")
_OF_THE_STEP = ("type", "input_type", "output_type")


class CassetteError(GeppettoError):
    """A cassette that cannot be read or written, or does not have what was asked for."""


@dataclass(slots=True)
class Recording:
    """A step that has ended.

    Attributes:
        request: what it was asked; see `requests.step_request`.
        events: from the start to the terminal event, each with the seconds since the start.
    """

    request: JsonObject
    events: "list[tuple[float, Event]]"

    @property
    def uses_tools(self) -> bool:
        return any(event.type == "tool-call" for _, event in self.events)


@dataclass(slots=True)
class Tape:
    """A recording in the making: takes the events of one step as they are published."""

    request: JsonObject
    lines: list[JsonObject] = field(default_factory=list[JsonObject])
    ended: bool = False
    _started: float = field(default_factory=time.monotonic)
    _meta: JsonObject | None = None

    def take(self, events: "Iterable[EncodedEvent]") -> None:
        at = round(time.monotonic() - self._started, 3)
        for event in events:
            if not self.ended:
                self.lines.append(self._line(at, cast(JsonObject, json.loads(event.payload))))
                self.ended = event.type in ("final", "error", "interrupt")

    def _line(self, at: float, event: JsonObject) -> JsonObject:
        meta, step = cast(JsonObject, event.pop("meta")), cast(JsonObject, event.pop("step"))
        line: JsonObject = {"at": at, **event}
        if event["type"] == "start":
            line["step"] = {name: step[name] for name in _OF_THE_STEP}
        meta = {name: value for name, value in meta.items() if name not in _OF_THE_RUN}
        # The metadata of a partial is that of the start.
        if event["type"] != "partial" and meta != self._meta:
            line["meta"] = self._meta = meta
        return line


class EventReader:
    """Events from the lines of a tape."""

    def __init__(self) -> None:
        self._meta: JsonValue = {}
        self._step: JsonObject = {}
        self.events: list[tuple[float, Event]] = []

    @property
    def ended(self) -> bool:
        return bool(self.events) and self.events[-1][1].type in ("final", "error", "interrupt")

    def read(self, line: JsonObject) -> None:
        """
        Raises:
            CassetteError: the line is no event, or one that cannot stand here.
        """
        from geppetto.events.codec import EventDecodeError, decode

        body = dict(line)
        at = body.pop("at", 0)
        if isinstance(at, bool) or not isinstance(at, int | float) or at < 0:
            raise CassetteError(f"`at` should be seconds since the start, not {at!r}")
        if (body.get("type") == "start") is bool(self.events) or self.ended:
            raise CassetteError(
                "the events of a step are one start, any number of others, and one that ends it"
            )
        self._meta = body.pop("meta", self._meta)
        step = body.pop("step", None)
        if isinstance(step, dict):
            self._step = step
        meta = {**self._meta, "message_id": ""} if isinstance(self._meta, dict) else self._meta
        whole: JsonObject = {**body, "meta": meta, "step": {**self._step, "step_id": ""}}
        try:
            self.events.append((float(at), decode(json.dumps(whole).encode())))
        except EventDecodeError as error:
            raise CassetteError(str(error)) from None


def dump_events(lines: Iterable[JsonObject]) -> bytes:
    """The lines of a tape, one JSON object a line."""
    return b"".join(map(line_bytes, lines))


def load_events(data: bytes) -> "list[tuple[float, Event]]":
    """
    Raises:
        CassetteError: these are not the events of a whole step.
    """
    reader = EventReader()
    for line in _json_lines(data):
        reader.read(line)
    if not reader.ended:
        raise CassetteError("the step does not end")
    return reader.events


def line_bytes(value: JsonObject) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _json_lines(data: bytes) -> Iterator[JsonObject]:
    for number, line in enumerate(data.splitlines(), 1):
        try:
            value: object = json.loads(line)
        except ValueError as error:
            raise CassetteError(f"line {number} is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise CassetteError(f"line {number} is not a JSON object")
        yield cast(JsonObject, value)
