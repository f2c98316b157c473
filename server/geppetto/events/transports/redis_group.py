"""Members of a group that shares a Redis stream."""

import asyncio
import logging
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Final

from geppetto.events.message import Message
from geppetto.events.transports.broker import BrokerSubscription, end, is_queue
from geppetto.events.transports.redis_connection import BLOCK, CommandRefused, RedisConnection
from geppetto.events.transports.redis_wire import Reply, as_bytes, as_int, as_list, as_pairs, message

if TYPE_CHECKING:
    from geppetto.events.transports.redis import RedisTransport

logger = logging.getLogger(__name__)

_BLOCK_MS: Final = int(BLOCK * 1000)

# A member that showed no sign of life for a day and holds nothing is forgotten.
_FORGET_MS: Final = 24 * 3600 * 1000


class GroupSubscription(BrokerSubscription):
    """A member of a group: takes one message, shows signs of life until it is settled, acks, takes the next."""

    def __init__(
        self, transport: "RedisTransport", connection: RedisConnection, topic: str, key: bytes, group: str
    ) -> None:
        super().__init__(transport, topic)
        self._connection = connection
        self._key = key
        self._task: asyncio.Task[None] | None = None
        self._group = group.encode("utf-8", "surrogatepass")
        self._member = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._claim_ms = int(transport.claim_after * 1000)
        self._sign_of_life = transport.sign_of_life
        self._held: bytes | None = None
        self._look_for_left = 0.0

    async def attach(self) -> None:
        await self._make_group()
        await self._forget_the_dead()
        self._task = asyncio.create_task(self._run(), name=f"redis group {self._group!r} {self.topic}")

    async def detach(self, *, settled: bool) -> None:
        if self._task is None:
            return
        await end(self._task)
        command = self._connection.command
        if self._held is not None and settled:
            await self._acknowledge(self._held)
        # What it holds, also by a read whose answer was not waited for, is given back at once.
        for entry in as_list(await command("XPENDING", self._key, self._group, "-", "+", 10, self._member)):
            name = as_bytes(as_list(entry)[0])
            given_back = ("IDLE", 2 * self._claim_ms, "JUSTID")
            await command("XCLAIM", self._key, self._group, "given-back", 0, name, *given_back)

    async def _run(self) -> None:
        try:
            await self._work()
        except Exception as error:
            self.inbox.fail(error)

    async def _work(self) -> None:
        while True:
            try:
                taken = await self._take_left() or await self._take_new()
            except CommandRefused as error:
                if error.code != "NOGROUP":
                    raise
                logger.warning(
                    "%s has lost the group %r on %s, which begins anew",
                    self._connection.server,
                    self._group.decode(errors="replace"),
                    self.topic,
                )
                await self._make_group()
                continue
            if taken is None:
                continue
            name, fields, failures = taken
            self._held = name
            try:
                self.inbox.put(message(fields), failures)
            except ValueError as error:
                self.inbox.reject(Message(repr(fields).encode()), f"not published by Geppetto: {error}")
            while not await self.inbox.emptied(self._sign_of_life):
                await self._show_life(name)
            await self._acknowledge(name)
            self._held = None

    async def _acknowledge(self, name: bytes) -> None:
        await self._connection.command("XACK", self._key, self._group, name)
        if is_queue(self.topic):
            await self._connection.command("XDEL", self._key, name)

    async def _show_life(self, name: bytes) -> None:
        try:
            await self._connection.command("XCLAIM", self._key, self._group, self._member, 0, name, "JUSTID")
        except CommandRefused as error:
            if error.code != "NOGROUP":  # that is dealt with when the next message is taken
                raise

    async def _take_new(self) -> tuple[bytes, Reply, int] | None:
        """A message that no member has had; None if none comes for a while."""
        streams = await self._connection.command(
            *("XREADGROUP", "GROUP", self._group, self._member),
            *("COUNT", 1, "BLOCK", _BLOCK_MS, "STREAMS", self._key, ">"),
        )
        if not streams:
            return None
        name, fields = as_list(as_list(as_list(as_list(streams)[0])[1])[0])
        return as_bytes(name), fields, 0

    async def _take_left(self) -> tuple[bytes, Reply, int] | None:
        """A message that another member has left, or that died with it."""
        command = self._connection.command
        while time.monotonic() >= self._look_for_left:
            left = as_list(
                await command("XPENDING", self._key, self._group, "IDLE", self._claim_ms, "-", "+", 1)
            )
            if not left:
                self._look_for_left = time.monotonic() + BLOCK
                break
            name, _, _, deliveries = as_list(left[0])
            # Empty if another member was faster, or the stream has dropped the message.
            claimed = as_list(
                await command("XCLAIM", self._key, self._group, self._member, self._claim_ms, as_bytes(name))
            )
            if claimed and claimed[0] is not None:
                return as_bytes(name), as_list(claimed[0])[1], as_int(deliveries)
        return None

    async def _make_group(self) -> None:
        try:
            await self._connection.command("XGROUP", "CREATE", self._key, self._group, "0", "MKSTREAM")
        except CommandRefused as error:
            if error.code != "BUSYGROUP":
                raise

    async def _forget_the_dead(self) -> None:
        command = self._connection.command
        for consumer in as_list(await command("XINFO", "CONSUMERS", self._key, self._group)):
            facts = as_pairs(consumer)
            if facts[b"pending"] == 0 and as_int(facts[b"idle"]) > _FORGET_MS:
                await command("XGROUP", "DELCONSUMER", self._key, self._group, as_bytes(facts[b"name"]))
