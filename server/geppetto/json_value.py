"""The type of anything that JSON can say."""

from typing import Final, TypeAlias

JsonValue: TypeAlias = "None | bool | int | float | str | list[JsonValue] | dict[str, JsonValue]"
JsonObject: TypeAlias = dict[str, JsonValue]

MOST_LEVELS: Final = 100
"""How deeply params may be nested. Every reader of JSON on their way has a limit of its own; this is below all."""


def is_nested_deeper(value: JsonValue, levels: int = MOST_LEVELS) -> bool:
    """Whether a value has lists and objects in each other at more than so many levels."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return parts is not None and (levels == 0 or any(is_nested_deeper(part, levels - 1) for part in parts))
