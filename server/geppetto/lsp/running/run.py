"""One run as the editor sees it: what it has said, to whom it is told, and where in the text it stands."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Sequence
from json.encoder import encode_basestring

from geppetto.json_value import JsonObject
from geppetto.lsp.documents.scripts import name_of
from geppetto.lsp.documents.text import Edit, Text
from geppetto.lsp.running.drift import Drift
from geppetto.lsp.running.messages import RunInfo
from geppetto.lsp.running.outputs import Outputs
from geppetto.lsp.running.problems import same_file
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import ConsoleEvent, DeltaEvent, RunEvent
from geppetto.runs.tally import Tally

_MAX_KEPT = 1024 * 1024
_EVENT_SIZE = 100
_MAX_TAIL = 400


class EditorRun:
    """One run.

    Attributes:
        uri: the script's; None for a text without one.
        tells_events: whether the client is told every event; otherwise it gets log messages.
        drift: how the script's text has changed since it was run.
        text: the script's as it was last seen in the editor, or when it was run.
        tail: the end of what was said.
        ended: set after the client was told of the end.
        is_cleared: whether the user wants no more of it in the text.
        is_stale: whether the text was edited after the end.
    """

    def __init__(self, handle: RunHandle, uri: str | None, text: Text | None, *, tells_events: bool) -> None:
        self.handle = handle
        self.uri = uri
        self.text = text
        self.tells_events = tells_events
        self.drift = Drift()
        self.outputs = Outputs(lambda file: same_file(file, handle.request.path))
        self.tally = Tally()
        self.tail = ""
        self.began = time.monotonic()
        self.ended = asyncio.Event()
        self.is_cleared = False
        self.is_stale = False
        self._told: deque[bytes] = deque()
        self._told_size = 0
        self._seq = 0

    @property
    def id(self) -> str:
        return self.handle.id

    @property
    def token(self) -> str:
        """Of its progress, if the client gave none."""
        return f"geppetto-run-{self.id}"

    @property
    def name(self) -> str:
        return name_of(self.uri) if self.uri else "a script"

    @property
    def has_failed(self) -> bool:
        return self.handle.end is not None and bool(self.handle.end.errors)

    def take(self, event: RunEvent) -> tuple[bytes, bool]:
        """Takes the next event.

        Returns:
            The parameters of its notification in JSON, and whether what stands in the text changes.
        """
        params = b'{"runId":"%b","seq":%d,"event":%b}' % (self.id.encode(), self._seq, _json(event))
        self._seq += 1
        self.tally.count(event)
        match event:
            case DeltaEvent(delta=text) | ConsoleEvent(text=text):
                if isinstance(event, ConsoleEvent) and not self.tail.endswith("\n"):
                    text = f"\n{text}\n"
                self.tail = (self.tail + text[-_MAX_TAIL:])[-_MAX_TAIL:]
            case _:
                pass
        self._keep(params)
        return params, self.outputs.take(event)

    def edited(self, edits: Sequence[Edit], text: Text) -> None:
        """The script was changed in the editor; what it is now."""
        self.drift.edit(edits)
        self.text = text
        self.is_stale = self.handle.end is not None

    def opened(self, text: Text) -> None:
        """The script is in the editor (again): as it was last seen, or another one."""
        if self.text is None or str(text) != str(self.text):
            self.drift.edit(None)
            self.is_stale = True
        self.text = text

    def told(self) -> tuple[list[JsonObject], bool]:
        """What is kept of the notifications so far, and whether that is all of them."""
        kept: list[JsonObject] = [json.loads(params) for params in self._told]
        return kept, len(kept) == self._seq

    def info(self) -> RunInfo:
        end = self.handle.end
        return RunInfo(
            run_id=self.id,
            uri=self.uri,
            state=self.handle.state,
            started_at=self.handle.started_at,
            outcome=end and end.outcome,
            seconds=end and end.seconds,
            steps=self.tally.steps,
            input_tokens=end.input_tokens if end else self.tally.input_tokens,
            output_tokens=end.output_tokens if end else self.tally.output_tokens,
            cost_usd=end.cost_usd if end else self.tally.cost_usd,
        )

    def _keep(self, params: bytes) -> None:
        self._told.append(params)
        self._told_size += len(params) + _EVENT_SIZE
        while self._told_size > _MAX_KEPT and len(self._told) > 1:
            self._told_size -= len(self._told.popleft()) + _EVENT_SIZE


def _json(event: RunEvent) -> bytes:
    match event:
        case DeltaEvent(step_id=step_id, delta=text):
            made = (
                f'{{"kind":"delta","stepId":{encode_basestring(step_id)},"delta":{encode_basestring(text)}}}'
            )
        case ConsoleEvent(level=level, text=text):
            made = f'{{"kind":"console","level":"{level}","text":{encode_basestring(text)}}}'
        case _:
            made = event.model_dump_json()
    return made.encode("utf-8", "replace")
