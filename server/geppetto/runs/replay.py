"""Plays a run's record again, as if it ran."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from geppetto.runs.protocol import EndEvent, QueuedEvent, RunError, RunEvent, StartedEvent
from geppetto.runs.records import RecordedEvent, RunRecord

_BATCH = 256


async def replay(record: RunRecord, *, pace: float | None = None) -> AsyncIterator[RunEvent]:
    """The events of a record, with one end event in any case.

    Args:
        pace: how many times as fast as it ran (1.0: as it ran); None for no waiting at all.

    Raises:
        RecordError: the record cannot be read.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    first: float | None = None
    events = record.events()
    while batch := await asyncio.to_thread(_take, events):
        for recorded in batch:
            if isinstance(recorded.event, QueuedEvent | StartedEvent):
                continue  # nothing is queued and no process is started now
            if pace is not None:
                first = recorded.at if first is None else first
                due = began + (recorded.at - first) / pace
                await asyncio.sleep(max(due - loop.time(), 0))
            yield recorded.event
            if isinstance(recorded.event, EndEvent):
                return
    lost = RunError(
        name="RunError", message="The record ends here: its run was not seen to end.", code="run.lost"
    )
    yield EndEvent(outcome="error", errors=(lost,))


def _take(events: Iterator[RecordedEvent]) -> list[RecordedEvent]:
    return [event for _, event in zip(range(_BATCH), events, strict=False)]
