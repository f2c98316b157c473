"""Document links: the images that a script names."""

from pathlib import Path

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Range
from geppetto.lsp.documents.uris import path_of, uri_of
from geppetto.lsp.lint.check import BackendDefinitions
from geppetto.lsp.lint.images import image_places
from geppetto.lsp.lint.tree import end_of, start_of, tree_of
from geppetto.lsp.params import range_json
from geppetto.lsp.protocol import Answer
from geppetto.lsp.server import GeppettoServer


def register(server: GeppettoServer) -> None:
    def handle(params: JsonObject) -> Answer:
        document = server.script_in(params)
        return None if document is None else _links(server, document)

    server.on("textDocument/documentLink", handle)


async def _links(server: GeppettoServer, document: Document) -> JsonValue:
    tree = tree_of(document)
    if tree is None:
        return []
    definitions = BackendDefinitions(server.backend)
    links: list[JsonValue] = []
    for place in image_places(tree):
        target = _target(document, place.value)
        if target is not None and await definitions.is_api(document, place.probe):
            # Within the quotes.
            start, end = start_of(place.node) + 1, end_of(place.node) - 1
            span = Range(document.text.position_at(start), document.text.position_at(end))
            links.append({"range": range_json(span), "target": target})
    return links


def _target(document: Document, value: str) -> str | None:
    """Where a link leads: a web address, or a file that exists."""
    if value.startswith(("http://", "https://")):
        return value
    script = path_of(document.uri)
    if script is None or not value or "\0" in value or value.startswith("data:"):
        return None
    path = Path(script).parent / value
    try:
        return uri_of(str(path.resolve())) if path.is_file() else None
    except OSError:
        return None
