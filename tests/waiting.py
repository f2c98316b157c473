"""Waiting for what will be true soon, on a machine however busy."""

import asyncio
import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds. Only a test that fails waits so long."""


async def until(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds; fails if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


async def only_tasks(before: set[asyncio.Task[object]]) -> None:
    """Waits until no task but those of before are left in the loop."""
    await until(lambda: asyncio.all_tasks() <= before)
