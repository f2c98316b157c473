"""Text in the pieces in which a model would stream it."""

import re
from collections.abc import Iterator

_PIECE = re.compile(r"\s*\S+|\s+\Z")


def pieces(text: str) -> Iterator[str]:
    """Words with the white space before them; joined, they are the text."""
    return (match.group() for match in _PIECE.finditer(text))


def count_words(text: str) -> int:
    """How many words: the token count of providers that have no tokens."""
    return len(text.split())
