"""Writes the record of a run while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping

from geppetto.json_value import JsonObject, JsonValue
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import EndEvent, GapEvent, NoticeEvent, RunRequest
from geppetto.runs.records import RecordHead
from geppetto.runs.store import RecordStore
from geppetto.settings.find import VENDOR_VARIABLES

MASK = "***"
_SECRET_NAME = re.compile(
    r"key|token|secret|password|passwd|passphrase|credential|authorization", re.IGNORECASE
)
_SHORTEST_SECRET = 8
"""Characters. Masking anything shorter wherever it stands would garble the record."""
_FLUSH_SECONDS = 0.25


class Recorder:
    """Writes a record, in a thread of its own, so that a slow disk stops nobody.

    Args:
        store: where the record goes; it bounds its size. What comes beyond is a gap, and the end event.
        run: what is recorded; it is told if the record cannot be written.
    """

    def __init__(self, store: RecordStore, run: RunHandle) -> None:
        self._store = store
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._room = store.record_bytes
        self._secrets = [
            json.dumps(text, ensure_ascii=False)[1:-1].encode() for text in _secrets(run.request.params)
        ]
        self._pending: list[bytes] = []
        self._omitted_characters = self._omitted_events = 0
        self._failed = False
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        head = RecordHead(
            run_id=run.id,
            started_at=run.started_at,
            pid=os.getpid(),
            request=recorded_request(run.request),
        )
        self._append(head.model_dump_json().encode() + b"\n")

    def add(self, event_json: bytes) -> None:
        """Takes the next event of the run."""
        if self._room < len(event_json):
            self._omitted_events += 1
            self._omitted_characters += len(event_json)
        else:
            self._append(self._line(event_json))

    async def finish(self, end: EndEvent) -> None:
        """Writes the end event; returns when the record is complete."""
        if self._omitted_events:
            gap = GapEvent(characters=self._omitted_characters, events=self._omitted_events)
            self._append(self._line(gap.model_dump_json().encode()))
        self._append(self._line(end.model_dump_json().encode()))
        self._hurry.set()
        while self._writing is not None:
            await asyncio.wait({self._writing})

    def _line(self, event_json: bytes) -> bytes:
        for secret in self._secrets:
            event_json = event_json.replace(secret, MASK.encode())
        at = self._loop.time() - self._started
        return b'{"at":%.4f,"event":%b}\n' % (at, event_json)

    def _append(self, line: bytes) -> None:
        if self._failed:
            return
        self._room -= len(line)
        self._pending.append(line)
        self._start_writing()

    def _start_writing(self) -> None:
        if self._pending and self._writing is None:
            self._writing = self._loop.create_task(self._write(), name="run record")

    async def _write(self) -> None:
        """Writes what is pending, a moment later."""
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), _FLUSH_SECONDS)
            pending, self._pending = self._pending, []
            await asyncio.to_thread(self._write_out, b"".join(pending))
        except OSError as error:
            self._failed = True
            self._pending.clear()
            text = f"This run leaves no record: {error.strerror} ({error.filename})"
            self._run.tell(NoticeEvent(text=text))
        finally:
            self._writing = None
        self._start_writing()

    def _write_out(self, data: bytes) -> None:
        path = self._store.path(self._run.id)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(data)


def recorded_request(request: RunRequest) -> JsonObject:
    """A request as a record keeps it: secrets masked, a text by its digest."""
    kept: JsonObject = request.model_dump(mode="json", exclude={"text"})
    kept["params"] = {name: _masked(name, value) for name, value in request.params.items()}
    if request.text is not None:
        kept["textSha256"] = hashlib.sha256(request.text.encode("utf-8", "surrogatepass")).hexdigest()
    return kept


def _masked(name: str, value: JsonValue) -> JsonValue:
    if _SECRET_NAME.search(name) and isinstance(value, str):
        return MASK
    if isinstance(value, dict):
        return {key: _masked(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(name, inner) for inner in value]
    return value


def _secrets(params: Mapping[str, JsonValue]) -> list[str]:
    """The texts that must not get into a record: secret params, and the services' keys of the environment."""
    found = [
        value for name, value in os.environ.items() if name in VENDOR_VARIABLES and name.endswith("_KEY")
    ]

    def look(name: str, value: JsonValue) -> None:
        match value:
            case str() if _SECRET_NAME.search(name):
                found.append(value)
            case dict():
                for key, inner in value.items():
                    look(key, inner)
            case list():
                for inner in value:
                    look(name, inner)
            case _:
                pass

    for name, value in params.items():
        look(name, value)
    return sorted({text for text in found if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)
