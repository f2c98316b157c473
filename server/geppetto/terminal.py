"""Text of others on a terminal."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_BUT_COLOURS = re.compile("\x1b(?!\\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """The text without what could steer a terminal: control characters other than tab and newline."""
    return _CONTROL.sub("", text)


def harmless_colours(text: str) -> str:
    """The same, but what colours the text stays, and what goes back to the beginning of a line."""
    return _CONTROL_BUT_COLOURS.sub("", text)
