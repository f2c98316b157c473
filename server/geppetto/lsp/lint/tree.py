"""A script's syntax as rules read it: calls of methods, strings, and where they stand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
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


_CALLS = """
(call_expression
  function: (member_expression object: (_) @receiver property: (property_identifier) @method)
  arguments: (arguments) @list) @call
"""
"""One search in tree-sitter itself is many times as fast as a walk through every node here."""

_NAMES = ("identifier", "shorthand_property_identifier")


class Tree:
    """The syntax of one version of a script. What only some rules look at is searched when one does."""

    def __init__(self, text: str, *, is_typescript: bool, before: Tree | None = None) -> None:
        from geppetto.runtime.syntax import parsed

        self.source = text
        self._parsed = parsed(
            text, "typescript" if is_typescript else "javascript", before._parsed if before else None
        )
        self._mentions: dict[str, list[Node]] = {}
        self._places: dict[str, list[Node]] = {}

    @property
    def root(self) -> Node:
        return self._parsed.root

    def root_of(self, text: str) -> Node:
        """The syntax of a text that differs from this one in one place."""
        from geppetto.runtime.syntax import parsed

        return parsed(text, self._parsed.grammar, self._parsed).root

    @cached_property
    def calls(self) -> list[Call]:
        """All calls of methods."""
        from geppetto.runtime.syntax import matches

        calls: list[Call] = []
        for found in matches(self.root, self._parsed.grammar, _CALLS):
            (node,), (receiver,), (method,) = found["call"], found["receiver"], found["method"]
            calls.append(Call(node, receiver, method, self.text_of(method), found["list"][0]))
        return calls

    @cached_property
    def _calls_by_name(self) -> dict[str, list[Call]]:
        by_name: dict[str, list[Call]] = {}
        for call in self.calls:
            by_name.setdefault(call.name, []).append(call)
        return by_name

    @cached_property
    def blocks(self) -> list[Node]:
        """Nodes that hold statements."""
        return self._all("[(program) (statement_block) (switch_case) (switch_default)] @block")

    @cached_property
    def members(self) -> list[Node]:
        """Accesses `object.property`."""
        return self._all("(member_expression) @member")

    @cached_property
    def options(self) -> list[Node]:
        """Object literals that are passed to a call."""
        return self._all("(arguments (object) @options)")

    def _all(self, query: str) -> list[Node]:
        from geppetto.runtime.syntax import captures

        return captures(self.root, self._parsed.grammar, query)

    def text_of(self, node: Node) -> str:
        return self.text(node.start_byte // 2, node.end_byte // 2)

    def text(self, start: int, end: int) -> str:
        return self._parsed.data[2 * start : 2 * end].decode("utf-16-le", "replace")

    def calls_of(self, *names: str) -> Iterator[Call]:
        return (call for name in names for call in self._calls_by_name.get(name, ()))

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
        if (places := self._places.get(name)) is None:
            places = [node for node in self.mentions_of(name) if node.type in _NAMES]
            self._places[name] = places
        return places

    def mentions_of(self, name: str) -> list[Node]:
        """The nodes in which a name stands as a word of its own: also properties, strings and comments."""
        if (mentions := self._mentions.get(name)) is None:
            mentions = self._mentions[name] = list(self._search(name))
        return mentions

    def _search(self, name: str) -> Iterator[Node]:
        source, has_pairs = self.source, len(self._parsed.data) > 2 * len(self.source)
        root = self.root
        units = seen = 0
        start = source.find(name) if name else -1
        while start >= 0:
            end = start + len(name)
            if not (_continues_name(source[start - 1 : start]) or _continues_name(source[end : end + 1])):
                between = source[seen:start]
                units += _units(between) if has_pairs else len(between)
                seen = start
                node = root.descendant_for_byte_range(2 * units, 2 * units + 2)
                if node is not None:
                    yield node
            start = source.find(name, end)

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


def _continues_name(character: str) -> bool:
    return character.isalnum() or (character != "" and character in "_$\u200c\u200d")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_KEPT_TREES = 8
_trees: OrderedDict[str, tuple[Document, Tree]] = OrderedDict()
"""The last ones, by URI: the next version of a script is read by what has changed."""


def tree_of(document: Document) -> Tree | None:
    """The syntax of a document; None if it is too long to be read."""
    if len(document.text) > MAX_UNITS:
        return None
    known, before = _trees.pop(document.uri, (None, None))
    if before is not None and known == document:
        tree = before
    else:
        tree = Tree(str(document.text), is_typescript=document.is_typescript, before=before)
    _trees[document.uri] = document, tree
    if len(_trees) > _KEPT_TREES:
        _trees.popitem(last=False)
    return tree


def forget_tree(uri: str) -> None:
    """Nobody looks at a document any more."""
    _trees.pop(uri, None)


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
