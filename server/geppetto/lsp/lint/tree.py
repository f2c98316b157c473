"""A script's syntax as rules read it: calls of methods, strings, and where they stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

    from geppetto.lsp.documents.store import Document
    from geppetto.runtime.syntax import Grammar, Parsed

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

_IMPORTED = """
(import_statement source: (string) @name)
(export_statement source: (string) @name)
(call_expression function: [(import) (identifier)] arguments: (arguments . (string) @name))
"""
_IMPORTED_BY_TYPESCRIPT = "(import_require_clause source: (string) @name)"

_NAMES = ("identifier", "shorthand_property_identifier")


class Part:
    """A part of a script as rules read it. What only some rules look at is searched when one does."""

    def __init__(self, parsed: Parsed, root: Node) -> None:
        self.root = root
        self._parsed = parsed
        self._mentions: dict[str, list[Node]] = {}
        self._places: dict[str, list[Node]] = {}

    @property
    def is_typescript(self) -> bool:
        return self._parsed.grammar != "javascript"

    @property
    def whole(self) -> Part:
        """All of the script, for those who want to know what is outside of this part."""
        return self

    def scope_of(self, declarator: Node) -> Part:
        """Where a variable of this part can be named: in the part alone, or anywhere."""
        return self

    @cached_property
    def source(self) -> str:
        """The text of the part."""
        return self.text_of(self.root)

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
        """Nodes that hold statements, below the top level."""
        return self._all("[(statement_block) (switch_case) (switch_default)] @block")

    @cached_property
    def members(self) -> list[Node]:
        """Accesses `object.property`."""
        return self._all("(member_expression) @member")

    @cached_property
    def options(self) -> list[Node]:
        """Object literals that are passed to a call."""
        return self._all("(arguments (object) @options)")

    @cached_property
    def imported(self) -> list[Node]:
        """Strings that name what is imported, by `import`, `export` or `require`."""
        if not any(map(self.has, ("import", "export", "require"))):
            return []
        query = _IMPORTED + _IMPORTED_BY_TYPESCRIPT if self.is_typescript else _IMPORTED
        return [node for node in self._all(query) if node.type == "string" and self._is_imported(node)]

    def _is_imported(self, name: Node) -> bool:
        call = name.parent.parent if name.parent is not None and name.parent.type == "arguments" else None
        function = None if call is None else call.child_by_field_name("function")
        return function is None or function.type == "import" or self.text_of(function) == "require"

    def _all(self, query: str) -> list[Node]:
        from geppetto.runtime.syntax import captures

        return captures(self.root, self._parsed.grammar, query)

    def has(self, word: str) -> bool:
        """Whether a word is anywhere in the text, be it in others or in comments."""
        return word in self.source

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
        source, place = self.source, self.root.start_byte
        has_pairs = self.root.end_byte - place > 2 * len(source)
        seen = 0
        for word in _ending_word(name).finditer(source) if name else ():
            start = word.start()
            if _IN_NAME.match(source, start - 1, start):
                continue
            place += 2 * (_units(source[seen:start]) if has_pairs else start - seen)
            seen = start
            node = self._around(place).descendant_for_byte_range(place, place + 2)
            if node is not None:
                yield node

    def _around(self, place: int) -> Node:
        """A node with a place in it, from which it is not far to the name that stands there."""
        return self.root

    def is_in_text(self, offset: int) -> bool:
        """Whether what is written at an offset is in the middle of a string."""
        node = self.root.descendant_for_byte_range(2 * offset, 2 * offset)
        while node is not None and not start_of(node) < offset < end_of(node):
            node = node.parent
        return node is not None and node.type in ("string", "template_string", "string_fragment")

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


class Tree(Part):
    """The syntax of one version of a script."""

    def __init__(self, text: str, *, is_typescript: bool, before: Tree | None = None) -> None:
        from geppetto.runtime.syntax import parsed

        grammar: Grammar = "typescript" if is_typescript else "javascript"
        now = parsed(text, grammar, before._parsed if before else None)
        super().__init__(now, now.root)
        self._settled: set[bytes] = set()
        self._settled_before = set[bytes]()
        if before and before._parsed.grammar == grammar:
            self._settled_before = before._settled or before._settled_before  # if nobody has looked at it

    @cached_property
    def _statements(self) -> list[Node]:
        return self.root.named_children

    @cached_property
    def _starts(self) -> list[int]:
        return [node.start_byte for node in self._statements]

    def _around(self, place: int) -> Node:
        number = bisect_right(self._starts, place) - 1
        node = self._statements[number] if number >= 0 else self.root
        return node if place < node.end_byte else self.root

    def root_of(self, text: str) -> Node:
        """The syntax of a text that differs from this one in one place."""
        from geppetto.runtime.syntax import parsed

        return parsed(text, self._parsed.grammar, self._parsed).root

    def unsettled(self) -> Iterator[Statement]:
        """The statements of the top level that are not known to be right, as they stood in the version before."""
        for node in self._statements:
            text = self._parsed.data[node.start_byte : node.end_byte]
            if text in self._settled_before:
                self._settled.add(text)
            elif text not in self._settled:
                yield Statement(self, self._parsed, node)

    def settle(self, statement: Statement) -> None:
        """Wherever this statement stands in this version or the next, nothing is wrong with it."""
        if not statement.root.has_error:
            self._settled.add(self._parsed.data[statement.root.start_byte : statement.root.end_byte])


class Statement(Part):
    """A statement of the top level.

    Attributes:
        is_by_itself: whether nothing but its own text has been looked at.
    """

    def __init__(self, tree: Tree, parsed: Parsed, root: Node) -> None:
        super().__init__(parsed, root)
        self._tree = tree
        self.is_by_itself = True

    @property
    def whole(self) -> Part:
        self.is_by_itself = False
        return self._tree

    def scope_of(self, declarator: Node) -> Part:
        declaration = declarator.parent
        is_var = declaration is None or declaration.type == "variable_declaration"
        at = declaration
        while at is not None:
            if at.type in FUNCTIONS or (at.type == "statement_block" and not is_var):
                return self
            at = None if at == self.root else at.parent
        return self.whole


_IN_NAME = re.compile(r"[\w$\u200c\u200d]")


@lru_cache(maxsize=256)
def _ending_word(name: str) -> re.Pattern[str]:
    """Finds a name where no other goes on; what is before it is left open, since a search for a plain text is fast."""
    return re.compile(rf"{re.escape(name)}(?!{_IN_NAME.pattern})")


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


def members(part: Part, literal: Node) -> dict[str, Node] | None:
    """The members of an object literal by name; None if not all of their names are written out."""
    found: dict[str, Node] = {}
    for member in literal.named_children:
        if member.type == "comment":
            continue
        key = member.child_by_field_name("key") or member.child_by_field_name("name") or member
        if member.type == "spread_element" or key.type == "computed_property_name":
            return None
        found[part.text_of(key).strip("\"'")] = member
    return found


def is_exported(declarator: Node) -> bool:
    """Whether a variable is declared for other scripts too, as in `export const …`."""
    declaration = declarator.parent
    return (
        declaration is not None
        and declaration.parent is not None
        and declaration.parent.type == "export_statement"
    )


def constant(part: Part, name: str) -> Node | None:
    """The value of the only thing of that name, if it is declared by `const`: in the part, or else anywhere."""
    declarations = _declarations(part, name) or _declarations(part.whole, name)
    if len(declarations) != 1 or declarations[0].type != "variable_declarator":
        return None
    statement = declarations[0].parent
    kind = None if statement is None else statement.child_by_field_name("kind")
    if kind is None or part.text_of(kind) != "const":
        return None
    return declarations[0].child_by_field_name("value")


def _declarations(part: Part, name: str) -> list[Node]:
    return [
        place.parent
        for place in part.places_of(name)
        if place.parent is not None and place.parent.child_by_field_name("name") == place
    ]


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
        if at.type in ("class_static_block", "class_body", "internal_module"):
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
