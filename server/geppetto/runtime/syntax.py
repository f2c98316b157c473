"""Syntax trees of scripts, by tree-sitter; offsets are bytes of UTF-16, two for a code unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from tree_sitter import Language, Node, Parser, Point, Query, QueryCursor, Tree

Grammar = Literal["javascript", "typescript", "tsx"]


@cache
def language(grammar: Grammar) -> Language:
    if grammar == "javascript":
        import tree_sitter_javascript

        return Language(tree_sitter_javascript.language())
    import tree_sitter_typescript

    if grammar == "tsx":
        return Language(tree_sitter_typescript.language_tsx())
    return Language(tree_sitter_typescript.language_typescript())


def parse(text: str, grammar: Grammar) -> Node:
    """The root node of a text's syntax tree; errors are nodes in it, never exceptions."""
    return parsed(text, grammar).root


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text and its syntax.

    Attributes:
        data: the text in UTF-16, of which the nodes' offsets are.
    """

    text: str
    data: bytes
    grammar: Grammar
    tree: Tree

    @property
    def root(self) -> Node:
        return self.tree.root_node


def parsed(text: str, grammar: Grammar, before: Parsed | None = None) -> Parsed:
    """A text's syntax.

    Args:
        before: that of a text which differs in one place, as after an edit: what did not change is not read again.
            A right text has one syntax; what a wrong one is taken for may then depend on the text before.
    """
    data = text.encode("utf-16-le", "surrogatepass")
    old = _edited(before, text) if before is not None and before.grammar == grammar else None
    parser = Parser(language(grammar))
    tree = parser.parse(data, encoding="utf16le") if old is None else parser.parse(data, old, "utf16le")
    return Parsed(text, data, grammar, tree)


def _edited(before: Parsed, text: str) -> Tree:
    """The syntax before, told where the text has changed."""
    old = before.text
    start = _common(old, text)
    end = _common(old[start:][::-1], text[start:][::-1])
    old_end, new_end = len(old) - end, len(text) - end
    tree = before.tree.copy()  # somebody may still look at the nodes of the one before
    tree.edit(
        start_byte=2 * _units(text[:start]),
        old_end_byte=2 * _units(old[:old_end]),
        new_end_byte=2 * _units(text[:new_end]),
        start_point=_point(text, start),
        old_end_point=_point(old, old_end),
        new_end_point=_point(text, new_end),
    )
    return tree


def _common(one: str, other: str) -> int:
    """The length of what two texts begin with in common; by halves, since whole slices are compared at once."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _point(text: str, index: int) -> Point:
    line_start = text.rfind("\n", 0, index) + 1
    return Point(text.count("\n", 0, index), 2 * _units(text[line_start:index]))


@cache
def _query(grammar: Grammar, source: str) -> Query:
    return Query(language(grammar), source)


def captures(root: Node, grammar: Grammar, query: str) -> list[Node]:
    """The nodes below `root` that a query in tree-sitter's language names, whatever it calls them, in source order."""
    found = QueryCursor(_query(grammar, query)).captures(root)
    return sorted((node for nodes in found.values() for node in nodes), key=lambda node: node.start_byte)


def matches(root: Node, grammar: Grammar, query: str) -> list[dict[str, list[Node]]]:
    """What a query finds below `root`: for each match its nodes, by their names in the query."""
    return [nodes for _, nodes in QueryCursor(_query(grammar, query)).matches(root)]


def walk(root: Node) -> Iterator[Node]:
    """Every node below and with ``root``, parents before children, in source order."""
    cursor = root.walk()
    while True:
        node = cursor.node
        assert node is not None
        yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
