"""What is said below an answer."""

import re

from geppetto.events.models import EventMetadata

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_BUT_COLOURS = re.compile("\x1b(?!\\[[0-9;]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """The text without what could steer a terminal: control characters other than tab and newline."""
    return _CONTROL.sub("", text)


def harmless_colours(text: str) -> str:
    """The same, but what colours the text stays, and what goes back to the beginning of a line."""
    return _CONTROL_BUT_COLOURS.sub("", text)


def beginning(text: str, most: int = 2_000) -> str:
    """The text, or its first characters and how many there are when it is longer."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"


def summary(meta: EventMetadata, seconds: float) -> str:
    """Who answered, how long it took, and what it used, in a line."""
    parts = [meta.engine] if meta.engine else []
    parts.append(f"{seconds:.1f} s")
    if (usage := meta.usage) is not None:
        parts.append(f"{usage.input_tokens} + {usage.output_tokens} tokens")
        if usage.cost is not None:
            parts.append(f"${usage.cost:.4f}")
    return " · ".join(parts)
