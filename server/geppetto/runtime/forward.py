"""The events of one stream on their way to the script, no faster than it reads."""

from __future__ import annotations

from collections.abc import Awaitable

from geppetto.events.wire import before_delta
from geppetto.runtime.inbox import Inbox


class Forward:
    """Sends the events of one stream to the script.

    Partials differ in their delta alone, as a rule, and the rest is most of an event: it crosses into V8
    with the first of them, and again after an event of another kind.
    """

    def __init__(self, inbox: Inbox, number: int) -> None:
        self._inbox = inbox
        self._number = number
        self._shared: bytes | None = None

    def receive(self, payload: bytes, event_type: str) -> None:
        shared = self._shared
        if shared is not None and payload.startswith(shared):
            self._inbox.put_delta(self._number, payload[len(shared) : -1].decode())
        else:
            self._inbox.put(f'["ev",{self._number},{payload.decode()}]')
            self._shared = before_delta(payload) if event_type == "partial" else None

    def room(self) -> Awaitable[None] | None:
        return self._inbox.room() if self._inbox.full else None
