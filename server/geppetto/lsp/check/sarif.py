"""Reports as SARIF 2.1.0, which code hosts and editors read."""

from pathlib import Path
from urllib.parse import quote_from_bytes

from geppetto import __version__
from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.check.problems import Problem, Report
from geppetto.lsp.lint.rules import RULES, Severity

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_BASE = "ROOT"
_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
    Severity.HINT: "note",
}


def sarif(report: Report, base: Path) -> JsonObject:
    """A log with one run. Places count from 1, columns in UTF-16 code units, as it says itself."""
    codes = sorted({problem.code for problem in report.problems})
    numbers = {code: number for number, code in enumerate(codes)}
    rules: list[JsonValue] = [_rule(code) for code in codes]
    results: list[JsonValue] = [_result(problem, numbers[problem.code], base) for problem in report.problems]
    driver: JsonObject = {"name": "geppetto", "semanticVersion": __version__, "rules": rules}
    run: JsonObject = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {_BASE: {"uri": base.as_uri().removesuffix("/") + "/"}},
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> JsonObject:
    rule = RULES.get(code)
    if rule is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": rule.summary},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(problem: Problem, number: int, base: Path) -> JsonObject:
    start, end = problem.range.start, problem.range.end
    region: JsonObject = {
        "startLine": start.line + 1,
        "startColumn": start.character + 1,
        "endLine": end.line + 1,
        "endColumn": end.character + 1,
    }
    location: JsonObject = {"artifactLocation": _artifact(problem.path, base), "region": region}
    return {
        "ruleId": problem.code,
        "ruleIndex": number,
        "level": _LEVELS[problem.severity],
        "message": {"text": problem.message},
        "locations": [{"physicalLocation": location}],
    }


def _artifact(path: Path, base: Path) -> JsonObject:
    if not path.is_relative_to(base):
        return {"uri": path.as_uri()}
    relative = path.relative_to(base).as_posix().encode("utf-8", "surrogateescape")
    return {"uri": quote_from_bytes(relative), "uriBaseId": _BASE}
