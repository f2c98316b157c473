"""Parts of scripts: what a statement depends on goes with it, and nothing moves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from geppetto.runs.part import PartError, only
from geppetto.runs.protocol import ConsoleEvent, EndEvent, RunRequest
from geppetto.runtime.syntax import Grammar

from tests.runs.conftest import Supervise, read


def kept(marked: str, grammar: Grammar = "javascript") -> list[str]:
    """The lines that are left of a script, by their first words, when what is between the bars is asked for."""
    before, *middle, after = marked.split("¦")
    asked = "".join(middle)
    text = before + asked + after
    start = len(before.encode("utf-16-le")) // 2
    end = start + len(asked.encode("utf-16-le")) // 2
    left = only(text, start, end, grammar)
    assert len(left.encode("utf-16-le")) == len(text.encode("utf-16-le"))
    for line, now in zip(text.split("\n"), left.split("\n"), strict=True):
        assert now == line or not re.search(r"\w", now), "a line is kept as it is, or not at all"
    return [line for line in left.split("\n") if re.search(r"\w", line)]


def test_a_statement_takes_what_it_uses_and_what_changes_that() -> None:
    left = kept("""\
const conversation = new Conversation();
conversation.addMessage("system", "Be brief.");
const dear = chatStep.startStream("😀 dear");
console.log(await dear.finalText());
let times = 1, other = 2;
if (Math.random() > 2) times += 1;
function ask() { return chatStep.startStream(conversation, OPTIONS) }
ask¦();
console.log("after");
const OPTIONS = { model: LATER };
const LATER = "m";
const UNUSED = times;
""")
    assert [line.split("(")[0] for line in left] == [
        "const conversation = new Conversation",
        "conversation.addMessage",
        "function ask",
        "ask",
        "const OPTIONS = { model: LATER };",
        'const LATER = "m";',
    ]


def test_a_selection_takes_every_statement_that_it_touches() -> None:
    assert kept("const a = 1;\nconst b = 2;\nco¦nst c = 3;\nlet ¦d;\nlet e;") == ["const c = 3;", "let d;"]
    assert kept("const a = 1;\n¦const b = 2;\n¦const c = 3;") == ["const b = 2;"]


@pytest.mark.parametrize(
    "shared",
    [
        'defineTool({ name: "t" });',
        'for (const n of ["t"]) defineTool({ name: n });',
        "globalThis.x = 1;",
        "Object.assign(globalThis, {});",
        "undeclared = 1;",
        "console.log = () => {};",
        "Array.prototype.last = 1;",
        "Object.defineProperty(String.prototype, 'x', {});",
        'import { a } from "./a.js";',
        'import "./a.js";',
        'export { a } from "./a.js";',
    ],
)
def test_what_scripts_share_is_never_left_out(shared: str) -> None:
    assert kept(f"{shared}\nconst unused = 1;\nconsole.log(¦1);") == [shared, "console.log(1);"]


def test_all_above_an_eval_is_kept() -> None:
    assert kept('const a = 1;\neval("a");\nf(¦);\nconst b = 1;') == [
        "const a = 1;",
        'eval("a");',
        "f();",
        "const b = 1;",
    ]


def test_a_call_of_what_changes_the_shared_is_kept_too() -> None:
    setup = "function setup() { defineTool({}) }"
    assert kept(f"{setup}\nsetup();\nlet u;\nf(¦);") == [setup, "setup();", "f();"]


@pytest.mark.parametrize(
    "alone",
    [
        "for (let i = 0; i < 3; i++) chatStep.startStream(i);",
        "for (const e of []) { let n = 0; n += 1; e.n = n; }",
        "{ let x; x = 1; }",
        "(function () { var x; { x = 1; } })();",
        "((x) => { x.y = 1; })({});",
        "try { f(); } catch (e) { e.x = 1; }",
        "interface I { a: string }",
    ],
)
def test_what_only_touches_its_own_is_left_out(alone: str) -> None:
    grammar = "typescript" if "interface" in alone else "javascript"
    assert kept(f"{alone}\nconsole.log(¦1);", grammar) == ["console.log(1);"]


def test_names_from_patterns_classes_and_loops() -> None:
    text = """\
const { a, b: [c = 1], ...rest } = params;
class K extends Object {}
for (var i of [1]) ;
enum E { X }
namespace N { export const y = 1 }
let unused;
"""
    lines = text.splitlines()
    for name, line in [("a", 0), ("c", 0), ("rest", 0), ("K", 1), ("i", 2), ("E.X", 3), ("N.y", 4)]:
        assert kept(f"{text}f({name}¦);", "typescript") == [lines[line], f"f({name});"]


@pytest.mark.parametrize("grammar", ["javascript", "typescript"])
def test_what_is_disposed_of_at_the_end_is_declared_too(grammar: Grammar) -> None:
    text = "using a = first();\nawait using b = second();\nunused();\n"
    assert kept(f"{text}f(a¦);", grammar)[0] == "using a = first();"
    assert "await using b = second();" in kept(f"{text}f(b¦);", grammar)


def test_directives_stay_and_neighbours_stay_apart() -> None:
    assert only('"use strict"\nlet a\nlet b = 1\nunused();\n(b)', 40, 40, "javascript") == (
        '"use strict"\n;    \nlet b = 1\n;        \n(b)'
    )
    left = only("let b = 1\nunused();\n`${b}`", 23, 23, "javascript")
    assert left == "let b = 1\n;        \n`${b}`", "and not a call of 1 with a template"


def test_what_cannot_be_told_apart_is_refused() -> None:
    with pytest.raises(PartError, match="syntax error"):
        only("const a = ;\nb();", 12, 12, "javascript")
    with pytest.raises(PartError, match="no statement here"):
        only("a();\n\n\n// b\n", 6, 6, "javascript")


async def test_places_stay_what_they_were(supervise: Supervise, tmp_path: Path) -> None:
    text = 'const a = 1;\nconsole.log("dear");\n\nconst b = a + 1;\nthrow new Error(`b is ${b}`);\n'
    part = only(text, len(text) - 3, len(text) - 3, "javascript")
    events = await read(supervise().start(RunRequest(path=str(tmp_path / "a.js"), text=part)))
    end = events[-1]
    assert isinstance(end, EndEvent) and end.errors[0].message == "b is 2"
    assert end.errors[0].place is not None and end.errors[0].place.line == 5
    assert not [event for event in events if isinstance(event, ConsoleEvent)]
