"""Sends a run's events to the supervisor, merged: deltas of one stream within a frame travel as one."""

from __future__ import annotations

import asyncio
import json

from geppetto.json_value import JsonObject
from geppetto.runs.frames import frame, json_frame
from geppetto.runs.merging import Console, Delta, MergingQueue
from geppetto.runtime.output import ConsoleLine, Notice, Output, Place, StreamEvent

FRAME_SECONDS = 0.016
_ENOUGH_BYTES = 256 * 1024
"""What is sent without waiting for the end of the frame."""
_DELTA = b',"delta":"'
_WRITE_BYTES = 64 * 1024


class Outbox:
    """Collects what a run shows and writes it once a frame (16 ms), in order; the first of it at once.

    While the pipe is full, what waits keeps merging, so it grows by its text alone, which the run's
    output limit bounds.

    Args:
        writer: the pipe.
        seconds: how long what is shown may wait for more.
    """

    def __init__(self, writer: asyncio.StreamWriter, *, seconds: float = FRAME_SECONDS) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = writer
        self._seconds = seconds
        self._waiting: MergingQueue[bytes, bytes] = MergingQueue()
        self._heads: dict[str, bytes] = {}
        self._next_frame = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._broken: ConnectionError | None = None
        writer.transport.set_write_buffer_limits(0)  # so that drained means: with the system

    def show(self, output: Output) -> None:
        """Takes what a run shows; an engine's output sink."""
        match output:
            case StreamEvent():
                self._stream(output)
            case ConsoleLine(level, text):
                self._waiting.console(level, _inside(text))
                self._schedule()
            case Notice(text):
                self.put({"kind": "notice", "text": text})

    def put(self, message: JsonObject, *, step_id: str | None = None) -> None:
        """Sends a message in its turn.

        Args:
            step_id: the stream it belongs to.
        """
        self.put_frame(json_frame(message), step_id=step_id)

    def put_frame(self, framed: bytes, *, step_id: str | None = None) -> None:
        """The same for a message that is a frame already."""
        self._waiting.put(framed, size=len(framed), step_id=step_id)
        self._schedule()

    def _stream(self, output: StreamEvent) -> None:
        step_id, payload = output.step_id, output.payload
        head = self._heads.get(step_id)
        if head is not None and payload.startswith(head):
            self._waiting.delta(step_id, payload[len(head) : -2])
            self._schedule()
            return
        event: JsonObject = json.loads(payload)
        if event["type"] == "partial":
            delta = _inside(str(event["delta"]))
            if payload.endswith(_DELTA + delta + b'"}'):
                # Partials of a stream differ in what comes last, their delta: the rest is looked at once.
                self._heads[step_id] = payload[: -len(delta) - 2]
            self._waiting.delta(step_id, delta)
            self._schedule()
            return
        self._heads.pop(step_id, None)
        message: JsonObject = {"kind": "event", "stepId": step_id, "event": event}
        if event["type"] == "start":
            where = None if output.place is None else place_value(output.place)
            message |= {"kind": "step", "name": output.global_name, "place": where}
        self.put(message, step_id=step_id)

    def _schedule(self) -> None:
        if self._sending is not None:
            return
        if self._waiting.size > _ENOUGH_BYTES:
            self._start_sending()
        elif self._timer is None:
            due = max(self._next_frame, self._loop.time())
            self._timer = self._loop.call_at(due, self._start_sending)

    def _start_sending(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sending is None and self._waiting and self._broken is None:
            self._sending = self._loop.create_task(self._send(), name="run outbox")

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch: list[bytes] = []
                size = 0
                while self._waiting and size < _WRITE_BYTES:
                    item = self._waiting.take()
                    batch.append(item if isinstance(item, bytes) else _encode(item))
                    size += len(batch[-1])
                self._writer.write(b"".join(batch))
                await self._writer.drain()
        except ConnectionError as error:
            self._broken = error
        finally:
            self._sending = None  # here and not in a callback, for which `flush` would not wait
        self._next_frame = self._loop.time() + self._seconds

    async def flush(self) -> None:
        """Returns when everything is with the system.

        Raises:
            ConnectionError: the supervisor is gone.
        """
        self._start_sending()
        while self._sending is not None:
            await asyncio.wait({self._sending})
            self._start_sending()
        if self._broken is not None:
            raise self._broken


def place_value(place: Place) -> JsonObject:
    """A place as messages carry it."""
    return {"file": place.file, "line": place.line, "column": place.column}


def _inside(text: str) -> bytes:
    """A text as it stands between the quotes of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace")


def _encode(item: Delta[bytes] | Console[bytes]) -> bytes:
    if isinstance(item, Delta):
        step_id = json.dumps(item.step_id).encode()
        return frame(b'{"kind":"delta","stepId":' + step_id + b',"delta":"' + b"".join(item.parts) + b'"}')
    level = item.level.encode()
    return frame(b'{"kind":"console","level":"' + level + b'","text":"' + rb"\n".join(item.parts) + b'"}')
