"""A part of a script that runs without the rest: some statements, and those they depend on.

The unit is the statement at the top level. With those that are asked for go

- the statements above them that have a name of the script's own in common with what is kept, since such a
  statement may declare what is used or change it: a conversation goes with every message that is added to it;
- the declarations below them that they use;
- every import, and whatever above them may change what all scripts share: the tools, the global object.

Everything else becomes blank, so that lines and columns stay what they were. Too much may be kept, never too
little: each mention of a name counts, also one that means a local variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geppetto.errors import GeppettoError
from geppetto.runtime.source import Edit, apply_edits
from geppetto.runtime.syntax import Grammar, parse, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_SHARED = "globalThis"
"""The name that stands for everything that scripts share."""
_CHANGES_SHARED = frozenset({_SHARED, "defineTool", "Function"})
_CHANGING_PROPERTIES = frozenset({"prototype", "__proto__", "constructor"})
_NAMES = frozenset({"identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern"})
_ASSIGNMENTS = frozenset({"assignment_expression", "augmented_assignment_expression", "update_expression"})
_FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "generator_function_declaration",
        "generator_function",
        "arrow_function",
        "method_definition",
    }
)
_NAMED = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "class_declaration",
        "abstract_class_declaration",
        "enum_declaration",
        "internal_module",
    }
)
_VARIABLES = frozenset({"lexical_declaration", "variable_declaration", "using_declaration"})
_NO_STATEMENTS = frozenset({"comment", "hash_bang_line"})
_CHARACTER = re.compile(r"[^\r\n]")


class PartError(GeppettoError):
    """There is nothing to run in what was asked for, or it cannot be told what it depends on."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement at the top level.

    Attributes:
        start, end: where, in UTF-16 units.
        binds: the names that are its own to declare.
        mentions: the names in it that statements of the script bind, and what stands for the shared.
    """

    start: int
    end: int
    binds: frozenset[str]
    mentions: frozenset[str]
    is_declaration: bool
    is_needed: bool


def only(text: str, start: int, end: int, grammar: Grammar) -> str:
    """A script without what the statements in a range do not depend on.

    Args:
        start, end: of the range, in UTF-16 units; if they are the same, the statement there.

    Raises:
        PartError: the script has a syntax error, or there is no statement in the range.
    """
    root = parse(text, grammar)
    if root.has_error:
        raise PartError("Only the whole of this script can be run: it has a syntax error.")
    statements = _statements(root)
    asked = {number for number, each in enumerate(statements) if _is_in(each, start, end)}
    if not asked:
        raise PartError("There is no statement here that could be run.")
    kept = _with_dependencies(statements, asked)
    blanks = [
        Edit(each.start, each.end - each.start, _blank(text, each))
        for number, each in enumerate(statements)
        if number not in kept
    ]
    return apply_edits(text, blanks)


def _is_in(statement: _Statement, start: int, end: int) -> bool:
    if start == end:
        return statement.start <= start <= statement.end
    return statement.start < end and start < statement.end


def _with_dependencies(statements: list[_Statement], asked: set[int]) -> set[int]:
    last = max(asked)
    kept = asked | {number for number, each in enumerate(statements) if each.is_needed}
    needed = {_SHARED}
    has_grown = True
    while has_grown:
        needed.update(*(statements[number].mentions for number in kept))
        more = {
            number
            for number, each in enumerate(statements)
            if number not in kept
            and (each.mentions & needed if number < last else each.is_declaration and each.binds & needed)
        }
        kept |= more
        has_grown = bool(more)
    return kept


def _statements(root: Node) -> list[_Statement]:
    nodes = [node for node in root.children if node.type not in _NO_STATEMENTS]
    binds = [frozenset(_bound(node)) for node in nodes]
    own: frozenset[str] = frozenset[str]().union(*binds)
    found: list[_Statement] = []
    is_prologue = True
    for node, names in zip(nodes, binds, strict=True):
        is_prologue = is_prologue and _is_directive(node)
        inner = _exported(node)
        found.append(
            _Statement(
                node.start_byte // 2,
                node.end_byte // 2,
                names,
                frozenset(_mentioned(node, own)) | names,
                is_declaration=inner.type in _NAMED or inner.type in _VARIABLES,
                is_needed=is_prologue or _is_import(node),
            )
        )
    return found


def _bound(statement: Node) -> Iterator[str]:
    """The names that a statement declares at the top level; each `var` outside of functions does."""
    inner = _exported(statement)
    if inner.type == "expression_statement" and inner.named_children:
        inner = inner.named_children[0]  # `namespace N {}` is an expression to the grammar
    if inner.type in _NAMED:
        name = inner.child_by_field_name("name")
        if name is not None:
            yield _text(name).partition(".")[0]
    elif inner.type == "import_statement":
        yield from (_text(node) for node in walk(inner) if node.type == "identifier")
    else:
        for declaration in _own_declarations(inner):
            yield from _declared(declaration)


def _own_declarations(statement: Node) -> Iterator[Node]:
    if statement.type in _VARIABLES:
        yield statement
        return
    waiting = [statement]
    while waiting:
        node = waiting.pop()
        if node.type in _FUNCTIONS:
            continue
        is_loop = node.type == "for_in_statement" and any(child.type == "var" for child in node.children)
        if is_loop or node.type == "variable_declaration":
            yield node
        waiting += node.children


def _declared(declaration: Node) -> Iterator[str]:
    if declaration.type == "for_in_statement":
        patterns = [declaration.child_by_field_name("left")]
    else:
        patterns = [each.child_by_field_name("name") for each in declaration.named_children]
    for pattern in patterns:
        yield from _names_in(pattern)


def _names_in(pattern: Node | None) -> Iterator[str]:
    if pattern is not None:
        yield from (_text(node) for node in walk(pattern) if node.type in _NAMES)


def _mentioned(statement: Node, own: frozenset[str]) -> Iterator[str]:
    for node in walk(statement):
        if node.type in _NAMES:
            name = _text(node)
            if name in own:
                yield name
            elif name in _CHANGES_SHARED:
                yield _SHARED
            elif name == "eval":
                yield from own
                yield _SHARED
        elif node.type == "property_identifier":
            if _text(node) in _CHANGING_PROPERTIES:
                yield _SHARED
        elif node.type in _ASSIGNMENTS and _changes_shared(node, own):
            yield _SHARED


def _changes_shared(assignment: Node, own: frozenset[str]) -> bool:
    """Whether something is assigned to that the script did not make."""
    target = assignment.child_by_field_name("left") or assignment.child_by_field_name("argument")
    while target is not None and target.type in ("member_expression", "subscript_expression"):
        target = target.child_by_field_name("object")
    if target is None or target.type != "identifier":
        return False
    return _text(target) not in own and not _is_local(target)


def _is_local(identifier: Node) -> bool:
    """Whether a name is declared in a block or function around it."""
    name = _text(identifier)
    scope = identifier.parent
    while scope is not None and scope.parent is not None:
        if name in _locals(scope):
            return True
        scope = scope.parent
    return False


def _locals(scope: Node) -> Iterator[str]:
    for child in scope.children:
        if child.type in _VARIABLES:
            yield from _declared(child)
        elif child.type in _NAMED and (name := child.child_by_field_name("name")) is not None:
            yield _text(name)
    if scope.type == "for_in_statement":
        yield from _declared(scope)
    parameters = (scope.child_by_field_name("parameters"), scope.child_by_field_name("parameter"))
    for found in parameters if scope.type in _FUNCTIONS or scope.type == "catch_clause" else ():
        yield from _names_in(found)
    body = scope.child_by_field_name("body")
    if scope.type in _FUNCTIONS and body is not None:
        for declaration in _own_declarations(body):
            yield from _declared(declaration)


def _exported(statement: Node) -> Node:
    """What an export statement declares; of others, themselves."""
    return (
        statement.child_by_field_name("declaration") if statement.type == "export_statement" else None
    ) or statement


def _is_import(statement: Node) -> bool:
    is_export = statement.type == "export_statement" and statement.child_by_field_name("source") is not None
    return statement.type == "import_statement" or is_export


def _is_directive(statement: Node) -> bool:
    return (
        statement.type == "expression_statement"
        and bool(statement.named_children)
        and statement.named_children[0].type == "string"
    )


def _blank(text: str, statement: _Statement) -> str:
    """As long as the statement, with its line ends; a semicolon keeps its neighbours apart."""
    data = text.encode("utf-16-le", "surrogatepass")[2 * statement.start : 2 * statement.end]
    words = data.decode("utf-16-le", "surrogatepass")
    blank = _CHARACTER.sub(lambda found: "  " if ord(found[0]) > 0xFFFF else " ", words)
    return ";" + blank[1:]


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-16-le", "surrogatepass")
