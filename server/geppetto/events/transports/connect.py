"""A bus by its URL."""

from typing import Final
from urllib.parse import urlsplit

from geppetto.events.dead_letters import DeadLetterLog
from geppetto.events.retry import RetryPolicy
from geppetto.events.transports import Transport, TransportError
from geppetto.events.transports.memory import MemoryTransport

NATS_SCHEMES: Final = ("nats", "tls")
REDIS_SCHEMES: Final = ("redis", "rediss")


async def connect(
    url: str,
    *,
    retry: RetryPolicy | None = None,
    dead_letters: DeadLetterLog | None = None,
    timeout: float = 5.0,
    claim_after: float = 30.0,
) -> Transport:
    """Connect to the bus at a URL; the caller closes it.

    Args:
        url: `memory:`, `nats://host:4222` (`tls://` encrypted) or `redis://host:6379/0` (`rediss://` encrypted),
            with `user:password@` before the host where the server asks for it.
        retry: how often a message is given to a reader that nacks it.
        dead_letters: where it goes after that.
        timeout: seconds after which an unreachable server is an error.
        claim_after: seconds without a sign of life after which a group's reader counts as dead.

    Raises:
        TransportError: the URL names no bus, the bus's library is not installed (`MissingExtra`), or the
            server does not answer or refuses (`BusUnreachable`).
    """
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return MemoryTransport(retry=retry, dead_letters=dead_letters)
    if scheme in NATS_SCHEMES:
        from geppetto.events.transports.nats import NatsTransport

        return await NatsTransport.connect(
            url, retry=retry, dead_letters=dead_letters, timeout=timeout, claim_after=claim_after
        )
    if scheme in REDIS_SCHEMES:
        from geppetto.events.transports.redis import RedisTransport

        return await RedisTransport.connect(
            url, retry=retry, dead_letters=dead_letters, timeout=timeout, claim_after=claim_after
        )
    raise TransportError(
        f"There is no bus for {scheme + '://' if scheme else url!r}.",
        hint="A bus is memory:, nats://HOST:PORT or redis://HOST:PORT.",
    )
