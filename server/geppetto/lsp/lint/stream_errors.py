"""Streams whose handlers look at everything but the error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geppetto.lsp.lint.findings import Finding, Fix, Replacement
from geppetto.lsp.lint.rules import ERROR_NOT_OBSERVED
from geppetto.lsp.lint.tree import Call, Part, end_of, is_exported, members, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

_LISTEN = ("on", "once")
_NEITHER = ("off", "cancel")
_HANDLER = '.on("error", (event) => console.error(event.error))'


def check(part: Part) -> Iterator[Finding]:
    for call in part.calls_of("startStream", "startStreamAsync"):
        chain = list(_chain(part, call))
        last = chain[-1].node if chain else call.node
        parent = last.parent
        if parent is None or (heard := _heard_by_options(part, call)) is None:
            continue
        links = chain
        if parent.type == "variable_declarator":
            name = parent.child_by_field_name("name")
            used = (
                None
                if name is None or name.type != "identifier" or is_exported(parent)
                else _uses(part.scope_of(parent), part.text_of(name))
            )
            if used is None:
                continue
            links = chain + used
        elif parent.type != "expression_statement":
            continue
        events = [_event(part, link) for link in links if link.name in _LISTEN]
        if any(link.name not in (*_LISTEN, *_NEITHER) for link in links) or None in events:
            continue
        heard += [event for event in events if event]
        if heard and "error" not in heard:
            fix = Fix("Add an error handler", (Replacement(end_of(last), end_of(last), _HANDLER),))
            message = (
                "If this stream fails, no handler is told, and the run ends. Handle its error event too."
            )
            place = call.method
            yield Finding(
                ERROR_NOT_OBSERVED, start_of(place), end_of(place), message, start_of(place), (fix,)
            )


def _heard_by_options(part: Part, call: Call) -> list[str] | None:
    """The events that handlers in the options hear, as in `onFinal`; None if that cannot be told."""
    if len(call.arguments) < 2:
        return []
    options = call.arguments[1]
    given = members(part, options) if options.type == "object" else None
    return None if given is None else [name[2:].lower() for name in given if name.startswith("on")]


def _chain(part: Part, call: Call) -> Iterator[Call]:
    """The calls that hang on a call: `.on(…).on(…)`."""
    node = call.node
    while (following := _called_on(part, node)) is not None:
        yield following
        node = following.node


def _called_on(part: Part, receiver: Node) -> Call | None:
    member = receiver.parent
    if member is None or member.type != "member_expression" or member.parent is None:
        return None
    call = part.call(member.parent)
    return call if call is not None and call.receiver == receiver else None


def _uses(part: Part, name: str) -> list[Call] | None:
    """The calls of methods of a variable; None if it is used in any other way."""
    uses: list[Call] = []
    for place in part.places_of(name)[1:]:
        call = _called_on(part, place)
        if call is None:
            return None
        uses += [call, *_chain(part, call)]
    return uses


def _event(part: Part, call: Call) -> str | None:
    return part.string(call.arguments[0]) if call.arguments else None
