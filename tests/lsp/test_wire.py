"""Messages through pipes: whole and in order, whoever is slow, and no harm when the other side is gone."""

import asyncio
import os
import threading

import pytest
from geppetto.lsp.wire import PipeWriter, Unframer, framed


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_reader_that_is_slow(blocking: bool) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, blocking)
    writer = PipeWriter(writing, name="test")
    messages = [b"%d" % n * 40_000 for n in range(10)]
    for message in messages:
        writer.write(framed(message))
    unframer, bodies = Unframer(), list[bytes]()

    def read() -> None:
        while len(bodies) < len(messages):
            bodies.extend(unframer.feed(os.read(reading, 4096)))

    thread = threading.Thread(target=read)
    thread.start()
    await asyncio.wait_for(writer.drain(), 30)
    await asyncio.to_thread(thread.join, 30)
    assert bodies == messages
    writer.close()
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("end", ["reading", "writing"])
async def test_a_pipe_that_is_gone(end: str) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    writer = PipeWriter(writing, name="test")
    os.close(reading if end == "reading" else writing)
    writer.write(framed(b"{}"))
    writer.write(framed(b"{}"))
    writer.close()
    os.close(writing if end == "reading" else reading)
