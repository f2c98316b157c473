"""What one run may use. Defaults are generous: they stop accidents, not work."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run; None means no bound.

    Attributes:
        wall_seconds: from start to end of the run.
        yield_seconds: time JavaScript may run without giving the event loop a turn.
        heap_bytes: the JavaScript heap (objects and strings).
        memory_bytes: the whole process, buffers included; kept by whoever owns the process.
        output_bytes: console text and stream text together, as UTF-8.
        streams: steps running at once.
        tokens: input and output tokens of all finished steps together.
        cost_usd: money spent by all finished steps together, in US dollars.
    """

    wall_seconds: float | None = None
    yield_seconds: float | None = 10.0
    heap_bytes: int | None = 1024 * MIB
    memory_bytes: int | None = 3072 * MIB
    output_bytes: int | None = 64 * MIB
    streams: int | None = 4096
    tokens: int | None = None
    cost_usd: float | None = None
