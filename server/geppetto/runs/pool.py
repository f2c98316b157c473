"""Keeps a few children warm, so that a run need not wait for one to start."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque

from geppetto.runs.child import Child, ChildError, Source

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.3
"""How long after a run took a child its successor is started: the run's own start has the processor first."""


class WarmPool:
    """Children that wait for a run.

    Args:
        size: how many are kept warm.
        source: where they come from. It is the pool's from now on.
        ready_seconds: how long a child may take to become ready.
    """

    def __init__(self, size: int, source: Source, *, ready_seconds: float) -> None:
        self._size = size
        self._source = source
        self._source.on_better = self._renew
        self._ready_seconds = ready_seconds
        self._warm: deque[Child] = deque()
        self._outdated: frozenset[Child] = frozenset()
        self._starting = asyncio.Semaphore(max(os.cpu_count() or 1, 2))
        self._filling: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._warm)

    def fill(self, *, after: float = 0.0) -> None:
        """Starts children in the background until there are enough."""
        if self._filling is not None and not self._filling.done():
            return
        if not self._closed and self._is_short():
            self._filling = asyncio.create_task(self._fill(after), name="warm runs")

    def _is_short(self) -> bool:
        return sum(child not in self._outdated for child in self._warm) < self._size

    def _renew(self) -> None:
        """Has the children that wait replaced, one after the other, so that there is always one."""
        self._outdated = frozenset(self._warm)
        self.fill()

    async def _fill(self, after: float) -> None:
        await asyncio.sleep(after)
        while self._is_short():
            try:
                self._warm.append(await self._start())
            except ChildError:
                # The run that needs one tries again, and tells its user; until then there is no point.
                logger.warning("no child process could be made ready", exc_info=True)
                return
            if self._warm[0] in self._outdated:
                await self._warm.popleft().end()

    async def take(self, *, fresh: bool = False) -> Child:
        """A warm child, which is the caller's from now on and may have died; starts one if there is none.

        Args:
            fresh: start one in any case, which lived a moment ago.

        Raises:
            ChildError: it could not be started.
        """
        child = self._warm.popleft() if self._warm and not fresh else await self._start()
        self.fill(after=_IDLE_SECONDS)
        return child

    async def _start(self) -> Child:
        async with self._starting:
            return await Child.start(self._source, ready_seconds=self._ready_seconds)

    async def close(self) -> None:
        """Ends the children that wait, and their source: those that were taken have ended before."""
        self._closed = True
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait({self._filling})
        await asyncio.gather(*(child.end() for child in self._warm))
        self._warm.clear()
        await self._source.close()
