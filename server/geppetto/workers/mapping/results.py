"""The results of a map: a file of JSON lines that says, after whatever happened, which inputs are done."""

from __future__ import annotations

import json
import os
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias, cast

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.runtime.outcome import OutcomeKind
from geppetto.workers.mapping.inputs import Input

Line: TypeAlias = JsonObject
_BEGINNING: Final = b'{"line":'
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """An input whose run did not end well: its line in the input, and why."""

    line: int
    reason: str


class ResultsError(GeppettoError):
    """The file of results cannot be used."""


def result_line(input: Input, outcome: OutcomeKind, facts: JsonObject) -> Line:
    """The result of an input, as it is written: its line and digest first."""
    return {"line": input.line, "input": f"{input.digest:016x}", "outcome": outcome, **facts}


class Results:
    """A file of results, exactly one line for each input that is done. Leaving it as a context closes it.

    Each line is appended in one piece. What a process that was killed left unfinished at the end is cut off, so
    its input is done again. Eight bytes of memory are kept for each line of the input.

    Args:
        path: the file; made if it is not there. None: standard output, without memory of what was done before.
        retry_failed: forget the results of runs that did not end well.

    Attributes:
        done: how many inputs have a result.
        failed: how many of them did not end well.
        failures: the first of these.

    Raises:
        ResultsError: the file is something else, cannot be used, or is being written by another process.
    """

    def __init__(self, path: Path | None, *, retry_failed: bool = False) -> None:
        self.done = 0
        self.failed = 0
        self.failures: list[Failure] = []
        self._path = path
        self._digests = array("Q")
        if path is None:
            self._file = os.dup(sys.stdout.fileno())
            return
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise ResultsError(f"{path} cannot be written: {error.strerror}") from None
        try:
            self._lock(path)
            self._cut_unfinished(path)
            for line in self._lines(path):
                self._remember(line)
            if retry_failed and self.failed:
                self._keep_only_good(path)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            os.fsync(self._file)
        os.close(self._file)

    def has(self, input: Input) -> bool:
        """Whether an input is done.

        Raises:
            ResultsError: the line was another one when its result was made.
        """
        digest = self._digests[input.line] if input.line < len(self._digests) else 0
        if digest and digest != input.digest:
            raise ResultsError(
                f"{self._path} has a result for line {input.line}, but of another input than there is now",
                hint="The inputs have changed since. Write to another file with --out, or remove this one.",
            )
        return digest != 0

    def add(self, line: Line) -> None:
        """Appends a result.

        Raises:
            ResultsError: it cannot be written.
        """
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise ResultsError(f"The results cannot be written: {error.strerror}") from None
        self._remember(line)

    # --- what is there already

    def _lock(self, path: Path) -> None:
        if sys.platform == "win32":
            return
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ResultsError(f"{path} is being written by another process") from None

    def _cut_unfinished(self, path: Path) -> None:
        size = os.fstat(self._file).st_size
        with path.open("rb") as file:
            start = size
            tail = b""
            while start and b"\n" not in tail:
                step = min(start, 65536)
                start -= step
                file.seek(start)
                tail = file.read(step) + tail
            rest = tail[tail.rfind(b"\n") + 1 :]
        if not rest:
            return
        if not (rest.startswith(_BEGINNING) or _BEGINNING.startswith(rest)):
            raise _not_ours(path)
        os.ftruncate(self._file, size - len(rest))

    def _lines(self, path: Path) -> Iterator[Line]:
        with path.open("rb") as file:
            for number, data in enumerate(file, 1):
                try:
                    value: object = json.loads(data)
                except ValueError:
                    raise _not_ours(path, number) from None
                match value:
                    case {"line": int(line), "input": str(), "outcome": str()} if line > 0:
                        yield cast(Line, value)
                    case _:
                        raise _not_ours(path, number)

    def _remember(self, line: Line) -> None:
        number, outcome = cast(int, line["line"]), line["outcome"]
        if len(self._digests) <= number:
            self._digests.extend([0] * (number + 1 - len(self._digests)))
        self._digests[number] = int(cast(str, line["input"]), 16)
        self.done += 1
        if outcome != "ok":
            self.failed += 1
            if len(self.failures) < _LISTED:
                self.failures.append(Failure(number, _reason(line)))

    def _keep_only_good(self, path: Path) -> None:
        """Puts a file with the good results alone in the place of this one, at once."""
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        file = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        self.done = self.failed = 0
        self.failures.clear()
        self._digests = array("Q")
        try:
            with open(os.dup(file), "ab") as writer:
                for line in self._lines(path):
                    if line["outcome"] == "ok":
                        writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                        self._remember(line)
            os.fsync(file)
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise ResultsError(f"{path} cannot be written anew: {error.strerror}") from None
        self._file, old = file, self._file
        self._lock(path)
        os.close(old)


def _reason(line: Line) -> str:
    match line.get("error"):
        case {"message": str(message), "place": str(place)}:
            return f"{message} ({place})"
        case {"message": str(message)}:
            return message
        case _:
            return str(line["outcome"])


def _not_ours(path: Path, number: int | None = None) -> ResultsError:
    where = f"line {number} of {path}" if number else f"the end of {path}"
    return ResultsError(
        f"{where} is not a result of geppetto map, so nothing is added to it",
        hint="Name another file with --out.",
    )


def as_json(text: str) -> JsonValue:
    """What a script printed, as the JSON that it is.

    Raises:
        ValueError: it is none.
    """
    value: JsonValue = json.loads(text)
    return value
