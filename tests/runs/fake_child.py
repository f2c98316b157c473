"""A child that does not behave. Arguments: how, the version it says it is, and its supervisor's process id.

Uses nothing of Geppetto, so that it starts at once and says exactly what a test wants said.
"""

import json
import os
import signal
import struct
import sys
import time

MODE, VERSION = sys.argv[1:3]
MIB = 1024 * 1024


def send(**message: object) -> None:
    write(json.dumps(message).encode())


def write(body: bytes) -> None:
    raw(struct.pack(">I", len(body)) + body)


def raw(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def take() -> dict[str, object]:
    (size,) = struct.unpack(">I", sys.stdin.buffer.read(4))
    return json.loads(sys.stdin.buffer.read(size))


def hang() -> None:
    time.sleep(600)


if MODE == "says nothing":
    hang()
if MODE == "dies at once":
    sys.stderr.write("ModuleNotFoundError: no module named whatever\n")
    sys.exit(3)
if MODE == "prints text":
    raw(b"Welcome to Python! This is no protocol at all.\n")
    hang()

send(kind="hello", protocol=1, version=VERSION, pid=os.getpid())
if MODE == "dies while it waits":
    sys.exit(0)
request = take()["request"]
if MODE == "dies when asked":
    sys.exit(0)

send(
    kind="bounds",
    memoryBytes=100 * MIB if MODE == "eats" else None,
    wallSeconds=0.2 if MODE == "late" else None,
)
send(kind="console", level="log", text="begun")

match MODE:
    case "garbage":
        write(b"\x00\xff\xfe garbage")
    case "raw garbage":
        raw(b"Segmentation fault (core dumped)\n")
    case "unknown message":
        send(kind="selfie")
    case "second hello":
        send(kind="hello", protocol=1, version=VERSION, pid=os.getpid())
    case "half a frame":
        raw(struct.pack(">I", 100) + b'{"kind":"cons')
        sys.exit(0)
    case "half a head":
        raw(b"\x00\x00")
        sys.exit(0)
    case "leaves":
        sys.exit(7)
    case "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    case "killed in a frame":
        raw(struct.pack(">I", 100) + b'{"kind":"cons')
        os.kill(os.getpid(), signal.SIGKILL)
    case "heap":
        sys.stderr.write("# Fatal JavaScript out of memory: Ineffective mark-compacts near heap limit\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGTRAP)
    case "eats":
        eaten = []
        while True:
            eaten.append(bytearray(b"x" * 10 * MIB))
            time.sleep(0.01)
    case "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        send(kind="console", level="log", text="deaf now")
    case "hangs":
        send(kind="console", level="log", text="hanging now")
    case "goes on after the end":
        send(kind="end", outcome="ok")
        send(kind="console", level="log", text="and another thing")
        send(kind="end", outcome="error")
    case "closes its pipe":
        os.close(1)
    case "asks back":
        send(kind="step", stepId="s", name="echoStep", event={"type": "start"})
        send(kind="delta", stepId="s", delta="as far as it g")
        os.kill(os.getpid(), signal.SIGKILL)
    case "floods":
        for number in range(200_000):
            send(kind="delta", stepId=f"s{number % 7}", delta=f"token {number} ")
        send(kind="end", outcome="ok", seconds=1.0)
        sys.exit(0)
    case "floods without mercy":
        text = "x" * 1000
        for _ in range(100_000):
            send(kind="console", level="log", text=text)
        for number in range(30_000):
            send(kind="event", stepId=f"s{number}", event={"type": "final", "text": text})
        send(kind="end", outcome="ok", seconds=1.0)
        sys.exit(0)
    case "waits":
        message = take()
        send(kind="end", outcome="cancelled" if message["kind"] == "cancel" else "error")
        sys.exit(0)
    case "ends well":
        time.sleep(0.02)
        send(kind="console", level="log", text=request["params"].get("name", ""))  # type: ignore[attr-defined]
        send(kind="end", outcome="ok", seconds=0.1)
        sys.exit(0)
    case "late":
        pass
    case _:
        sys.exit(f"no such mode: {MODE}")
hang()
