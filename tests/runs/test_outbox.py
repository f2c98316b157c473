"""The child's end of the pipe, over a real pipe."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator

import pytest
from geppetto.events.codec import encode
from geppetto.events.models import EventMetadata, PartialEvent, StepMetadata
from geppetto.runs.frames import read_message
from geppetto.runs.outbox import Outbox
from geppetto.runtime.output import ConsoleLine, StreamEvent

Pipe = tuple[Outbox, asyncio.StreamReader]


@pytest.fixture
async def pipe() -> AsyncIterator[Pipe]:
    loop = asyncio.get_running_loop()
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    incoming, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
    )
    outgoing, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(write_end, "wb", 0)
    )
    yield Outbox(asyncio.StreamWriter(outgoing, protocol, None, loop), seconds=0.001), reader
    outgoing.abort()
    incoming.close()


def partial(delta: str, **meta: object) -> StreamEvent:
    event = PartialEvent(
        meta=EventMetadata.model_validate({"message_id": "m", **meta}),
        step=StepMetadata(step_id="s", type="echo"),
        delta=delta,
    )
    return StreamEvent("s", encode(event), None, "echoStep")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("size", [1, 100_000], ids=["fits", "more than a pipe holds"])
async def test_flushing_at_any_moment_ends(pipe: Pipe, turns: int, size: int) -> None:
    outbox, reader = pipe
    outbox.put({"kind": "notice", "text": "x" * size})
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await outbox.flush()
        outbox.show(ConsoleLine("log", "last"))
        await outbox.flush()
        assert (await read_message(reader) or {})["kind"] == "notice"
        assert await read_message(reader) == {"kind": "console", "level": "log", "text": "last"}


async def test_deltas_of_every_kind_arrive_as_they_were(pipe: Pipe) -> None:
    outbox, reader = pipe
    deltas = ["plain", "", 'quote " and \\ and \n', '"},"delta":"', "🦜", "\u2028", "\x00", "ü" * 500]
    for delta in deltas:
        outbox.show(partial(delta))
    outbox.show(partial("other metadata", temperature=0.5))
    outbox.show(partial("and back"))
    async with asyncio.timeout(60):
        await outbox.flush()
        message = await read_message(reader)
    assert message == {
        "kind": "delta",
        "stepId": "s",
        "delta": "".join([*deltas, "other metadata", "and back"]),
    }


async def test_a_delta_stays_behind_what_closed_its_stream(pipe: Pipe) -> None:
    outbox, reader = pipe
    final = json.dumps({"type": "final", "meta": {}, "step": {}, "text": "ab"}).encode()
    outbox.show(partial("a"))
    outbox.show(ConsoleLine("log", "one"))
    outbox.show(partial("b"))
    outbox.show(ConsoleLine("log", "two"))
    outbox.show(StreamEvent("s", final, None, "echoStep"))
    outbox.show(partial("late"))
    outbox.show(ConsoleLine("log", "three"))
    async with asyncio.timeout(60):
        await outbox.flush()
        told = [(await read_message(reader)) or {} for _ in range(5)]
    assert [message.get("delta") or message.get("text") or message["kind"] for message in told] == [
        "ab", "one\ntwo", "event", "late", "three",
    ]  # fmt: skip
