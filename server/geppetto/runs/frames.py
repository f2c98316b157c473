"""Length-framed JSON over a pipe: four bytes of length, big-endian, then that many bytes of UTF-8 JSON."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import cast

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject

_HEAD = struct.Struct(">I")
MAX_FRAME_BYTES = 256 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024


class FrameError(GeppettoError):
    """What came through the pipe is no frame."""


class TruncatedError(FrameError):
    """The pipe ended in the middle of a frame: whoever wrote it died."""


def frame(body: bytes) -> bytes:
    """The frame of some JSON text."""
    return _HEAD.pack(len(body)) + body


def json_frame(message: JsonObject) -> bytes:
    """The frame of a message. A lone half of a surrogate pair, which UTF-8 cannot say, becomes a question mark."""
    return frame(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The JSON text of the next frame, not looked at; None at the end of the pipe.

    Raises:
        TruncatedError: the pipe ended in the middle of a frame.
        FrameError: what it holds is something else.
    """
    try:
        (size,) = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        if size > MAX_FRAME_BYTES:
            raise FrameError(f"a frame of {size:,} bytes was announced, which cannot be")
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        if not error.partial and error.expected == _HEAD.size:
            return None
        raise TruncatedError("the pipe ended in the middle of a frame") from None


class FrameReader:
    """Reads frames as :func:`read_frame` does, faster where many come together."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._data = b""
        self._at = 0

    async def read(self) -> bytes | None:
        """The JSON text of the next frame, not looked at; None at the end of the pipe.

        Raises:
            TruncatedError: the pipe ended in the middle of a frame.
            FrameError: what it holds is something else.
        """
        body = self._at + _HEAD.size
        if len(self._data) < body and not await self._fill(_HEAD.size):
            return None
        (size,) = _HEAD.unpack_from(self._data, self._at)
        if size > MAX_FRAME_BYTES:
            raise FrameError(f"a frame of {size:,} bytes was announced, which cannot be")
        if len(self._data) < self._at + _HEAD.size + size:
            await self._fill(_HEAD.size + size)
        body = self._at + _HEAD.size
        self._at = body + size
        return self._data[body : self._at]

    async def _fill(self, size: int) -> bool:
        """Reads until so many bytes are there; False if the pipe has ended before the first."""
        parts = [self._data[self._at :]]
        there = len(parts[0])
        while there < size:
            part = await self._reader.read(_CHUNK_BYTES)
            if not part:
                if there:
                    raise TruncatedError("the pipe ended in the middle of a frame")
                return False
            parts.append(part)
            there += len(part)
        self._data, self._at = b"".join(parts), 0
        return True


async def read_message(reader: asyncio.StreamReader) -> JsonObject | None:
    """The next message; None at the end of the pipe.

    Raises:
        FrameError: what came is no message.
    """
    body = await read_frame(reader)
    if body is None:
        return None
    try:
        message = json.loads(body)
    except ValueError as error:
        raise FrameError(f"a frame holds no JSON: {error}") from None
    if not isinstance(message, dict):
        raise FrameError("a frame holds JSON that is no object")
    return cast(JsonObject, message)
