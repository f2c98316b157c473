"""Syntax trees of scripts, by tree-sitter; offsets are bytes of UTF-16, two for a code unit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Literal

from tree_sitter import Language, Node, Parser, Query, QueryCursor

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
    data = text.encode("utf-16-le", "surrogatepass")
    return Parser(language(grammar)).parse(data, encoding="utf16le").root_node


@cache
def _query(grammar: Grammar, source: str) -> Query:
    return Query(language(grammar), source)


def captures(root: Node, grammar: Grammar, query: str) -> dict[str, list[Node]]:
    """The nodes below `root` that a query in tree-sitter's language names, by their names in it, in source order."""
    found = QueryCursor(_query(grammar, query)).captures(root)
    return {name: sorted(nodes, key=lambda node: node.start_byte) for name, nodes in found.items()}


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
