"""What runs leave behind: one file of JSON lines each, in the user's state folder.

The first line says what ran, each other line is an event with its time, and the last one is the end
event. A record without one is of a run that still goes on, or whose supervisor died.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

from pydantic import ValidationError

from geppetto.errors import GeppettoError
from geppetto.runs.protocol import EndEvent, RunEvent, Wire, run_event
from geppetto.runtime.outcome import OutcomeKind

if TYPE_CHECKING:
    from geppetto.json_value import JsonObject
else:
    # The same type, in the form that pydantic can build a validator from.
    from pydantic import JsonValue

    JsonObject = dict[str, JsonValue]

SUFFIX = ".jsonl"
_TAIL_BYTES = 64 * 1024

RecordState: TypeAlias = OutcomeKind | Literal["running", "lost"]


class RecordError(GeppettoError):
    """A record that is not there, or cannot be read."""


class RecordHead(Wire):
    """The first line of a record.

    Attributes:
        record: the version of the form.
        run_id: the run's.
        started_at: when it was asked for.
        pid: the process that keeps the record.
        request: what ran, with secrets masked; of an unsaved text only its digest, ``textSha256``.
    """

    record: Literal[1] = 1
    run_id: str
    started_at: datetime
    pid: int
    request: JsonObject


class RunSummary(Wire):
    """A record in one line. ``error`` is the first line of the first error; ``bytes`` the size of the file."""

    run_id: str
    path: str
    started_at: datetime
    state: RecordState
    seconds: float | None = None
    steps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    error: str | None = None
    bytes: int


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of a record, and how many seconds after the start of the run it came."""

    at: float
    event: RunEvent


class RunRecord:
    """The record of one run. Nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def run_id(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    def head(self) -> RecordHead:
        """What ran.

        Raises:
            RecordError: it cannot be read.
        """
        with self._open() as lines:
            return self._head(lines.readline())

    def lines(self) -> Iterator[bytes]:
        """Every line as it stands.

        Raises:
            RecordError: it cannot be read.
        """
        with self._open() as lines:
            yield from lines

    def events(self) -> Iterator[RecordedEvent]:
        """Every event in order, read as it is taken; a last line that was cut off is left out.

        Raises:
            RecordError: it cannot be read.
        """
        with self._open() as lines:
            self._head(lines.readline())
            for number, line in enumerate(lines, 2):
                if not line.endswith(b"\n"):
                    return
                try:
                    fields = json.loads(line)
                    yield RecordedEvent(float(fields["at"]), run_event.validate_python(fields["event"]))
                except (ValueError, KeyError, TypeError) as error:
                    raise RecordError(f"{self.path}:{number} is no line of a run's record: {error}") from None

    def summary(self) -> RunSummary:
        """The record in one line.

        Raises:
            RecordError: it cannot be read.
        """
        head = self.head()
        end = self.end()
        error = None
        if end is not None and end.errors:
            first = end.errors[0]
            error = f"{first.name}: {first.message}".split("\n")[0]
        return RunSummary(
            run_id=head.run_id,
            path=str(head.request.get("path", "")),
            started_at=head.started_at,
            state=end.outcome if end is not None else "running" if is_alive(head.pid) else "lost",
            seconds=None if end is None else end.seconds,
            steps=0 if end is None else end.steps,
            input_tokens=0 if end is None else end.input_tokens,
            output_tokens=0 if end is None else end.output_tokens,
            cost_usd=None if end is None else end.cost_usd,
            error=error,
            bytes=self.path.stat().st_size,
        )

    def end(self) -> EndEvent | None:
        """The end event; None if the record has none (yet)."""
        line = self._last_line()
        try:
            fields = json.loads(line)
            event = run_event.validate_python(fields["event"])
        except (ValueError, KeyError, TypeError):
            return None
        return event if isinstance(event, EndEvent) else None

    def goes_on(self) -> bool:
        """Whether its run has not ended, as far as can be told."""
        try:
            return self.end() is None and is_alive(self.head().pid)
        except RecordError:
            return False

    def remove(self) -> None:
        """Deletes the record.

        Raises:
            RecordError: it cannot be deleted.
        """
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise RecordError(f"{self.path} cannot be removed: {error.strerror}") from None

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise RecordError(f"{self.path} cannot be read: {error.strerror}") from None

    def _head(self, line: bytes) -> RecordHead:
        try:
            return RecordHead.model_validate_json(line)
        except ValidationError:
            raise RecordError(f"{self.path} is no record of a run") from None

    def _last_line(self) -> bytes:
        with self._open() as file:
            size = os.fstat(file.fileno()).st_size
            length = _TAIL_BYTES
            while True:
                file.seek(max(size - length, 0))
                tail = file.read(length)
                if length >= size or b"\n" in tail.rstrip(b"\n"):
                    break
                length *= 4
        return tail.rstrip(b"\n").rpartition(b"\n")[2]


def is_alive(pid: int) -> bool:
    """Whether a process of this id lives."""
    if sys.platform == "win32":
        return True  # os.kill would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
