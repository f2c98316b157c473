"""Events as JSON bytes, and back.

Text on the wire is well-formed Unicode. A lone surrogate cannot be said in UTF-8: encoding replaces
it with U+FFFD, as JavaScript's `toWellFormed` does, and decoding refuses it. NaN and the infinities,
which JSON cannot say, become null.
"""

import json.encoder
from collections.abc import Callable
from typing import Annotated, NamedTuple, cast

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from geppetto.events.models import Event, EventMetadata, PartialEvent, StepMetadata
from geppetto.events.retry import Undeliverable
from geppetto.events.wire import EventType, before_delta
from geppetto.json_value import JsonValue

# The C function behind json.dumps for one string; the pure Python one where there is no C.
_quote = cast(
    Callable[[str], str],
    getattr(json.encoder, "encode_basestring"),  # noqa: B009 - absent from the type stubs
)


class EventDecodeError(Undeliverable):
    """Bytes that are not an event."""


class EncodedEvent(NamedTuple):
    """An event already in its wire form, with the two facts a message's metadata needs."""

    payload: bytes
    type: EventType
    step_id: str


_events: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
_partial = cast(
    Callable[[dict[str, object]], PartialEvent], TypeAdapter(PartialEvent).validator.validate_python
)


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def encode(event: Event) -> bytes:
    """The event's JSON, UTF-8."""
    return _dump(event)


def encode_body(event: Event) -> bytes:
    """The event's JSON without `meta` and `step`, for people to read. It cannot be decoded."""
    return _dump(event, exclude={"meta", "step"})


def decode(payload: bytes) -> Event:
    """The event that the JSON says.

    Raises:
        EventDecodeError: it is not JSON, or not an event; the message names the field.
    """
    try:
        return _events.validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        where = f" at {place}" if place else ""
        raise EventDecodeError(f"Not a Geppetto event{where}: {first['msg']}.") from error


class StreamDecoder:
    """Decodes the events of a stream; what its partials have in common is read and checked only once.

    Events of any number of streams may come in any order, which costs nothing but the saving. Partials that differ
    in their delta alone share their `meta` and `step`.
    """

    __slots__ = ("_head", "_last")

    def __init__(self) -> None:
        self._head: bytes | None = None
        self._last: PartialEvent | None = None

    def decode(self, payload: bytes) -> Event:
        """As the function `decode`."""
        head, last = self._head, self._last
        if head is not None and last is not None and payload.startswith(head):
            try:
                delta = from_json(payload[len(head) : -1])
                return _partial({"type": "partial", "meta": last.meta, "step": last.step, "delta": delta})
            except ValueError:
                pass  # something follows the delta: the whole tells whether that is an event
        event = decode(payload)
        self._last = event if isinstance(event, PartialEvent) else None
        self._head = before_delta(payload) if self._last is not None else None
        return event


class StreamEncoder:
    """Encodes the deltas of one stream, rendering the part that never changes only once.

    `meta` and `step` are read when the encoder is made: a later change to them does not show in
    the partials. The bytes are those that `encode(PartialEvent(...))` would give.
    """

    __slots__ = ("_head", "_step_id")

    def __init__(self, meta: EventMetadata, step: StepMetadata) -> None:
        self._step_id = step.step_id
        self._head = b'{"type":"partial","meta":%b,"step":%b,"delta":' % (_dump(meta), _dump(step))

    def partial(self, delta: str) -> bytes:
        """The wire form of a partial event with this delta."""
        return self.partial_event(delta).payload

    def partial_event(self, delta: str) -> EncodedEvent:
        """The same, ready for `PublisherManager.publish`."""
        try:
            quoted = _quote(delta).encode()
        except UnicodeEncodeError:
            quoted = _quote(well_formed(delta)).encode()
        return EncodedEvent(self._head + quoted + b"}", "partial", self._step_id)


def _dump(model: BaseModel, exclude: set[str] | None = None) -> bytes:
    try:
        return model.__pydantic_serializer__.to_json(model, exclude=exclude)
    except (PydanticSerializationError, UnicodeEncodeError):
        value = cast(JsonValue, model.model_dump(exclude=exclude))
        return to_json(_well_formed_value(value), inf_nan_mode="null")


def _well_formed_value(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [_well_formed_value(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(key): _well_formed_value(item) for key, item in value.items()}
    return value
