"""Completion of the paths of images, where a string names one."""

import os
from collections.abc import Awaitable, Iterator
from pathlib import Path

from geppetto.conversation.images import EXTENSIONS
from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Position, Range
from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.lint.check import BackendDefinitions
from geppetto.lsp.lint.images import METHODS, ImagePlace, image_places
from geppetto.lsp.lint.tree import end_of, start_of, tree_of
from geppetto.lsp.params import range_json
from geppetto.lsp.server import GeppettoServer

_FILE, _FOLDER = 17, 19
_MAX_ENTRIES = 500


def image_paths(
    server: GeppettoServer, document: Document, position: Position
) -> Awaitable[list[JsonValue]] | None:
    """The items at a position; None if no image is named there. Most scripts name none, and are not parsed for it."""
    if not any(method in str(document.text) for method in METHODS) or (tree := tree_of(document)) is None:
        return None
    offset = document.text.offset_at(position)
    inside = (place for place in image_places(tree) if start_of(place.node) < offset < end_of(place.node))
    place = next(inside, None)
    return None if place is None else _items(server, document, position, place)


async def _items(
    server: GeppettoServer, document: Document, position: Position, place: ImagePlace
) -> list[JsonValue]:
    script = path_of(document.uri)
    if script is None or not await BackendDefinitions(server.backend).is_api(document, place.probe):
        return []
    start = document.text.position_at(start_of(place.node) + 1)
    typed = document.text.slice(Range(start, position))
    folder, _, _ = typed.rpartition("/")
    begun = document.text.position_at(
        document.text.offset_at(position) - _units(typed[len(folder) + bool(folder) :])
    )
    end = document.text.position_at(end_of(place.node) - 1)
    where = Path(script).parent / (folder or ("/" if typed.startswith("/") else "."))
    return list(_entries(where, Range(begun, end)))


def _entries(folder: Path, span: Range) -> Iterator[JsonValue]:
    """Folders, and images that models can read."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)[:_MAX_ENTRIES]
    except (OSError, ValueError):
        return
    for entry in entries:
        is_folder = entry.is_dir()
        if entry.name.startswith(".") or not (is_folder or Path(entry.name).suffix.lower() in EXTENSIONS):
            continue
        item: JsonObject = {
            "label": entry.name + ("/" if is_folder else ""),
            "kind": _FOLDER if is_folder else _FILE,
            "sortText": f"{'1' if is_folder else '0'}{entry.name}",
            "textEdit": {"range": range_json(span), "newText": entry.name + ("/" if is_folder else "")},
        }
        yield item


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
