"""The process for scripts, but a script whose first line asks for it makes it misbehave. Argument: as the real one's."""

import os
import signal
import struct
import sys
import time
from typing import Any

from geppetto.runs import host
from geppetto.runs.protocol import Bounds, ConsoleEvent

run: Any = host._run


async def misbehave(asked: Any, isolate: Any, outbox: Any, *more: Any) -> Any:
    request = getattr(asked, "request", asked)
    mode = (request.text or "").partition("\n")[0]
    if not mode.startswith("// fault: "):
        return await run(asked, isolate, outbox, *more)
    host._tell(outbox, Bounds())
    host._tell(outbox, ConsoleEvent(level="log", text="begun"))
    await outbox.flush()
    match mode.removeprefix("// fault: "):
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        case "garbage":
            outbox._writer.write(b"Segmentation fault (core dumped)\n")
            await outbox._writer.drain()
            time.sleep(600)
        case "half a frame":
            outbox._writer.write(struct.pack(">I", 100) + b'{"kind":"cons')
            await outbox._writer.drain()
            os._exit(0)
        case other:
            sys.exit(f"no such fault: {other}")
    return None


host._run = misbehave
host.main(sys.argv[1:])
