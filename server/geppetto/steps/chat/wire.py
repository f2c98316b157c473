"""The HTTP side of a streamed answer: silence, lost connections, answers that are no stream.

Imports the HTTP library of the vendors' SDKs: to be imported with them, not before.
"""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from typing import cast

import httpx2

from geppetto.steps.chat.failures import LastingError, service_failure
from geppetto.steps.chat.service import Service, Timeouts
from geppetto.steps.errors import ErrorKind, StepError

_MAX_REFUSED_BODY = 64 * 1024

_TAIL = 256


class Progress:
    """How far an answer has come. The first token ends the wait for it, and the time to start anew."""

    def __init__(self, first_token: asyncio.Timeout) -> None:
        self._first_token = first_token
        self.begun = False

    def token(self) -> None:
        """Something of the answer has arrived: text, a thought, or a piece of a tool call."""
        if not self.begun:
            self.begun = True
            if not self._first_token.expired():
                self._first_token.reschedule(None)


class WatchedStream(httpx2.AsyncByteStream):
    """The bytes of an answer; fails when none come for too long, once the answer has begun.

    Measured here, and not between events, so that a ping counts as a sign of life,
    and the time a slow listener takes does not count as silence.
    """

    def __init__(self, response: httpx2.Response, idle: float | None, progress: Progress, where: str) -> None:
        """Take the place of the response's own stream."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        self._inner = response.stream
        self._idle = idle
        self._progress = progress
        self._where = where
        self._tail = b""
        response.stream = self

    @property
    def said_done(self) -> bool:
        """Whether the last bytes were OpenAI's mark of a complete stream."""
        return b"[DONE]" in self._tail

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        while (chunk := await self._next(chunks)) is not None:
            self._tail = (self._tail + chunk)[-_TAIL:]
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        limit = self._idle if self._progress.begun else None
        silence = asyncio.timeout(limit)
        try:
            async with silence:
                return await anext(chunks, None)
        except TimeoutError:
            if not silence.expired():
                raise
        raise LastingError(
            f"{self._where} fell silent in the middle of its answer, for {limit:g} s", kind=ErrorKind.TIMEOUT
        )


def http_timeouts(timeouts: Timeouts) -> httpx2.Timeout:
    """Only the connection is timed by the HTTP library: it cannot tell thinking from silence."""
    return httpx2.Timeout(None, connect=timeouts.connect)


async def check_is_stream(response: httpx2.Response, service: Service, vendor: str, model: str) -> None:
    """
    Raises:
        StepError: the answer is a page or a plain object, perhaps an error, in spite of its good status.
    """
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in ("text/html", "application/json"):
        return
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_REFUSED_BODY:
                break
    finally:
        await response.aclose()
    text = body.decode("utf-8", "replace")
    failure = _error_in(text, service, vendor, model, response.headers)
    if failure is not None:
        raise failure
    raise LastingError(
        f"{service.where(vendor)} answered with {content_type} instead of a stream of events: {service.clean(text)[:200]}",
        kind=ErrorKind.SERVER,
        hint="Check the base URL of the provider: that of an OpenAI-compatible server usually ends in /v1.",
    )


def _error_in(
    text: str, service: Service, vendor: str, model: str, headers: httpx2.Headers
) -> StepError | None:
    try:
        body: object = json.loads(text)
    except ValueError:
        return None
    if not isinstance(body, dict) or "error" not in body:
        return None
    return service_failure(service, vendor, model, None, body, headers)  # pyright: ignore[reportUnknownArgumentType]


def wire_failure(error: BaseException, service: Service, vendor: str, timeouts: Timeouts) -> StepError:
    """The error for anything that is not an answer: no connection, a lost one, bytes that make no sense."""
    where = service.where(vendor)
    cause = error
    while cause.__cause__ is not None and not isinstance(cause, httpx2.HTTPError):
        cause = cause.__cause__
    reason = service.clean(_reason(cause))
    match cause:
        case httpx2.ConnectTimeout():
            return StepError(
                f"no connection to {where} within {timeouts.connect:g} s", kind=ErrorKind.NETWORK
            )
        case httpx2.TimeoutException():
            return StepError(f"{where} did not answer in time", kind=ErrorKind.TIMEOUT)
        case httpx2.ConnectError():
            return StepError(f"cannot connect to {where}: {reason}", kind=ErrorKind.NETWORK)
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL():
            return StepError(f"{where} is not a usable base URL: {reason}", kind=ErrorKind.SETTINGS)
        case httpx2.DecodingError():
            return LastingError(
                f"{where} sent bytes that cannot be unpacked: {reason}", kind=ErrorKind.SERVER
            )
        case httpx2.TransportError() | ssl.SSLError() | OSError():
            return StepError(f"the connection to {where} was lost: {reason}", kind=ErrorKind.NETWORK)
        case UnicodeDecodeError() | json.JSONDecodeError():
            what = "JSON" if isinstance(cause, json.JSONDecodeError) else "UTF-8"
            return LastingError(f"{where} sent something that is not {what}: {reason}", kind=ErrorKind.SERVER)
        case _:
            said = f"{type(cause).__name__}: {reason}" if reason else type(cause).__name__
            failure = LastingError(
                f"the answer of {where} could not be read: {said}", kind=ErrorKind.INTERNAL
            )
            # The place without the words: these could hold anything.
            return failure.with_traceback(cause.__traceback__)


def _reason(error: BaseException) -> str:
    """The operating system's own words, if it was the one to complain: libraries say "connection failed"."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, BaseExceptionGroup):
            seen = cast("BaseExceptionGroup[BaseException]", seen).exceptions[0]
            continue
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {seen.verify_message}"
        if isinstance(seen, OSError) and seen.strerror:
            # asyncio puts its own words into strerror; those of the resolver have a negative number.
            return os.strerror(seen.errno) if seen.errno and seen.errno > 0 else seen.strerror
        seen = seen.__cause__ or seen.__context__
    return str(error)
