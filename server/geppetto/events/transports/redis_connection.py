"""Commands to a Redis server, repeated until it is back when it goes away."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, Self, cast

from geppetto.events.transports import TransportClosed, TransportError
from geppetto.events.transports.broker import CLOSING, Outage, address, missing_extra, unreachable
from geppetto.events.transports.redis_wire import Argument, Reply

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger(__name__)

BLOCK: Final = 1.0
"""Seconds for which a read waits at the server for something to read."""

# A server that is there but silent for so long is taken for lost. Must be more than BLOCK.
_SILENCE: Final = 10.0

_MAX_PAUSE: Final = 1.0


class RedisConnection:
    """A pool of connections: one for each read that waits, and some for all else.

    Attributes:
        server: what to call it in messages to people.
    """

    def __init__(self, client: "Redis", server: str) -> None:
        self.server = server
        self._client = client
        self._outage = Outage(server)
        self._closed = False

    @classmethod
    async def open(cls, url: str, timeout: float) -> Self:
        """Connect.

        Raises:
            MissingExtra: redis-py is not installed.
            TransportError: the URL is wrong.
            BusUnreachable: the server cannot be used before `timeout` seconds have passed.
        """
        try:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import AuthenticationError, RedisError
        except ImportError:
            raise missing_extra("Redis", "redis") from None
        server = f"Redis at {address(url)}"
        try:
            client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
                url,
                protocol=2,
                # Repeating is done here, where it is known what may be repeated.
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=timeout,
                # Waiting is bounded here too: the library's way can lose a cancellation.
                socket_timeout=None,
                max_connections=100_000,
            )
        except ValueError as error:
            raise TransportError(f"This is no address of a Redis server: {error}") from None
        # The library's own reading of replies differs between versions; the protocol does not.
        client.response_callbacks.clear()
        connection = cls(client, server)
        problem: Exception = TimeoutError("it does not answer")
        try:
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        await connection.once("PING")
                        return connection
                    except (OSError, RedisError) as error:
                        problem = error
                        if isinstance(error, AuthenticationError):
                            raise TimeoutError from None  # waiting will not help
                        await asyncio.sleep(0.2)
        except TimeoutError:
            await connection.close()
            raise unreachable(server, "redis-server", problem, timeout) from None
        except BaseException:
            await connection.close()
            raise

    @property
    def is_up(self) -> bool:
        """Whether the last command was answered."""
        return not self._outage and not self._closed

    async def once(self, *command: Argument) -> Reply:
        """Run a command once.

        Raises:
            OSError, RedisError: what the library raises.
        """
        async with asyncio.timeout(_SILENCE):
            return await cast("Awaitable[Reply]", self._client.execute_command(*command))  # pyright: ignore[reportUnknownMemberType]

    async def command(self, *command: Argument) -> Reply:
        """Run a command, again and again while the server is away. Only for what may happen twice.

        Raises:
            TransportClosed: the connection was closed.
            CommandRefused: the server understood, and says no.
        """
        from redis.exceptions import ConnectionError as Lost
        from redis.exceptions import ResponseError
        from redis.exceptions import TimeoutError as Silent

        pause = 0.05
        while True:
            if self._closed:
                raise TransportClosed(f"The connection to {self.server} is closed.")
            try:
                reply = await self.once(*command)
            except (Lost, Silent, OSError) as error:
                if self._closed:
                    continue
                self._outage.begins(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE)
            except ResponseError as error:
                raise CommandRefused(self.server, error) from error
            else:
                self._outage.ends()
                return reply

    async def close(self) -> None:
        """Disconnect. Never hangs; may be repeated."""
        self._closed = True
        try:
            async with asyncio.timeout(CLOSING):
                await self._client.aclose()
        except TimeoutError:
            logger.warning("Closing the connections to %s took longer than %g s", self.server, CLOSING)
        except OSError as error:
            logger.debug("%s was gone before it was left: %s", self.server, error)


class CommandRefused(TransportError):
    """The server understood the command, and says no.

    Attributes:
        code: the first word of its answer, such as NOGROUP.
    """

    def __init__(self, server: str, error: Exception) -> None:
        super().__init__(f"{server} refuses: {error}")
        self.code = str(error).partition(" ")[0]
