"""Keeps keys out of what is written."""

from collections.abc import Callable, Iterable
from typing import cast

from geppetto.json_value import JsonObject, JsonValue

MASK = "[key]"

_LEAST_SECRET = 8
"""A shorter key is a placeholder ("none", "EMPTY") and a word that texts need."""


class Scrubber:
    """Replaces keys in JSON. They are asked for when something is written, since settings are read late."""

    def __init__(self, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        self._secrets = secrets

    def clean(self, value: JsonValue) -> JsonValue:
        """The value without a key in any text, the names of fields included."""
        return _clean(value, self._known())

    def clean_events(self, lines: list[JsonObject]) -> list[JsonObject]:
        """The lines of a tape without a key, not even one that came in pieces."""
        secrets = self._known()
        text = "".join(str(line["delta"]) for line in lines if line["type"] == "partial")
        if any(secret in text for secret in secrets):
            lines = _in_one_piece(lines)
        return [cast(JsonObject, _clean(line, secrets)) for line in lines]

    def _known(self) -> list[str]:
        # The longest first: one key may be the beginning of another.
        return sorted(
            {secret for secret in self._secrets() if len(secret) >= _LEAST_SECRET}, key=len, reverse=True
        )


def _in_one_piece(lines: list[JsonObject]) -> list[JsonObject]:
    """The same with all text in the first partial: a model has said a key, piece by piece."""
    whole = "".join(str(line["delta"]) for line in lines if line["type"] == "partial")
    kept: list[JsonObject] = []
    for line in lines:
        if line["type"] != "partial":
            kept.append(line)
        elif whole:
            kept.append({**line, "delta": whole})
            whole = ""
    return kept


def _clean(value: JsonValue, secrets: list[str]) -> JsonValue:
    match value:
        case str():
            for secret in secrets:
                value = value.replace(secret, MASK)
            return value
        case list():
            return [_clean(item, secrets) for item in value]
        case dict():
            return {str(_clean(name, secrets)): _clean(item, secrets) for name, item in value.items()}
        case _:
            return value
