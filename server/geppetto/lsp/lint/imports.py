"""Imports that no run can follow: of packages, of Node's modules, from addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geppetto.lsp.lint.findings import Finding, Fix, Replacement
from geppetto.lsp.lint.rules import UNSUPPORTED_IMPORT
from geppetto.lsp.lint.tree import Part, end_of, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

_NO_SUCH_MODULE = frozenset({2307, 2580, 2591, 2792, 2882, 7016})
"""TypeScript advises to install types for Node, or for the package."""

_CLAUSES = frozenset({"import_clause", "import_require_clause", "export_clause"})

_IN_TYPES = frozenset({"nested_identifier", "nested_type_identifier", "type_query"})


def check(part: Part) -> Iterator[Finding]:
    for node in part.imported:
        name = part.string(node)
        if name is None or name.startswith(("./", "../")) or (part.is_typescript and _is_erased(part, node)):
            continue
        message = (
            f'A run cannot import "{name}": scripts have no packages and no Node modules. They import files of the '
            "workspace by relative paths (./ or ../): JavaScript, TypeScript and JSON. "
            "The Geppetto API is global and needs no import."
        )
        statement = _statement_of(node)
        fixes = _removals(part, statement) if statement is not None else ()
        yield Finding(
            UNSUPPORTED_IMPORT,
            start_of(node),
            end_of(node),
            message,
            None,
            fixes,
            _NO_SUCH_MODULE,
            said_from=_start_of_call(node),
        )


def _removals(part: Part, statement: Node) -> tuple[Fix, ...]:
    if statement.type == "export_statement":  # it is what other scripts import
        return ()
    end = end_of(statement)
    lines = part.text(end, end + 2)
    end += 2 if lines == "\r\n" else 1 if lines[:1] == "\n" else 0
    return (Fix("Remove this import", (Replacement(start_of(statement), end, ""),)),)


def _statement_of(name: Node) -> Node | None:
    """The `import` or `export` that names what it imports; None if a call does."""
    parent = name.parent
    if parent is not None and parent.type == "import_require_clause":
        parent = parent.parent
    return parent if parent is not None and parent.type in ("import_statement", "export_statement") else None


def _start_of_call(name: Node) -> int | None:
    """Where a call begins that names what it imports: in TypeScript it is `require` that there is not."""
    call = name.parent.parent if name.parent is not None and name.parent.type == "arguments" else None
    return None if call is None else start_of(call)


def _is_erased(part: Part, node: Node) -> bool:
    """Whether nothing is left of an import when TypeScript's types are taken away."""
    statement = _statement_of(node)
    if statement is None:
        return not _is_run(part, node)
    clause = next((child for child in statement.named_children if child.type in _CLAUSES), None)
    if _is_marked(statement) or clause is None:
        return _is_marked(statement)
    if clause.type == "export_clause":
        return all(map(_is_marked, clause.named_children))
    return not any(_is_value(part, statement, name) for name in _names(part, clause))


def _is_run(part: Part, node: Node) -> bool:
    """A call of `require`, or of `import` that can be told from the type which is written like it."""
    call = None if node.parent is None else node.parent.parent
    if call is None or call.named_children[0].type != "import":
        return True
    around = call.parent
    if around is not None and around.type == "member_expression":
        member = around.child_by_field_name("property")
        return member is not None and part.text_of(member) in ("then", "catch", "finally")
    return around is not None and around.type == "await_expression"


def _names(part: Part, clause: Node) -> Iterator[str]:
    """What an import is called in the script, without what it says to be a type."""
    for child in clause.named_children:
        if child.type == "identifier":
            yield part.text_of(child)
        elif child.type == "namespace_import":
            yield from (part.text_of(name) for name in child.named_children)
        else:
            for specifier in child.named_children:
                name = specifier.child_by_field_name("alias") or specifier.child_by_field_name("name")
                if name is not None and not _is_marked(specifier):
                    yield part.text_of(name)


def _is_value(part: Part, statement: Node, name: str) -> bool:
    return any(
        place.parent is not None
        and place.parent.type not in _IN_TYPES
        and not _is_exported_as_type(place.parent)
        and not statement.start_byte <= place.start_byte < statement.end_byte
        for place in part.whole.places_of(name)
    )


def _is_exported_as_type(specifier: Node) -> bool:
    clause = specifier.parent
    return specifier.type == "export_specifier" and (
        _is_marked(specifier)
        or (clause is not None and clause.parent is not None and _is_marked(clause.parent))
    )


def _is_marked(node: Node) -> bool:
    return any(child.type == "type" for child in node.children)
