"""The tools that a script defines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from geppetto.lsp.lint.tree import Tree, members, start_of


@dataclass(frozen=True, slots=True)
class DefinedTool:
    """A tool with a name that is written out.

    Attributes:
        probe: the offset of `defineTool`.
    """

    name: str
    probe: int


def defined_tools(tree: Tree) -> Iterator[DefinedTool]:
    for place in tree.places_of("defineTool"):
        call = place.parent
        arguments = None if call is None else call.child_by_field_name("arguments")
        definition = (
            arguments.named_children[0] if arguments is not None and arguments.named_children else None
        )
        if definition is None or definition.type != "object":
            continue
        member = (members(tree, definition) or {}).get("name")
        value = None if member is None else member.child_by_field_name("value")
        name = None if value is None else tree.string(value)
        if name:
            yield DefinedTool(name, start_of(place))
