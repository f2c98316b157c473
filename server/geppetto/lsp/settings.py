"""What a user can set in the editor, under `geppetto`."""

from dataclasses import dataclass, field
from difflib import get_close_matches

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.scripts import DEFAULT_PATTERNS, MODULE_SUFFIXES
from geppetto.lsp.lint.rules import RULES, SEVERITIES, Severity

_KEYS = ("filePatterns", "rules", "runsAtOnce", "warmRuns")
_MOST_RUNS = 256
_MOST_WARM = 8


@dataclass(frozen=True, slots=True)
class EditorSettings:
    """Checked settings.

    Attributes:
        patterns: names of files that are scripts, with `*` and `?`.
        severities: of rules, by code; None is off. Rules that are not in it keep their own.
        runs_at_once: how many scripts may run together; None for what the workspace says. Read when the first is run.
        warm_runs: how many processes are kept ready for the next run; as above.
    """

    patterns: tuple[str, ...] = DEFAULT_PATTERNS
    severities: dict[str, Severity | None] = field(default_factory=dict[str, Severity | None])
    runs_at_once: int | None = None
    warm_runs: int | None = None


def read_settings(value: JsonValue) -> tuple[EditorSettings, list[str]]:
    """The settings in a JSON value, and what is wrong with it. What is wrong keeps its default."""
    if value is None:
        return EditorSettings(), []
    if not isinstance(value, dict):
        return EditorSettings(), ["geppetto should be an object"]
    complaints = [_unknown("setting", key, "geppetto.", _KEYS) for key in value if key not in _KEYS]
    patterns = _patterns(value, complaints)
    severities = _severities(value, complaints)
    at_once = _count(value, "runsAtOnce", 1, _MOST_RUNS, complaints)
    warm = _count(value, "warmRuns", 0, _MOST_WARM, complaints)
    return EditorSettings(patterns, severities, at_once, warm), complaints


def _patterns(value: JsonObject, complaints: list[str]) -> tuple[str, ...]:
    given = value.get("filePatterns")
    if given is None:
        return DEFAULT_PATTERNS
    good: list[str] = []
    for pattern in given if isinstance(given, list) else [given]:
        if (
            isinstance(pattern, str)
            and pattern.endswith(MODULE_SUFFIXES)
            and not set(pattern) & set("/\\[]{}")
        ):
            good.append(pattern)
        else:
            complaints.append(
                f"geppetto.filePatterns: {pattern!r} should be a file name with * or ?, such as *.geppetto.js"
            )
    return tuple(good) or DEFAULT_PATTERNS


def _count(value: JsonObject, key: str, least: int, most: int, complaints: list[str]) -> int | None:
    given = value.get(key)
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and least <= given <= most):
        return given
    complaints.append(f"geppetto.{key}: {given!r} should be a whole number from {least} to {most}")
    return None


def _severities(value: JsonObject, complaints: list[str]) -> dict[str, Severity | None]:
    given = value.get("rules")
    if given is None:
        return {}
    if not isinstance(given, dict):
        complaints.append("geppetto.rules should be an object of rule codes and severities")
        return {}
    good: dict[str, Severity | None] = {}
    for code, severity in given.items():
        if code not in RULES:
            complaints.append(_unknown("rule", code, "geppetto.rules.", tuple(RULES)))
        elif isinstance(severity, str) and severity in SEVERITIES:
            good[code] = SEVERITIES[severity]
        else:
            allowed = ", ".join(SEVERITIES)
            complaints.append(f"geppetto.rules.{code}: {severity!r} should be one of {allowed}")
    return good


def _unknown(what: str, key: str, prefix: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
    return f"There is no {what} {prefix}{key}{hint}"
