"""What is reported, in every format."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import jsonschema
import pytest
from geppetto.lsp.check.formats import as_github
from geppetto.lsp.check.problems import Problem, Report
from geppetto.lsp.documents.text import Position, Range
from geppetto.lsp.lint.rules import RULES, Severity
from inline_snapshot import snapshot

from tests.check.conftest import BAD_ROLE, CLEAN, DEPRECATED, FORGOTTEN, UNTYPED, Check, Write

PLACE = {
    "type": "object",
    "properties": {"line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}},
    "required": ["line", "column"],
    "additionalProperties": False,
}
PROBLEM = {
    "path": {"type": "string"},
    "start": PLACE,
    "end": PLACE,
    "severity": {"enum": ["error", "warning", "information", "hint"]},
    "source": {"enum": ["geppetto", "typescript"]},
    "code": {"type": "string"},
    "message": {"type": "string"},
    "fixable": {"type": "boolean"},
}
REPORT = {
    "version": {"const": 1},
    "scripts": {"type": "integer"},
    "fixed": {"type": "integer"},
    "counts": {"type": "object", "required": ["error", "warning", "information", "hint"]},
    "problems": {
        "type": "array",
        "items": {"properties": PROBLEM, "required": list(PROBLEM), "additionalProperties": False},
    },
}
SCHEMA = {"properties": REPORT, "required": list(REPORT), "additionalProperties": False}


@pytest.fixture
def scripts(write: Write) -> None:
    write("a.geppetto.js", "// 😀\n" + BAD_ROLE + DEPRECATED)
    write("below/b.geppetto.ts", "/* 😀 */ " + UNTYPED + FORGOTTEN)
    write("clean.geppetto.js", CLEAN)
    write("not-a-script.js", UNTYPED)
    write(".hidden/c.geppetto.js", UNTYPED)
    write("node_modules/d.geppetto.js", UNTYPED)


@pytest.mark.usefixtures("scripts")
def test_text(check: Check) -> None:
    done = check()
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout == snapshot("""\
a.geppetto.js:2:31: error unknown-role: There is no role "boss". The roles are "system", "assistant", "user", "tool".
a.geppetto.js:3:18: warning deprecated-call: startAsync is deprecated: it shows nothing until the end. Use startStream, or runWithEvents.
below/b.geppetto.ts:1:10: error TS2304: Cannot find name 'nowhere'.
below/b.geppetto.ts:2:10: warning stream-not-consumed: Nobody looks at this stream: it is started and forgotten. Iterate it, give it handlers, or await its finalText().
Found 2 errors, 2 warnings in 3 scripts. --fix removes 1.
""")


@pytest.mark.usefixtures("scripts")
def test_json(check: Check) -> None:
    done = check("--format", "json")
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert report["scripts"] == 3
    assert report["counts"] == {"error": 2, "warning": 2, "information": 0, "hint": 0}
    found = [(each["path"], each["code"], each["fixable"]) for each in report["problems"]]
    assert found == [
        ("a.geppetto.js", "unknown-role", False),
        ("a.geppetto.js", "deprecated-call", True),
        ("below/b.geppetto.ts", "TS2304", False),
        ("below/b.geppetto.ts", "stream-not-consumed", False),
    ]
    assert report["problems"][2]["start"] == {"line": 1, "column": 10}  # behind an emoji of two units


@pytest.mark.parametrize("format_", ["json", "sarif", "github"])
def test_what_programs_read_is_utf_8(check: Check, write: Write, format_: str) -> None:
    write("café 😀.geppetto.js", UNTYPED)
    done = check("--format", format_, GITHUB_WORKSPACE="", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    if format_ == "github":
        assert "file=café 😀.geppetto.js," in done.stdout
    else:
        assert "caf" in json.dumps(json.loads(done.stdout))


@pytest.mark.usefixtures("scripts")
def test_sarif(check: Check, folder: Path) -> None:
    log = json.loads(check("--format", "sarif").stdout)
    assert log["version"] == "2.1.0" and "sarif-2.1.0" in log["$schema"]
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "geppetto" and re.match(r"\d+\.\d+\.\d+", driver["semanticVersion"])
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids) > 0
    assert run["columnKind"] == "utf16CodeUnits"
    assert len(run["results"]) == 4
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note") and result["message"]["text"]
        [location] = result["locations"]
        artifact = location["physicalLocation"]["artifactLocation"]
        base = run["originalUriBaseIds"][artifact["uriBaseId"]]["uri"]
        assert base.endswith("/")
        assert Path(unquote(urljoin(base, artifact["uri"]).removeprefix("file://"))).is_relative_to(folder)
        region = location["physicalLocation"]["region"]
        assert 1 <= region["startLine"] <= region["endLine"]
        assert region["startColumn"] >= 1 and region["endColumn"] >= 1


@pytest.mark.usefixtures("scripts")
def test_github(check: Check, folder: Path) -> None:
    done = check("--format", "github", cwd=folder / "below", GITHUB_WORKSPACE=str(folder))
    assert done.returncode == 1
    *annotations, summary = done.stdout.splitlines()
    assert annotations[0].startswith(
        "::error file=below/b.geppetto.ts,line=1,endLine=1,title=typescript TS2304,col=10,endColumn=17::"
    )
    assert annotations[1].startswith("::warning file=below/b.geppetto.ts,line=2,")
    assert summary.startswith("Found 1 error, 1 warning")


def test_github_is_told_nothing_by_a_name_or_a_message() -> None:
    line = Range(Position(0, 0), Position(1, 4))
    path = Path("/home/ada/a,b:c%\n::error::x.js")
    problem = Problem(path, line, Severity.HINT, "geppetto", "x", "one\n::error::two 100%")
    first, _ = as_github(Report([problem], 1), Path("/home/ada"), {}).splitlines()
    assert first == (
        "::notice file=a%2Cb%3Ac%25%0A%3A%3Aerror%3A%3Ax.js,line=1,endLine=2,title=geppetto x"
        "::one%0A::error::two 100%25"
    )


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "github"])
def test_nothing_to_complain_about(check: Check, write: Write, format_: str) -> None:
    write("clean.geppetto.js", CLEAN)
    done = check("--format", format_)
    assert (done.returncode, done.stderr) == (0, "")
    if format_ in ("json", "sarif"):
        report: dict[str, Any] = json.loads(done.stdout)
        assert report.get("problems", []) == [] and all(not run["results"] for run in report.get("runs", []))
    else:
        assert done.stdout == "No problems in 1 script.\n"


def test_a_user_class_of_the_same_name_is_left_alone(check: Check, write: Write) -> None:
    write("own.geppetto.js", "class Conversation { addMessage(role, text) {} }\n" + BAD_ROLE)
    assert check().returncode == 0


def test_settings_know_every_rule() -> None:
    from typing import get_args

    from geppetto.lsp.documents.scripts import DEFAULT_PATTERNS
    from geppetto.lsp.lint.rules import SEVERITIES
    from geppetto.settings.models import LintSettings, RuleCode, RuleSeverity

    assert get_args(RuleCode) == tuple(RULES)
    assert get_args(RuleSeverity) == tuple(SEVERITIES)
    assert LintSettings().file_patterns == DEFAULT_PATTERNS
