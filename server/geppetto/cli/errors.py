"""Shows errors to a person: one message, what to do about it, no stack trace."""

import os
import sys

from geppetto.errors import GeppettoError
from geppetto.terminal import harmless


def show_error(error: GeppettoError) -> None:
    """Writes the error to standard error; with GEPPETTO_DEBUG set, with its stack trace."""
    if os.environ.get("GEPPETTO_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
        return
    show(str(error), hint=error.hint)


def show(message: str, *, hint: str | None = None) -> None:
    red, bold, plain = ("\x1b[31m", "\x1b[1m", "\x1b[0m") if may_color(sys.stderr.isatty()) else ("",) * 3
    text = f"{bold}{red}geppetto:{plain} {harmless(message)}\n"
    if hint:
        text += f"{bold}Hint:{plain} {harmless(hint)}\n"
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        return  # there is nobody to tell


def may_color(is_terminal: bool) -> bool:
    """Whether output may be coloured: on a terminal, unless NO_COLOR or a dumb terminal says otherwise."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
