"""Makes every async function of a script return a promise whose rejection cannot get lost.

V8's hook for unhandled rejections is not within reach of an embedder through mini-racer, and a
native async function returns a promise that no script-level code can observe. So each async function
is wrapped in place: ``async (a) => b`` becomes ``(a', ...args) => wrap(async (a) => b, "place", args, a')``.
All edits are insertions (or blanks of equal length), lines never move, and an
:class:`~geppetto.runtime.source.EditMap` maps columns back. Async generators stay as they are: the
prelude observes the promises of their ``next``.

The wrapper has as many parameters as the function's ``length`` says. The vertical tabs among the insertions
let the prelude tell them from a script's own text: it shows functions as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from geppetto.runtime.source import Edit

if TYPE_CHECKING:
    from tree_sitter import Node

WRAP = "__geppettoAsync"
_ARGS = "__geppettoArgs"
_PARAMETER = "__geppetto"
_BLANK = "\v\v\v\v\v"
# In the body of a class, ``x = y`` on the line before would go on with ``[name]() {}`` or ``in() {}``.
_BLANK_AFTER_FIELD = ";\v\v\v\v"
_ASYNC = re.compile(r"\basync\b")
_FUNCTIONS = frozenset({"function_declaration", "function_expression", "method_definition"})


def async_edits(text: str, unit: str) -> list[Edit]:
    """The edits that wrap every async function of a JavaScript text, in order of offset.

    The place handed to the wrapper is ``unit@offset``, the offset in UTF-16 units of ``text``.
    """
    if not _ASYNC.search(text):
        return []
    from geppetto.runtime.syntax import parse, walk

    edits: list[tuple[int, int, Edit]] = []
    for order, node in enumerate(walk(parse(text, "javascript"))):
        keyword = _async_keyword(node)
        if keyword is None or node.has_error:
            continue
        made = (
            _wrap_arrow(node, unit) if node.type == "arrow_function" else _wrap_function(node, keyword, unit)
        )
        # Where two functions end at the same offset the inner one closes first.
        edits += ((edit.offset, -order if closes else order, edit) for edit, closes in made)
    edits.sort(key=lambda item: item[:2])
    return _merge(edit for _, _, edit in edits)


def _async_keyword(node: Node) -> Node | None:
    if node.type != "arrow_function" and node.type not in _FUNCTIONS:
        return None
    for child in node.children:
        if child.type == "async":
            # ``async *name() {}`` is a method_definition too.
            return None if any(other.type == "*" for other in node.children) else child
        if child.type in ("statement_block", "formal_parameters", "=>"):
            return None
    return None


def _wrap_arrow(node: Node, unit: str) -> Iterator[tuple[Edit, bool]]:
    body = node.child_by_field_name("body")
    if body is None:
        return
    start = node.start_byte // 2
    leading = _leading(node)
    parameters = "".join(f"{name}, " for name in leading)
    values = "".join(f", {name}" for name in leading)
    yield Edit(start, 0, f"({parameters}...{_ARGS}) => {WRAP}("), False
    yield Edit(_end(body), 0, f', "{unit}@{start}", {_ARGS}{values})'), True


def _wrap_function(node: Node, keyword: Node, unit: str) -> Iterator[tuple[Edit, bool]]:
    parameters = node.child_by_field_name("parameters")
    body = node.child_by_field_name("body")
    if parameters is None or body is None:
        return
    in_class = node.parent is not None and node.parent.type == "class_body"
    continues = in_class and node.children[0] == keyword  # and not ``static async``
    strict = '"use strict"; ' if _is_strict(body) else ""
    names = ", ".join(_leading(node))
    yield Edit(keyword.start_byte // 2, 5, _BLANK_AFTER_FIELD if continues else _BLANK), False
    yield Edit(parameters.start_byte // 2, 0, f"({names}) {{ {strict}return {WRAP}(async\v"), False
    yield Edit(parameters.end_byte // 2, 0, " =>\v"), False
    yield Edit(_end(body), 0, f', "{unit}@{node.start_byte // 2}", arguments) }}'), True


def _leading(function: Node) -> list[str]:
    """Names for the parameters that a function's ``length`` counts: those before the first default or rest."""
    if function.child_by_field_name("parameter") is not None:  # ``x => x``
        return [f"{_PARAMETER}1"]
    names: list[str] = []
    parameters = function.child_by_field_name("parameters")
    for parameter in parameters.named_children if parameters is not None else ():
        if parameter.type in ("assignment_pattern", "rest_pattern"):
            break
        if parameter.type != "comment":
            names.append(f"{_PARAMETER}{len(names) + 1}")
    return names


def _is_strict(body: Node) -> bool:
    """Whether a function's body begins with the directive; its ``this`` depends on that, which is the wrapper's."""
    for statement in body.named_children:
        if statement.type == "comment":
            continue
        first = statement.named_children[0] if statement.type == "expression_statement" else None
        if first is None or first.type != "string" or first.text is None:
            return False
        if first.text.decode("utf-16-le", "surrogatepass")[1:-1] == "use strict":
            return True
    return False


def _end(body: Node) -> int:
    """The offset where a function ends. The grammar counts a comment behind a block as a part of it."""
    braces = [child for child in body.children if child.type == "}"] if body.type == "statement_block" else []
    return (braces[-1] if braces else body).end_byte // 2


def _merge(edits: Iterator[Edit]) -> list[Edit]:
    """Joins insertions at the same offset, so that offsets of the result strictly grow."""
    merged: list[Edit] = []
    for edit in edits:
        if merged and merged[-1].offset == edit.offset and merged[-1].removed == 0:
            merged[-1] = Edit(edit.offset, edit.removed, merged[-1].text + edit.text)
        else:
            merged.append(edit)
    return merged


def enclosing_function(text: str, offset: int) -> str:
    """The name of the innermost function around an offset, if that function is async and has a name."""
    from geppetto.runtime.syntax import parse

    node = parse(text, "javascript").descendant_for_byte_range(offset * 2, offset * 2)
    while node is not None and node.type != "arrow_function" and node.type not in _FUNCTIONS:
        node = node.parent
    if node is None or _async_keyword(node) is None:
        return ""
    named = node.parent if node.type == "arrow_function" else node
    name = (
        named.child_by_field_name("name") or named.child_by_field_name("key") if named is not None else None
    )
    return name.text.decode("utf-16-le") if name is not None and name.text is not None else ""


def plain_throws(text: str) -> list[tuple[int, str | None]]:
    """Where a text throws what need not be an Error: offsets, with the source of a literal that is thrown."""
    if "throw" not in text:
        return []
    from geppetto.runtime.syntax import parse, walk

    found: list[tuple[int, str | None]] = []
    for node in walk(parse(text, "javascript")):
        if node.type != "throw_statement" or not node.named_children:
            continue
        thrown = node.named_children[0]
        if thrown.type == "new_expression":
            continue
        is_literal = thrown.type in (
            "string",
            "number",
            "null",
            "undefined",
            "true",
            "false",
            "template_string",
        )
        source = thrown.text.decode("utf-16-le") if is_literal and thrown.text is not None else None
        found.append((node.start_byte // 2, source))
    return found
