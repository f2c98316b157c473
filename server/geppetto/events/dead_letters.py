"""Messages that nobody could handle, kept where a person can find them."""

import base64
import json
import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from geppetto.events.message import Message
from geppetto.json_value import JsonObject

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up.

    Attributes:
        topic: where it was published.
        handler: the name of the handler that failed, empty for a bare subscription.
        message: the message.
        reason: why the last try failed.
        attempts: how often it was tried.
        time: seconds since the epoch.
    """

    topic: str
    handler: str
    message: Message
    reason: str
    attempts: int
    time: float = field(default_factory=time.time)

    def to_json(self) -> JsonObject:
        """All fields; the payload as text, or as `payload_base64` if it is not UTF-8."""
        try:
            payload: JsonObject = {"payload": self.message.payload.decode()}
        except UnicodeDecodeError:
            payload = {"payload_base64": base64.b64encode(self.message.payload).decode()}
        return {
            "time": self.time,
            "topic": self.topic,
            "handler": self.handler,
            "reason": self.reason,
            "attempts": self.attempts,
            "uuid": self.message.uuid,
            "metadata": dict(self.message.metadata),
            **payload,
        }


class DeadLetterLog:
    """Keeps the last dead letters, logs each, and appends each to a file of JSON lines if there is one.

    Args:
        path: the file to append to; its folder must exist.
        keep: how many letters to hold in memory.
    """

    def __init__(self, path: Path | None = None, *, keep: int = 1000) -> None:
        self._path = path
        self._letters: deque[DeadLetter] = deque(maxlen=keep)

    def add(self, letter: DeadLetter) -> None:
        """Record a letter. Never raises: a full disk must not take the bus down, so it is logged."""
        self._letters.append(letter)
        logger.error(
            "Message %s on %s was given up after %d attempts%s: %s",
            letter.message.uuid,
            letter.topic,
            letter.attempts,
            f" by {letter.handler}" if letter.handler else "",
            letter.reason,
        )
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(letter.to_json(), ensure_ascii=True) + "\n")
        except OSError:
            logger.exception("The dead letter could not be written to %s", self._path)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(tuple(self._letters))

    def __len__(self) -> int:
        return len(self._letters)
