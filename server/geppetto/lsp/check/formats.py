"""Reports as text for people, as JSON, and as annotations of GitHub Actions. SARIF has a module of its own."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.check.files import shown
from geppetto.lsp.check.problems import Report
from geppetto.lsp.documents.text import Position
from geppetto.lsp.lint.rules import Severity

Format: TypeAlias = Literal["text", "json", "sarif", "github"]

_COLORS = {
    Severity.ERROR: "\x1b[31m",
    Severity.WARNING: "\x1b[33m",
    Severity.INFORMATION: "\x1b[36m",
    Severity.HINT: "\x1b[2m",
}
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def name_of(severity: Severity) -> str:
    return severity.name.lower()


def as_text(report: Report, base: Path, *, color: bool = False) -> str:
    """A line for each problem (more if its message has more), and one that counts them.

    Args:
        base: the folder that paths are shown from.
    """

    def paint(style: str, text: str) -> str:
        return f"{style}{text}{_PLAIN}" if color else text

    lines: list[str] = []
    for problem in report.problems:
        start = problem.range.start
        place = f"{shown(_relative(problem.path, base))}:{start.line + 1}:{start.character + 1}"
        kind = paint(_COLORS[problem.severity], name_of(problem.severity))
        message = "\n    ".join(problem.message.splitlines())
        lines.append(f"{paint(_BOLD, place)}: {kind} {paint(_DIM, problem.code)}: {message}")
    return "\n".join([*lines, _summary(report)]) + "\n"


def as_json(report: Report, base: Path) -> str:
    """One object; docs/check.md has its type."""
    problems: list[JsonValue] = [
        {
            "path": _encodable(str(_relative(problem.path, base))),
            "start": _place(problem.range.start),
            "end": _place(problem.range.end),
            "severity": name_of(problem.severity),
            "source": problem.source,
            "code": problem.code,
            "message": problem.message,
            "fixable": problem.is_fixable,
        }
        for problem in report.problems
    ]
    counts: JsonObject = {name_of(severity): report.count(severity) for severity in Severity}
    whole: JsonObject = {
        "version": 1,
        "scripts": report.scripts,
        "fixed": report.fixed,
        "counts": counts,
        "problems": problems,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def as_github(report: Report, base: Path, env: Mapping[str, str] = os.environ) -> str:
    """Workflow commands, which GitHub shows at the lines of a pull request, and a summary."""
    repository = Path(env.get("GITHUB_WORKSPACE") or base)
    lines: list[str] = []
    for problem in report.problems:
        start, end = problem.range.start, problem.range.end
        properties = {
            "file": _relative(problem.path, repository).as_posix(),
            "line": str(start.line + 1),
            "endLine": str(end.line + 1),
            "title": f"{problem.source} {problem.code}",
        }
        if start.line == end.line:  # columns of different lines are refused
            properties |= {"col": str(start.character + 1), "endColumn": str(end.character + 1)}
        said = ",".join(f"{name}={_escaped(value, also=':,')}" for name, value in properties.items())
        command = _COMMANDS.get(problem.severity, "notice")
        lines.append(f"::{command} {said}::{_escaped(problem.message)}")
    return "\n".join([*lines, _summary(report)]) + "\n"


def as_sarif(report: Report, base: Path) -> str:
    from geppetto.lsp.check.sarif import sarif

    return json.dumps(sarif(report, base), indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[Format, Callable[[Report, Path], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


def _summary(report: Report) -> str:
    fixed = f"Fixed {_count(report.fixed, 'problem')}. " if report.fixed else ""
    if not report.problems:
        return f"{fixed}No problems in {_count(report.scripts, 'script')}."
    kinds = {
        Severity.ERROR: "error",
        Severity.WARNING: "warning",
        Severity.INFORMATION: "note",
        Severity.HINT: "hint",
    }
    listed = ", ".join(
        _count(count, noun) for severity, noun in kinds.items() if (count := report.count(severity))
    )
    fixable = sum(problem.is_fixable for problem in report.problems)
    rest = f" --fix removes {fixable}." if fixable else ""
    return f"{fixed}Found {listed} in {_count(report.scripts, 'script')}.{rest}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _relative(path: Path, base: Path) -> Path:
    return path.relative_to(base) if path.is_relative_to(base) else path


def _place(position: Position) -> JsonObject:
    return {"line": position.line + 1, "column": position.character + 1}


def _escaped(text: str, also: str = "") -> str:
    for char in f"%\r\n{also}":
        text = text.replace(char, f"%{ord(char):02X}")
    return _encodable(text)


def _encodable(text: str) -> str:
    """A text in which bytes that are no UTF-8 are spelled out."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
