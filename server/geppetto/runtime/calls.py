"""What a script has asked of the host and still waits for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from geppetto.json_value import JsonValue
from geppetto.runtime.inbox import Inbox
from geppetto.runtime.isolate import error_message

_LEAVE_SECONDS = 1.0
"""How long cancelled calls may take to end, and to tell what they used."""


class LiveCalls:
    """Host calls under way; each answers into the inbox, by its number."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._live: dict[int, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._live)

    def start(self, number: int, answer: Callable[[], Awaitable[JsonValue]]) -> None:
        """Begins a call; what `answer` raises becomes the rejection of a promise."""
        self._live[number] = asyncio.create_task(self._carry(number, answer))

    def cancel(self, number: int) -> None:
        """Cancels a call, which is not answered then. Does nothing when it has ended."""
        call = self._live.pop(number, None)
        if call is not None:
            self._leaving.add(call)
            call.add_done_callback(self._leaving.discard)
            call.cancel()

    async def close(self) -> None:
        """Cancels every call and waits until they have ended or are given up."""
        for number in list(self._live):
            self.cancel(number)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=_LEAVE_SECONDS)

    async def _carry(self, number: int, answer: Callable[[], Awaitable[JsonValue]]) -> None:
        try:
            reply: list[JsonValue] = ["ok", number, await answer()]
        except Exception as error:
            reply = ["err", number, error_message(error)]
        self._live.pop(number, None)
        self._inbox.put(json.dumps(reply))
