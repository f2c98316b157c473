"""How a request differs from the recorded one that is most like it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from geppetto.json_value import JsonObject, JsonValue

MOST_SHOWN = 4
_EXCERPT = 40
_LONGEST_COMPARED = 4000


def nearest(request: JsonObject, recorded: Iterable[JsonObject]) -> JsonObject | None:
    """The recorded request that is most like this one; None if there are none."""
    text = _text(request)
    best: JsonObject | None = None
    best_likeness = -1.0
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(text)
    for candidate in recorded:
        matcher.set_seq1(_text(candidate))
        same_step = candidate.get("step") == request.get("step")
        # The quick bound first: most candidates are not worth the exact comparison.
        if (
            matcher.real_quick_ratio() + same_step <= best_likeness
            or matcher.quick_ratio() + same_step <= best_likeness
        ):
            continue
        likeness = matcher.ratio() + same_step
        if likeness > best_likeness:
            best, best_likeness = candidate, likeness
    return best


def differences(recorded: JsonValue, now: JsonValue) -> list[str]:
    """The first few places in which two values differ, a line each."""
    found: list[str] = []
    for place, old, new in _walk("", recorded, now):
        if len(found) == MOST_SHOWN:
            found.append("…")
            break
        found.append(f"{place}: {_both(old, new)}")
    return found


class _Missing:
    pass


_MISSING = _Missing()


def _walk(
    place: str, old: JsonValue | _Missing, new: JsonValue | _Missing
) -> Iterator[tuple[str, JsonValue | _Missing, JsonValue | _Missing]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            inside = f"{place}.{name}" if place else name
            yield from _walk(inside, old.get(name, _MISSING), new.get(name, _MISSING))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _walk(
                f"{place}[{index}]",
                old[index] if index < len(old) else _MISSING,
                new[index] if index < len(new) else _MISSING,
            )
    elif old != new or type(old) is not type(new):
        yield place, old, new


def _both(old: JsonValue | _Missing, new: JsonValue | _Missing) -> str:
    if isinstance(old, _Missing):
        return f"not recorded, now {_shown(new, 0)}"
    if isinstance(new, _Missing):
        return f"recorded {_shown(old, 0)}, now missing"
    start = 0
    if isinstance(old, str) and isinstance(new, str):
        shorter = min(len(old), len(new))
        start = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    return f"recorded {_shown(old, start)}, now {_shown(new, start)}"


def _shown(value: JsonValue | _Missing, differs_at: int) -> str:
    """A value, or of a long text the part around the place where it differs."""
    if isinstance(value, str):
        start = max(0, differs_at - _EXCERPT // 2)
        end = differs_at + _EXCERPT
        part = json.dumps(value[start:end], ensure_ascii=False)[1:-1]
        return f'"{"…" if start else ""}{part}{"…" if end < len(value) else ""}"'
    if isinstance(value, _Missing):
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2 * _EXCERPT else f"{text[: 2 * _EXCERPT]}…"


def _text(request: JsonObject) -> str:
    """What is compared: the end counts most, since a conversation grows there."""
    return json.dumps(request, sort_keys=True, ensure_ascii=False)[-_LONGEST_COMPARED:]
