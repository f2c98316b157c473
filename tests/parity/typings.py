"""What the typings declare: the names of globals, and the members of classes and interfaces."""

from __future__ import annotations

from dataclasses import dataclass, field

from geppetto.resources import typings_path
from geppetto.runtime.syntax import parse
from tree_sitter import Node

_BUILT_IN = {"Error": {"name", "message", "stack", "cause"}, "AsyncDisposable": {"Symbol.asyncDispose"}}


@dataclass
class Declared:
    """A class or an interface: its members, inherited ones too."""

    members: set[str] = field(default_factory=set[str])
    optional: set[str] = field(default_factory=set[str])
    static: set[str] = field(default_factory=set[str])
    bases: list[str] = field(default_factory=list[str])


@dataclass
class Typings:
    """All of `geppetto.d.ts`.

    Attributes:
        variables: name of a `declare const` → the name of its type.
        functions: names of global functions.
        classes: names of global classes.
        types: classes and interfaces by name.
    """

    variables: dict[str, str] = field(default_factory=dict[str, str])
    functions: set[str] = field(default_factory=set[str])
    classes: set[str] = field(default_factory=set[str])
    types: dict[str, Declared] = field(default_factory=dict[str, Declared])

    @property
    def globals(self) -> set[str]:
        return {*self.variables, *self.functions, *self.classes}


def read_typings(text: str | None = None) -> Typings:
    """Reads the shipped typings, or a text in their place."""
    typings = Typings()
    for statement in parse(text or typings_path().read_text("utf-8"), "typescript").named_children:
        node = statement.named_children[0] if statement.type == "ambient_declaration" else statement
        name = _text(node.child_by_field_name("name"))
        match node.type:
            case "lexical_declaration":
                variable = node.named_children[0]
                typings.variables[_text(variable.child_by_field_name("name"))] = _named_type(variable)
            case "function_signature":
                typings.functions.add(name)
            case "class_declaration" | "interface_declaration":
                typings.types[name] = _members(node)
                if node.type == "class_declaration":
                    typings.classes.add(name)
            case _:
                pass
    for declared in typings.types.values():
        for base in declared.bases:
            inherited = typings.types.get(base, Declared(_BUILT_IN.get(base, set())))
            declared.members |= inherited.members
            declared.optional |= inherited.optional
            declared.static |= inherited.static
    return typings


def _members(node: Node) -> Declared:
    declared = Declared()
    body = node.child_by_field_name("body")
    assert body is not None
    for child in node.children:
        if child.type in ("extends_type_clause", "class_heritage"):
            clause = (
                child.named_children
                if child.type == "extends_type_clause"
                else child.named_children[0].named_children
            )
            declared.bases += [_text(base.child_by_field_name("name") or base) for base in clause]
    for member in body.named_children:
        name = _text(member.child_by_field_name("name")).strip("[]\"'")
        if not name or name == "constructor":
            continue
        words = {child.type for child in member.children}
        (declared.static if "static" in words else declared.members).add(name)
        if "?" in words:
            declared.optional.add(name)
    return declared


def _named_type(variable: Node) -> str:
    annotation = variable.child_by_field_name("type")
    named = annotation.named_children[0] if annotation is not None else None
    return _text(named.child_by_field_name("name") or named) if named is not None else ""


def _text(node: Node | None) -> str:
    return node.text.decode("utf-16-le") if node is not None and node.text is not None else ""
