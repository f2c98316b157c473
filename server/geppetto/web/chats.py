"""The conversations that are open in this server, and the way to those that are not."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from geppetto.events.publisher import Publisher
from geppetto.events.router import EventRouter
from geppetto.steps.tools import ToolBox
from geppetto.web.chat import Chat, MakeStep
from geppetto.web.store import Store, Summary
from geppetto.web.turns import Turn
from geppetto.web.views import Views

MAX_IDLE: Final = 32
"""Conversations that stay in memory though no page shows them and no answer is coming."""


class Chats:
    """Opens conversations; each is there once, however many pages show it."""

    def __init__(
        self,
        store: Store,
        views: Views,
        router: EventRouter,
        make_step: MakeStep,
        tools: ToolBox | None = None,
        bus: Publisher | None = None,
    ) -> None:
        self._store = store
        self._views = views
        self._router = router
        self._make_step = make_step
        self._tools = tools
        self._bus = bus
        self._open: dict[str, Chat] = {}
        self._loading = asyncio.Lock()

    async def summaries(self) -> list[Summary]:
        """The conversations, the one used last first."""
        return await self._store.summaries()

    def create(self) -> Chat:
        """A new conversation. It is kept from its first question on."""
        return self._keep(self._make(Summary(uuid4().hex, "", "", "", time.time()), []))

    async def get(self, id: str) -> Chat | None:
        """The conversation of this id; None when there is none."""
        if id not in self._open:
            return await self._opened(id)
        self._open[id] = self._open.pop(id)  # the one used last is the last
        return self._open[id]

    async def _opened(self, id: str) -> Chat | None:
        async with self._loading:
            if id in self._open:
                return self._open[id]
            found = await self._store.load(id)
            if found is None:
                return None
            # Rendering a long conversation takes its time, and the other pages should not feel it.
            return self._keep(await asyncio.to_thread(self._make, *found))

    async def delete(self, chat: Chat) -> None:
        """Forget a conversation."""
        await chat.delete()
        self._open.pop(chat.id, None)

    async def close(self) -> None:
        """End what is coming, keep what was said, let every reader go."""
        chats = list(self._open.values())
        await asyncio.gather(*(chat.settle() for chat in chats))
        for chat in chats:
            chat.feed.close()

    def _make(self, summary: Summary, turns: Sequence[Turn]) -> Chat:
        return Chat(
            summary,
            list(turns),
            store=self._store,
            views=self._views,
            router=self._router,
            make_step=self._make_step,
            tools=self._tools,
            bus=self._bus,
        )

    def _keep(self, chat: Chat) -> Chat:
        self._open[chat.id] = chat
        idle = [each for each in self._open.values() if not (each.readers or each.busy or each is chat)]
        for each in idle[: max(0, len(idle) - MAX_IDLE)]:
            del self._open[each.id]
        return chat
