"""The vendors' SDK clients: one for each service, so that connections are kept between runs."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from geppetto.steps.chat.service import Service

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0
"""How long closing may take: a service that does not answer must not keep a program from ending."""


class Client(Protocol):
    """An SDK client."""

    async def close(self) -> None: ...


C = TypeVar("C", bound=Client)


@dataclass(slots=True)
class _Kept:
    loop: asyncio.AbstractEventLoop
    client: Client


class Clients:
    """Makes a client when it is first asked for, and closes all at the end.

    A client belongs to the event loop that made it; each loop has its own.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Service, int], _Kept] = {}

    def get(self, vendor: str, service: Service, make: Callable[[], C]) -> C:
        """The client of this service for the running loop. For one vendor, `make` always makes the same type."""
        loop = asyncio.get_running_loop()
        key = (vendor, service, id(loop))
        kept = self._kept.get(key)
        if kept is None or kept.loop is not loop:
            # What belonged to a closed loop cannot be closed any more; its sockets went with it.
            self._kept = {key: kept for key, kept in self._kept.items() if not kept.loop.is_closed()}
            kept = self._kept[key] = _Kept(loop, make())
        return cast(C, kept.client)

    async def aclose(self) -> None:
        """Close the clients of the running loop. They are made anew if they are needed again."""
        loop = asyncio.get_running_loop()
        mine = {key: kept for key, kept in self._kept.items() if kept.loop is loop}
        for key in mine:
            del self._kept[key]
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(kept.client.close() for kept in mine.values()))
        except TimeoutError:
            # Nothing is lost: the sockets go with the loop.
            logger.info("connections to model services did not close within %g s", CLOSE_SECONDS)


shared_clients = Clients()
"""For steps that are not given their own. Whoever ends the event loop calls `shared_clients.aclose()` before."""
