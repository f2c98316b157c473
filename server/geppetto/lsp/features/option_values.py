"""Completion of models, providers, profiles and tools, where the options of a step name them.

The place is found in the text before the cursor, so that it is found while nothing after it is written yet. Whether
its key is really an option of Geppetto's is asked of TypeScript.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Position, Range
from geppetto.lsp.features.findings import names_of
from geppetto.lsp.lint.check import BackendDefinitions
from geppetto.lsp.lint.models import KnownNames, called
from geppetto.lsp.lint.tree import start_of, tree_of
from geppetto.lsp.params import range_json
from geppetto.lsp.server import GeppettoServer

if TYPE_CHECKING:
    from tree_sitter import Node

    from geppetto.lsp.lint.tree import Tree

_CONSTANT = 21
_LINES_AROUND = 40
_MOST_CHARACTERS = 4000
"""Before the cursor: in a line without end, nobody looks for a place longer than this."""
_PLACE = re.compile(
    r"""\b(?P<key>model|provider|profile|tools)["']?\s*:\s*"""
    r"""(?:\[\s*(?P<others>[^\[\](){}]*,\s*)?|[\w$.?()\s]*(?:\?\?|\|\|)\s*)?"""
    r"""(?P<quote>["'`])(?P<typed>[^"'`\\\n]*)$"""
)
_REST = re.compile(r"""([^"'`\\\n]*)["'`]""")
_SAID = re.compile(r"""\b(provider|profile)["']?\s*:\s*["'`]([\w.-]+)["'`]""")
_NAMED = re.compile(r"""["'`]([^"'`\n]*)["'`]""")


@dataclass(frozen=True, slots=True)
class _Place:
    """A string in the making.

    Attributes:
        probe: the offset of the option's key.
        span: what a choice replaces.
        others: names that stand in the same list already.
        beside: `provider` and `profile` of the same options.
    """

    key: str
    probe: int
    span: Range
    others: frozenset[str]
    beside: dict[str, str]


def option_values(
    server: GeppettoServer, document: Document, position: Position
) -> Awaitable[list[JsonValue]] | None:
    """The items at a position; None if it is in no string that may be the value of an option."""
    line = document.text.line(position.line)
    if not any(quote in line for quote in "\"'`"):
        return None
    place = _place(document, position)
    return None if place is None else _items(server, document, place)


def _place(document: Document, position: Position) -> _Place | None:
    text = document.text
    before = text.slice(Range(Position(max(0, position.line - _LINES_AROUND), 0), position))
    before = before[-_MOST_CHARACTERS:]
    match = _PLACE.search(before)
    if match is None or ("[" in match[0]) != (match["key"] == "tools"):
        return None
    at = text.offset_at(position)
    after = text.slice(Range(position, Position(position.line + _LINES_AROUND, 0)))[:_MOST_CHARACTERS]
    rest = _REST.match(after)
    start = text.position_at(at - _units(match["typed"]))
    end = text.position_at(at + _units(rest[1])) if rest else position
    around = before[before.rfind("{") + 1 :] + after.partition("}")[0]
    return _Place(
        key=match["key"],
        probe=at - _units(before[match.start() :]),
        span=Range(start, end),
        others=frozenset(_NAMED.findall(match["others"] or "")),
        beside=dict(_SAID.findall(around)),
    )


async def _items(server: GeppettoServer, document: Document, place: _Place) -> list[JsonValue]:
    if not await _is_option(server, document, place):
        return []
    names = await names_of(server, document)
    match place.key:
        case "model":
            values = list(_models(names, place.beside))
        case "profile":
            values = [(name, "profile") for name in names.profiles if name is not None]
        case "provider":
            from typing import get_args

            from geppetto.settings.models import ChatProvider

            values = [(name, "provider") for name in get_args(ChatProvider)]
        case _:
            defined = [(name, "tool of this script") for name in await _defined_tools(server, document)]
            values = defined + [(name, "tool in Python") for name in names.tools]
    details: dict[str, str] = {}
    for name, detail in values:
        if name not in place.others:
            details.setdefault(name, detail)
    return [_item(number, name, detail, place.span) for number, (name, detail) in enumerate(details.items())]


def _models(names: KnownNames, beside: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Those of the provider that is meant come first; without one that has any, all of them are as good."""
    chosen = names.profiles.get(beside.get("profile")) or names.profiles[None]
    meant = beside.get("provider", chosen.provider)
    for name in (*names.models.get(meant, ()), *names.models.get("", ())):
        yield name, meant
    if "provider" in beside and names.models.get(meant):
        return
    for provider, models in names.models.items():
        for name in models:
            yield name, provider or "settings"


async def _is_option(server: GeppettoServer, document: Document, place: _Place) -> bool:
    definitions = BackendDefinitions(server.backend)
    if await definitions.is_api(document, place.probe):
        return True
    # Where a neighbour has a wrong value, TypeScript takes the object for anybody's; the call tells then.
    tree = tree_of(document)
    method = None if tree is None else _method_with(tree, place.probe)
    return method is not None and await definitions.is_api(document, start_of(method))


def _method_with(tree: Tree, key: int) -> Node | None:
    """The method, or class, whose call has the object with a key at an offset as an argument."""
    node = tree.root.descendant_for_byte_range(2 * key, 2 * key)
    above: list[str] = []
    while node is not None and len(above) < 5:
        if node.type in ("call_expression", "new_expression"):
            found = called(tree, node) if above[-2:] == ["object", "arguments"] else None
            return None if found is None else found[0]
        above.append(node.type)
        node = node.parent
    return None


async def _defined_tools(server: GeppettoServer, document: Document) -> list[str]:
    from geppetto.lsp.lint.tools import defined_tools

    tree = tree_of(document)
    found = [] if tree is None else list(defined_tools(tree))
    definitions = BackendDefinitions(server.backend)
    # One answer for all: whoever has a defineTool of their own has it for the whole script.
    return (
        [tool.name for tool in found] if found and await definitions.is_api(document, found[0].probe) else []
    )


def _item(number: int, name: str, detail: str, span: Range) -> JsonObject:
    return {
        "label": name,
        "kind": _CONSTANT,
        "detail": detail,
        "sortText": f"10{number:04}",
        "textEdit": {"range": range_json(span), "newText": name},
    }


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
