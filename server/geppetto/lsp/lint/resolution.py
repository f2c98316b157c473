"""What surely is Geppetto's API, told from the syntax alone, so that TypeScript need not be asked.

Nearly every script says it as plainly as the samples do: `chatStep.startStream(…)` where nothing else is called
`chatStep`, or a method of `const conversation = new Conversation()`. A question to the TypeScript server right after an
edit takes as long as all of its diagnostics. Where there is the least doubt, it is asked all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from geppetto.lsp.lint.tree import Tree

if TYPE_CHECKING:
    from tree_sitter import Node

GLOBALS: Mapping[str, str | None] = {
    "chatStep": "Step", "echoStep": "Step", "doubleStep": "Step", "embeddings": "Embeddings",
    "Conversation": None, "ChatStepFactory": None, "defineTool": None, "done": None,
}  # fmt: skip
"""Names of the API that rules look at, and what they hold if it is a thing with methods."""

METHODS: Mapping[str, Mapping[str, str | None]] = {
    "Step": {
        "runWithEvents": None, "startStream": "Stream", "startStreamAsync": "Stream",
        "startAsync": None, "startBlocking": None, "startWithCallbacks": None,
    },
    "Stream": {
        "on": "Stream", "once": "Stream", "off": "Stream", "cancel": None, "done": None, "finalText": None,
    },
    "Conversation": {
        "addMessage": None, "AddMessage": None, "addMessageWithImage": None, "AddMessageWithImage": None,
        "addAnswer": None,
    },
    "ChatStepFactory": {"newStep": "Step"},
    "Embeddings": {"generateEmbedding": None, "generateEmbeddingAsync": None},
}  # fmt: skip
"""By type, its methods that rules look at, and what they return if that has some too."""

_USES: Mapping[str, tuple[str, ...]] = {
    "member_expression": ("object",), "call_expression": ("function",), "new_expression": ("constructor",),
    "for_in_statement": ("right",), "variable_declarator": ("value",), "pair": ("value",),
    "arguments": (), "await_expression": (), "return_statement": (), "expression_statement": (), "binary_expression": (),
    "ternary_expression": (), "unary_expression": (), "template_substitution": (), "parenthesized_expression": (),
    "spread_element": (), "type_annotation": (), "type_arguments": (),
}  # fmt: skip
"""Where a name can stand that is none of its declarations: the kinds of nodes around it, in which fields (none: in any)."""

_NO_NAMES = frozenset(
    {"comment", "string_fragment", "property_identifier", "regex_pattern", "escape_sequence", "html_comment"}
)


class Resolution:
    """Answers for one version of a script. What was asked before is known."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._values: dict[str, list[Node] | None] = {}
        self._types: dict[str, str | None] = {}
        self._answers: dict[int, bool] = {}
        # An escape in a name could hide a declaration, a comment could give a value another type.
        self._is_plain = "\\u" not in tree.source and "@type" not in tree.source

    def is_surely_api(self, offset: int) -> bool:
        """Whether the name at an offset is the API's beyond doubt. False says nothing."""
        if offset not in self._answers:
            self._answers[offset] = self._is_surely_api(offset)
        return self._answers[offset]

    def _is_surely_api(self, offset: int) -> bool:
        name = self._tree.root.descendant_for_byte_range(2 * offset, 2 * offset + 2)
        if name is None or not self._is_plain:
            return False
        if name.type == "identifier":
            return self._is_global(self._tree.text_of(name))
        access = name.parent
        receiver = None if access is None else access.child_by_field_name("object")
        if access is None or receiver is None or access.child_by_field_name("property") != name:
            return False
        return self._tree.text_of(name) in METHODS.get(self._type_of(receiver) or "", ())

    def _is_global(self, name: str) -> bool:
        return name in GLOBALS and self._declared(name) == []

    def _type_of(self, node: Node) -> str | None:
        """The type of a value, a key of `METHODS`; None if it is another, or in doubt."""
        links: list[str] = []
        while (call := self._tree.call(node)) is not None:
            links.append(call.name)
            node = call.receiver
        found = self._type_of_first(node)
        for method in reversed(links):
            found = METHODS.get(found or "", {}).get(method)
        return found

    def _type_of_first(self, node: Node) -> str | None:
        if node.type == "identifier":
            return self._type_of_name(self._tree.text_of(node))
        constructor = node.child_by_field_name("constructor") if node.type == "new_expression" else None
        name = "" if constructor is None else self._tree.text_of(constructor)
        return name if name in METHODS and self._is_global(name) else None

    def _type_of_name(self, name: str) -> str | None:
        if name not in self._types:
            self._types[name] = None  # to whoever asks on the way: a value that is made of itself
            if self._is_global(name):
                self._types[name] = GLOBALS[name]
            else:
                types = {self._type_of(value) for value in self._declared(name) or ()}
                self._types[name] = types.pop() if len(types) == 1 else None
        return self._types[name]

    def _declared(self, name: str) -> list[Node] | None:
        """The values of all `const NAME = …` of a name, wherever they are; None if it is declared otherwise too."""
        if name not in self._values:
            self._values[name] = self._search(name)
        return self._values[name]

    def _search(self, name: str) -> list[Node] | None:
        values: list[Node] = []
        for node in self._tree.mentions_of(name):
            if node.type in _NO_NAMES or node.type == "shorthand_property_identifier":
                continue
            around = node.parent
            if around is None or node.type not in ("identifier", "type_identifier"):
                return None
            if around.type == "variable_declarator" and around.child_by_field_name("name") == node:
                value = around.child_by_field_name("value")
                kind = around.parent and around.parent.child_by_field_name("kind")
                has_type = around.child_by_field_name("type") is not None
                if value is None or kind is None or has_type or self._tree.text_of(kind) != "const":
                    return None
                values.append(value)
            elif (fields := _USES.get(around.type)) is None or (
                fields and all(around.child_by_field_name(field) != node for field in fields)
            ):
                return None
        return values
