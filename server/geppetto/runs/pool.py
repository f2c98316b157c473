"""Keeps a few children warm, so that a run need not wait for one to start."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Sequence

from geppetto.runs.child import HOST_COMMAND, Child, ChildError

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.3
"""How long after a run took a child its successor is started: the run's own start has the processor first."""


class WarmPool:
    """Children that wait for a run.

    Args:
        size: how many are kept warm.
        command: what starts one.
        ready_seconds: how long a child may take to become ready.
    """

    def __init__(self, size: int, *, command: Sequence[str] = HOST_COMMAND, ready_seconds: float) -> None:
        self._size = size
        self._command = command
        self._ready_seconds = ready_seconds
        self._warm: deque[Child] = deque()
        self._spawning = asyncio.Semaphore(max(os.cpu_count() or 1, 2))
        self._filling: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._warm)

    def fill(self, *, after: float = 0.0) -> None:
        """Starts children in the background until there are enough."""
        if self._filling is not None and not self._filling.done():
            return
        if not self._closed and len(self._warm) < self._size:
            self._filling = asyncio.create_task(self._fill(after), name="warm runs")

    async def _fill(self, after: float) -> None:
        await asyncio.sleep(after)
        while len(self._warm) < self._size:
            try:
                self._warm.append(await self._spawn())
            except ChildError:
                # The run that needs one tries again, and tells its user; until then there is no point.
                logger.warning("no child process could be made ready", exc_info=True)
                return

    async def take(self, *, fresh: bool = False) -> Child:
        """A warm child, which is the caller's from now on and may have died; starts one if there is none.

        Args:
            fresh: start one in any case, which lived a moment ago.

        Raises:
            ChildError: it could not be started.
        """
        child = self._warm.popleft() if self._warm and not fresh else await self._spawn()
        self.fill(after=_IDLE_SECONDS)
        return child

    async def _spawn(self) -> Child:
        async with self._spawning:
            return await Child.spawn(self._command, ready_seconds=self._ready_seconds)

    async def close(self) -> None:
        """Ends the children that wait."""
        self._closed = True
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})
        await asyncio.gather(*(child.end() for child in self._warm))
        self._warm.clear()
