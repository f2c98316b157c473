"""A script's syntax as rules read it: calls of methods, strings, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

    from geppetto.lsp.documents.store import Document

FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "method_definition",
        "generator_function",
        "generator_function_declaration",
    }
)
LOOPS = frozenset({"for_statement", "for_in_statement", "while_statement", "do_statement"})
MAX_UNITS = 1_000_000
"""Longer scripts are not read: nobody wrote them by hand."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call `receiver.method(...)`."""

    node: Node
    receiver: Node
    method: Node
    name: str
    _list: Node

    @property
    def arguments(self) -> list[Node]:
        """What is passed."""
        return [child for child in self._list.named_children if child.type != "comment"]


_QUERY = """
(call_expression function: (member_expression)) @call
(identifier) @name
(shorthand_property_identifier) @name
(program) @block
(statement_block) @block
(switch_case) @block
(switch_default) @block
(member_expression) @member
(arguments (object) @options)
"""
"""What rules look at. One search in tree-sitter itself is many times as fast as a walk through every node here."""


class Tree:
    """The syntax of one version of a script.

    Attributes:
        source: the text.
        blocks: nodes that hold statements.
        members: accesses `object.property`.
        options: object literals that are passed to a call.
    """

    def __init__(self, text: str, *, is_typescript: bool) -> None:
        from geppetto.runtime.syntax import captures, parse

        grammar = "typescript" if is_typescript else "javascript"
        self.source = text
        self._bytes = text.encode("utf-16-le", "surrogatepass")
        self.root = parse(text, grammar)
        found = captures(self.root, grammar, _QUERY)
        self.blocks = found.get("block", [])
        self.members = found.get("member", [])
        self.options = found.get("options", [])
        self._names = found.get("name", [])
        self.calls = [call for node in found.get("call", []) if (call := self.call(node)) is not None]

    @cached_property
    def _places(self) -> dict[str, list[Node]]:
        places: dict[str, list[Node]] = {}
        for node in self._names:
            places.setdefault(self.text_of(node), []).append(node)
        return places

    def text_of(self, node: Node) -> str:
        return self.text(node.start_byte // 2, node.end_byte // 2)

    def text(self, start: int, end: int) -> str:
        return self._bytes[2 * start : 2 * end].decode("utf-16-le", "replace")

    def calls_of(self, *names: str) -> Iterator[Call]:
        return (call for call in self.calls if call.name in names)

    def string(self, node: Node) -> str | None:
        """The value of a string literal that has neither escapes nor substitutions."""
        if node.type not in ("string", "template_string"):
            return None
        if any(child.type in ("escape_sequence", "template_substitution") for child in node.named_children):
            return None
        return self.text_of(node)[1:-1]

    def is_used(self, name: str) -> bool:
        """Whether a name stands anywhere but where it is declared."""
        return len(self.places_of(name)) > 1

    def places_of(self, name: str) -> list[Node]:
        """Wherever a name stands as one, its declaration first."""
        return self._places.get(name, [])

    def call(self, node: Node) -> Call | None:
        """The call of a method that a node is, if it is one."""
        if node.type != "call_expression":
            return None
        function = node.child_by_field_name("function")
        arguments = node.child_by_field_name("arguments")
        if function is None or arguments is None or function.type != "member_expression":
            return None
        receiver, method = function.child_by_field_name("object"), function.child_by_field_name("property")
        if receiver is None or method is None or method.type != "property_identifier":
            return None
        return Call(node, receiver, method, self.text_of(method), arguments)


@lru_cache(maxsize=8)
def tree_of(document: Document) -> Tree | None:
    """The syntax of a document; None if it is too long to be read."""
    if len(document.text) > MAX_UNITS:
        return None
    return Tree(str(document.text), is_typescript=document.is_typescript)


def members(tree: Tree, literal: Node) -> dict[str, Node] | None:
    """The members of an object literal by name; None if not all of their names are written out."""
    found: dict[str, Node] = {}
    for member in literal.named_children:
        if member.type == "comment":
            continue
        key = member.child_by_field_name("key") or member.child_by_field_name("name") or member
        if member.type == "spread_element" or key.type == "computed_property_name":
            return None
        found[tree.text_of(key).strip("\"'")] = member
    return found


def constant(tree: Tree, name: str) -> Node | None:
    """The value of the only thing of that name, if it is declared by `const`."""
    declarations = [
        place.parent
        for place in tree.places_of(name)
        if place.parent is not None and place.parent.child_by_field_name("name") == place
    ]
    if len(declarations) != 1 or declarations[0].type != "variable_declarator":
        return None
    statement = declarations[0].parent
    kind = None if statement is None else statement.child_by_field_name("kind")
    if kind is None or tree.text_of(kind) != "const":
        return None
    return declarations[0].child_by_field_name("value")


def start_of(node: Node) -> int:
    return node.start_byte // 2


def end_of(node: Node) -> int:
    return node.end_byte // 2


def can_await(node: Node) -> bool:
    """Whether `await` may stand at a node: at the top level, or in an async function."""
    at = node.parent
    while at is not None:
        if at.type in FUNCTIONS:
            return any(child.type == "async" for child in at.children)
        if at.type in ("class_static_block", "class_body"):
            return False
        at = at.parent
    return True


def is_in_loop(node: Node) -> bool:
    """Whether a node runs in every round of a loop of its own function."""
    at, child = node.parent, node
    while at is not None and at.type not in FUNCTIONS:
        if at.type in LOOPS and at.child_by_field_name("body") == child:
            return True
        at, child = at.parent, at
    return False
