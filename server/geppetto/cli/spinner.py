"""Shows on a terminal that something is awaited."""

from collections.abc import Callable
from typing import Protocol

from geppetto.cli.channel import Channel

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FIRST_SECONDS = 0.15  # what comes faster needs no spinner
_NEXT_SECONDS = 0.08
_ERASE_LINE = "\r\x1b[K"


class Handle(Protocol):
    """Something that will be called, unless it is cancelled."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Handle]


class Spinner:
    """A turning mark and a text on a line of their own; `hide` before writing anything else there.

    Args:
        later: calls a function after some seconds.
    """

    def __init__(self, channel: Channel, later: Later) -> None:
        self._channel = channel
        self._later = later
        self._handle: Handle | None = None
        self._text = ""
        self._frame = 0
        self._is_drawn = False

    def show(self, text: str) -> None:
        """Turns with this text until it is hidden."""
        self._text = text
        if self._handle is None:
            self._handle = self._later(_FIRST_SECONDS, self._draw)

    def hide(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._is_drawn:
            self._is_drawn = False
            self._channel.write(_ERASE_LINE)
            self._channel.line_is_open = False

    def _draw(self) -> None:
        self._channel.end_line()
        mark = _FRAMES[self._frame % len(_FRAMES)]
        self._frame += 1
        self._channel.write(f"{_ERASE_LINE}\x1b[2m{mark} {self._text}\x1b[0m")
        self._channel.line_is_open = False  # the line is the spinner's, and will be erased
        self._is_drawn = True
        self._handle = self._later(_NEXT_SECONDS, self._draw)
