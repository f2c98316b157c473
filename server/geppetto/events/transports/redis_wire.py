"""What Redis answers, and how a message is written in a stream: the fields uuid, metadata (JSON) and payload."""

import json
from typing import TYPE_CHECKING, TypeAlias

from geppetto.events.message import Message

if TYPE_CHECKING:
    from geppetto.json_value import JsonValue

Reply: TypeAlias = "bytes | int | None | list[Reply]"
"""What comes back in the second version of the protocol."""

Argument: TypeAlias = bytes | str | int | float


def fields(message: Message) -> tuple[Argument, ...]:
    """The values of a message's fields: uuid, metadata, payload."""
    return message.uuid, json.dumps(message.metadata), message.payload


def message(reply: Reply) -> Message:
    """The message of an entry's fields.

    Raises:
        ValueError: it was not published by us.
    """
    pairs = as_pairs(reply)
    try:
        metadata: JsonValue = json.loads(as_bytes(pairs[b"metadata"]))
        name, payload = as_bytes(pairs[b"uuid"]).decode(), as_bytes(pairs[b"payload"])
    except KeyError as error:
        raise ValueError(f"it has no field {error}") from None
    if not isinstance(metadata, dict):
        raise ValueError("its metadata is no JSON object")
    return Message(payload, {key: str(value) for key, value in metadata.items()}, name)


def as_pairs(reply: Reply) -> dict[bytes, Reply]:
    """A flat list of keys and values; ValueError if it is none."""
    flat = as_list(reply)
    return {as_bytes(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)}


def as_list(reply: Reply) -> list[Reply]:
    """The list that must be here, or ValueError."""
    if not isinstance(reply, list):
        raise ValueError(f"Redis answered {reply!r} where a list was expected")
    return reply


def as_bytes(reply: Reply) -> bytes:
    """The text that must be here, or ValueError."""
    if not isinstance(reply, bytes):
        raise ValueError(f"Redis answered {reply!r} where text was expected")
    return reply


def as_int(reply: Reply) -> int:
    """The number that must be here, or ValueError."""
    if not isinstance(reply, int):
        raise ValueError(f"Redis answered {reply!r} where a number was expected")
    return reply
