"""Completion: TypeScript's, and what only Geppetto knows."""

import asyncio
from collections.abc import Awaitable
from typing import cast

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.features.image_paths import image_paths
from geppetto.lsp.features.option_values import option_values
from geppetto.lsp.features.passthrough import COMPLETION, RESOLVE, pass_on, pass_unread
from geppetto.lsp.features.snippets import snippets
from geppetto.lsp.params import as_position, capability
from geppetto.lsp.protocol import Answer
from geppetto.lsp.server import GeppettoServer
from geppetto.lsp.wire import Result, Unread

_OWN = "geppetto"
"""As an item's data: whole already, and unknown to the TypeScript server."""
_TRIGGER_CHARACTER = 2


def register(server: GeppettoServer) -> None:
    def complete(params: JsonObject) -> Answer:
        document = server.script_in(params)
        if document is None:
            return None
        position = document.text.clamp(as_position(params.get("position")))
        theirs = pass_unread(server, COMPLETION, params, document)
        if (images := image_paths(server, document, position)) is not None:
            return _both(theirs, images)
        if (values := option_values(server, document, position)) is not None:
            return _both(theirs, values)
        if capability(params, "context.triggerKind") != _TRIGGER_CHARACTER:
            return _with(theirs, snippets(server.client, document, position))
        return theirs

    def resolve(params: JsonObject) -> Answer:
        return params if params.get("data") == _OWN else pass_on(server, RESOLVE, params)

    server.on(COMPLETION.method, complete)
    server.on(RESOLVE.method, resolve)


async def _both(theirs: Awaitable[Result], own: Awaitable[list[JsonValue]]) -> Result:
    return _merged(*await asyncio.gather(theirs, own))


async def _with(theirs: Awaitable[Result], own: list[JsonValue]) -> Result:
    return _merged(await theirs, own)


def _merged(theirs: Result, own: list[JsonValue]) -> Result:
    """TypeScript's items, and ours that it does not have; ours are whole, whatever its list has as defaults."""
    if not own:
        return theirs
    if isinstance(theirs, Unread):
        theirs = theirs.read()
    whole: JsonObject = theirs if isinstance(theirs, dict) else {"isIncomplete": False, "items": theirs or []}
    items = cast(list[JsonValue], whole.get("items") or [])
    taken = [item.get("label") for item in items if isinstance(item, dict)]
    names = {label for label in taken if isinstance(label, str)}
    more: JsonObject = {"data": _OWN}
    if capability(whole, "itemDefaults.commitCharacters") is not None:
        more["commitCharacters"] = []
    added = [{**item, **more} for item in own if isinstance(item, dict) and item.get("label") not in names]
    return {**whole, "items": [*items, *added]}
