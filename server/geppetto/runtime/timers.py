"""A script's timers, kept by the event loop; each gets a turn of its own when it is due, as in Node."""

from __future__ import annotations

import asyncio

from geppetto.runtime.inbox import Alone, Inbox


class Timers:
    """The timers that are set, by the numbers the script gave them."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._set: dict[int, asyncio.TimerHandle] = {}
        self._idle: set[int] = set()  # those that do not keep the run alive
        self._ticks = 0

    @property
    def keep_alive(self) -> bool:
        """Whether a timer is set for which the run has to wait."""
        return len(self._set) > len(self._idle)

    def set(self, number: int, milliseconds: float, *, keeps_alive: bool) -> None:
        """Sets a timer; the script hears of it when it is due."""
        if not keeps_alive:
            self._idle.add(number)
        loop = asyncio.get_running_loop()
        # Timers of equal delay go off in the order they were set; the loop alone does not promise that.
        self._ticks += 1
        when = loop.time() + milliseconds / 1000 + self._ticks * 1e-9
        self._set[number] = loop.call_at(when, self._due, number)

    def clear(self, number: int) -> None:
        """Takes a timer back; one that is not set is none of our business."""
        self._idle.discard(number)
        timer = self._set.pop(number, None)
        if timer is not None:
            timer.cancel()

    def clear_all(self) -> None:
        for timer in self._set.values():
            timer.cancel()
        self._set.clear()
        self._idle.clear()

    def _due(self, number: int) -> None:
        del self._set[number]
        self._idle.discard(number)
        self._inbox.put(Alone(f'["timer",{number}]'))
