"""A connection to a NATS server that comes back by itself, and knows what the server has seen."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Self, TypeVar

from geppetto.events.transports import TransportClosed, TransportError
from geppetto.events.transports.broker import (
    CLOSING,
    BusUnreachable,
    Outage,
    address,
    missing_extra,
    unreachable,
)

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.js import JetStreamContext

logger = logging.getLogger(__name__)

T = TypeVar("T")

NO_RESPONDERS = "503"


class NatsConnection:
    """One connection, with one inbox for every answer it waits for.

    Attributes:
        client: the library's client, connected or reconnecting.
        server: what to call it in messages to people.
        came_back: called after each reconnect.
        broken: called when the server ended the connection for good.
    """

    def __init__(self, client: "Client", server: str) -> None:
        self.client = client
        self.server = server
        self.came_back: Callable[[], None] = _nothing
        self.broken: Callable[[TransportError], None] = _ignore
        self._outage = Outage(server)
        self._up = asyncio.Event()
        self._ended: TransportError | None = None
        self._last_error: Exception | None = None
        self._inbox = ""
        self._tokens = itertools.count()
        self._answers: dict[str, asyncio.Future[Msg]] = {}

    @classmethod
    async def open(cls, url: str, timeout: float) -> Self:
        """Connect.

        Raises:
            MissingExtra: nats-py is not installed.
            BusUnreachable: no server can be used before `timeout` seconds have passed.
        """
        try:
            from nats.aio.client import Client
            from nats.errors import Error
        except ImportError:
            raise missing_extra("NATS", "nats") from None
        connection = cls(Client(), f"NATS at {address(url)}")
        try:
            async with asyncio.timeout(timeout):
                await connection._connect(url)
        except (TimeoutError, OSError, Error) as error:
            reason = connection._last_error or error
            await connection.close()
            raise unreachable(connection.server, "nats-server", reason, timeout) from None
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _connect(self, url: str) -> None:
        client = self.client
        await client.connect(
            url,
            name="geppetto",
            error_cb=self._on_error,
            disconnected_cb=self._on_lost,
            reconnected_cb=self._on_back,
            closed_cb=self._on_closed,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
        )
        self._inbox = client.new_inbox()
        await self.listen(f"{self._inbox}.*", self._on_answer)
        self._up.set()

    @property
    def is_up(self) -> bool:
        """Whether there is a connection, as far as one knows."""
        return self._up.is_set() and self._ended is None

    async def usable(self) -> "Client":
        """The client, once it is connected. Waits as long as the caller lets it.

        Raises:
            TransportClosed: it was closed.
            TransportError: the server ended the connection for good.
        """
        if not self._up.is_set():
            await self._up.wait()
        if self._ended is not None:
            raise self._ended
        return self.client

    async def listen(self, subject: str, deliver: "Callable[[Msg], Awaitable[None]]") -> "Subscription":
        """Subscribe, also after each reconnect."""
        # No limits: they count what the library holds for us, and it drops what is above them.
        return await self.client.subscribe(  # pyright: ignore[reportUnknownMemberType]
            subject, cb=deliver, pending_msgs_limit=0, pending_bytes_limit=0
        )

    def jetstream(self) -> "JetStreamContext":
        return self.client.jetstream()  # pyright: ignore[reportUnknownMemberType]

    def expect(self) -> "tuple[str, asyncio.Future[Msg]]":
        """A subject to answer to, and the answer; cancel it if it is not waited for."""
        token = str(next(self._tokens))
        answer: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        answer.add_done_callback(lambda _: self._answers.pop(token, None))
        return f"{self._inbox}.{token}", answer

    async def while_connected(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the library answers to a request, which it would go on waiting for on a dead connection.

        Raises:
            TransportError: the connection was lost or closed meanwhile.
            Exception: what the library raised.
        """
        await self.usable()
        _, lost = self.expect()
        task = asyncio.create_task(request())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                lost.result()
            return await task
        finally:
            task.cancel()
            lost.cancel()

    async def seen(self) -> None:
        """Return when the server has processed all that was sent before.

        (The library's own flush does not say so: its ping overtakes what is still buffered.)

        Raises:
            TransportError: the connection was lost meanwhile, so one cannot know.
        """
        from nats.errors import Error

        subject, answer = self.expect()
        try:
            await self.client.publish(subject)
            await answer
        except Error as error:
            raise BusUnreachable(f"{self.server}: {error}") from error
        finally:
            answer.cancel()

    async def close(self) -> None:
        """Send what is buffered and disconnect. Never hangs; may be repeated."""
        if self._ended is None:
            self._end(TransportClosed(f"The connection to {self.server} is closed."))
        try:
            async with asyncio.timeout(CLOSING):
                await self.client.close()
        except TimeoutError:
            logger.warning("Closing the connection to %s took longer than %g s", self.server, CLOSING)
        except OSError as error:
            logger.debug("%s was gone before the connection was closed: %s", self.server, error)

    def _drop_answers(self, error: TransportError) -> None:
        for answer in tuple(self._answers.values()):
            if not answer.done():
                answer.set_exception(error)
                # Looked at here, so that nobody is blamed for having given up waiting.
                answer.exception()

    async def _on_answer(self, message: "Msg") -> None:
        answer = self._answers.get(message.subject.rpartition(".")[2])
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        logger.debug("%s: %s", self.server, error or type(error).__name__)

    async def _on_lost(self) -> None:
        if self._ended is not None or not self._up.is_set():
            return
        self._up.clear()
        reason = self._last_error
        self._outage.begins(str(reason) or type(reason).__name__)
        self._drop_answers(BusUnreachable(f"The connection to {self.server} was lost."))

    async def _on_back(self) -> None:
        self._up.set()
        self._outage.ends()
        self.came_back()

    async def _on_closed(self) -> None:
        if self._ended is not None:
            return
        # Not us: the server said something after which the library gives up.
        error = TransportError(
            f"{self.server} ended the connection: {self.client.last_error or self._last_error}"
        )
        self._end(error)
        self.broken(error)

    def _end(self, error: TransportError) -> None:
        self._ended = error
        self._up.set()
        self._drop_answers(error)


def _nothing() -> None:
    pass


def _ignore(error: TransportError) -> None:
    del error
