"""Being asked to end: Ctrl-C, and what systems send."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable


def on_end_signals(interrupt: Callable[[], None]) -> None:
    """Calls a function in the running event loop at each SIGINT, SIGTERM and SIGHUP."""
    loop = asyncio.get_running_loop()

    def from_thread(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(interrupt)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) == signal.SIG_IGN:  # as nohup wants it
            continue
        try:
            loop.add_signal_handler(number, interrupt)
        except NotImplementedError:  # Windows
            signal.signal(number, from_thread)
