"""How topics, groups and messages are written on NATS."""

import hashlib
import json
import re
from typing import Final
from urllib.parse import quote

from geppetto.events.message import Message
from geppetto.events.transports import TransportError
from geppetto.json_value import JsonValue

MAX_SUBJECT: Final = 1024
"""Bytes of a subject; the server ends the connection over a command line of more than 4096."""

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")


def subject(namespace: str, topic: str) -> str:
    """The subject of a topic, different for every two topics.

    Dots separate as they do in topics. Whatever means something to NATS (spaces, `*`, `>`, controls) is
    written as `%XX`, and an empty part as `%`.

    Raises:
        TransportError: the topic is too long.
    """
    parts = [quote(part, safe="") or "%" for part in topic.encode("utf-8", "surrogatepass").split(b".")]
    text = ".".join([namespace, *parts])
    if len(text) > MAX_SUBJECT:
        raise TransportError(
            f"The topic {topic[:40]!r}… is too long for NATS: {len(text)} of at most {MAX_SUBJECT} bytes."
        )
    return text


def consumer_name(topic: str, group: str) -> str:
    """The name of a group's durable consumer: readable as far as NATS allows, and different for each."""
    digest = hashlib.sha256(json.dumps([topic, group]).encode()).hexdigest()[:16]
    return f"{_NOT_IN_NAMES.sub('_', group)[:40]}-{digest}"


def pack(message: Message) -> bytes:
    """A line of JSON, `[uuid, metadata]`, and the payload as it is.

    (Not NATS headers: those cannot carry every text, and reading them costs more than the rest.)
    """
    return json.dumps([message.uuid, message.metadata]).encode() + b"\n" + message.payload


def unpack(data: bytes) -> Message:
    """What `pack` made.

    Raises:
        ValueError: it was not `pack` that made this.
    """
    line, _, payload = data.partition(b"\n")
    envelope: JsonValue = json.loads(line)
    match envelope:
        case [str(uuid), dict(metadata)]:
            texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
            if len(texts) == len(metadata):
                return Message(payload, texts, uuid)
        case _:
            pass
    raise ValueError("it does not begin with a line of JSON [uuid, metadata]")
