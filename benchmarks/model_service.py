"""A model service in a process of its own, which streams as OpenAI does."""

import json
import multiprocessing
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVENTS = 10_000
"""Deltas of an answer of the model `FAST`."""
PACED_EVENTS = 100
PAUSE = 0.02

FAST = "fast"
"""Answers as fast as it is read."""
PACED = "paced"
"""Answers a delta at a time, after a pause of `PAUSE` seconds; each is the time when it was sent."""

_SENT = re.compile(r"t(\d+)\b")


class Delays:
    """When the deltas of the model `PACED` were sent and when they were seen. All processes share that clock."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def look(self, text: str) -> None:
        """Notes what is in a text for the first time."""
        now = time.perf_counter_ns()
        for sent in map(int, _SENT.findall(text)):
            self._seen.setdefault(sent, (now - sent) / 1e6)

    def sorted(self) -> list[float]:
        """Milliseconds of all deltas, least first.

        Raises:
            RuntimeError: not all of them came.
        """
        if len(self._seen) != PACED_EVENTS:
            raise RuntimeError(f"{len(self._seen)} deltas came, and not {PACED_EVENTS}")
        return sorted(self._seen.values())


@contextmanager
def model_service() -> Iterator[str]:
    """Its base URL, for as long as it is there."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(listener,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        process.kill()
        process.join()
        listener.close()


def _serve(listener: socket.socket) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    fast = b"".join(_chunk({"content": f"token{number} "}) for number in range(EVENTS))
    end = _chunk({}, "stop") + b"data: [DONE]\n\n"
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as request:
            length = 0
            while (line := request.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            asked = json.loads(request.read(length))
            try:
                connection.sendall(head)
                if asked["model"] == FAST:
                    connection.sendall(fast)
                else:
                    for _ in range(PACED_EVENTS):
                        time.sleep(PAUSE)
                        connection.sendall(_chunk({"content": f"t{time.perf_counter_ns()} "}))
                connection.sendall(end)
            except ConnectionError:
                continue  # whoever asked has gone


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    """As OpenAI streams it, down to the fields that nobody reads."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    body = {
        "id": "chatcmpl-9xKQd2y1VQbnOZp6Yy8aJ0h3sTf5L",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "m",
        "service_tier": "default",
        "system_fingerprint": "fp_3a5770e1b4",
        "choices": [choice],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"
