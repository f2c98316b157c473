"""Python's garbage collector in a process that runs scripts."""

import gc

_NEW_OBJECTS = 10_000
_ROUNDS = 50


def collect_seldom() -> None:
    """Lets more come together before the collector looks for cycles.

    Streams and their messages live for a while. To look through all of them after each 700 new objects, as Python
    does, and again after each 7 000 through those that outlived that, is a quarter of the cost of a thousand streams at
    once. It is the process's to say, so no engine does.
    """
    gc.set_threshold(_NEW_OBJECTS, _ROUNDS)
