"""What one run may use. Defaults are generous: they stop accidents, not work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from geppetto.errors import GeppettoError

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
        tokens: input and output tokens of all steps together, counted after each request to a model.
        cost_usd: money spent by all steps together, in US dollars, counted in the same way.
    """

    wall_seconds: float | None = None
    yield_seconds: float | None = 10.0
    heap_bytes: int | None = 1024 * MIB
    memory_bytes: int | None = 3072 * MIB
    output_bytes: int | None = 64 * MIB
    streams: int | None = 4096
    tokens: int | None = None
    cost_usd: float | None = None


def effective_limits(folder: Path, profile: str | None, given: Mapping[str, float | None]) -> Limits:
    """The defaults, then what the settings found from a folder upwards say, then what was given.

    Args:
        given: by the names of the fields of ``Limits``; None lifts a limit.

    Raises:
        GeppettoError: the settings are wrong, or a given name is no limit.
    """
    import os

    from geppetto.settings.find import is_configured

    limits = Limits()
    if profile is not None or is_configured(folder, os.environ):
        from geppetto.settings.load import load_settings

        configured = load_settings(folder, profile).steps.limits.model_dump()
        limits = replace(limits, **{name: value for name, value in configured.items() if value is not None})
    kinds = {field.name: str(field.type) for field in fields(Limits)}
    unknown = given.keys() - kinds
    if unknown:
        raise GeppettoError(f"There is no limit named {', '.join(sorted(unknown))}")
    whole = {name for name, kind in kinds.items() if kind.startswith("int")}
    return replace(
        limits,
        **{
            name: int(value) if value is not None and name in whole else value
            for name, value in given.items()
        },
    )
