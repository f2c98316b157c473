"""One module a question: a `TITLE`, and `measure(bench) -> list[Row]`.

Raises `MissingPeer` where a peer is needed that is not on the machine.
"""

import pkgutil


def names() -> list[str]:
    """All questions there are."""
    return [found.name for found in pkgutil.iter_modules(__path__)]
