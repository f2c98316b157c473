"""Chooses where the processes for scripts come from."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence

from geppetto.runs.child import Process, Source
from geppetto.runs.forked import Nursery, NurseryError
from geppetto.runs.spawned import Spawner

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
_SHORT_LIFE_SECONDS = 60.0


def source_for(command: Sequence[str] | None) -> Source:
    """The quickest that there is on this system, or what starts the processes that a command is for."""
    if command is not None:
        return Spawner(command)
    return Forker(Spawner()) if _can_fork() else Spawner()


def _can_fork() -> bool:
    """Whether Linux is there, and tells one process from another of the same number."""
    if sys.platform != "linux":
        return False  # macOS has libraries that do not survive it
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


class Forker:
    """Forks processes from a nursery, which it starts when the first is asked for; has them spawned when that fails.

    Args:
        spawner: who spawns them then.
    """

    def __init__(self, spawner: Spawner) -> None:
        self.on_better: Callable[[], None] = lambda: None
        self._spawner = spawner
        self._nursery: Nursery | None = None
        self._opening = asyncio.Lock()
        self._failures = 0
        """So many nurseries in a row ended soon."""

    async def start(self) -> Process:
        try:
            for _ in range(2):  # the nursery may have died since it was last asked
                nursery = await self._living_nursery()
                if nursery is None:
                    break
                try:
                    return await nursery.fork()
                except NurseryError:
                    if not nursery.is_gone:
                        raise
        except NurseryError as error:
            logger.warning("a process for scripts could not be forked and is spawned: %s", error)
        return await self._spawner.start()

    async def _living_nursery(self) -> Nursery | None:
        """None when there were too many that did not live."""
        async with self._opening:
            if self._nursery is not None and self._nursery.is_gone:
                await self._bury(self._nursery)
                self._nursery = None
            if self._nursery is None and self._failures < _ATTEMPTS:
                self._nursery = await Nursery.open(self.on_better)
            return self._nursery

    async def _bury(self, nursery: Nursery) -> None:
        await nursery.close()
        lived = asyncio.get_running_loop().time() - nursery.began
        self._failures = self._failures + 1 if lived < _SHORT_LIFE_SECONDS else 0
        logger.warning("the process that those for scripts are forked from has ended%s", nursery.words())

    async def close(self) -> None:
        if self._nursery is not None:
            await self._nursery.close()
