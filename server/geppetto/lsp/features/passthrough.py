"""The requests that the TypeScript server answers: passed on as JSON, with URIs translated and positions made real."""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Text
from geppetto.lsp.params import as_list, as_position, as_range, position_json, range_json
from geppetto.lsp.protocol import Answer
from geppetto.lsp.server import GeppettoServer
from geppetto.lsp.typescript.backend import Unavailable
from geppetto.lsp.wire import Result, Unread

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Passed:
    """A method that is passed on.

    Attributes:
        has_places: whether its result can hold URIs that the client should see.
        is_of_document: whether its parameters name a document, which then has to be a script of ours.
        is_of_all: whether it is about scripts that are not open too, and waits until they have been found.
    """

    method: str
    has_places: bool = True
    is_of_document: bool = True
    is_of_all: bool = False


COMPLETION = Passed("textDocument/completion", has_places=False)
RESOLVE = Passed("completionItem/resolve", is_of_document=False)
CODE_ACTION = Passed("textDocument/codeAction")
PREPARE_RENAME = Passed("textDocument/prepareRename", has_places=False)
RENAME = Passed("textDocument/rename", is_of_all=True)
RENAME_FILES = Passed("workspace/willRenameFiles", is_of_document=False, is_of_all=True)

PASSED = (
    Passed("textDocument/hover"),
    Passed("textDocument/signatureHelp"),
    Passed("textDocument/definition"),
    Passed("textDocument/typeDefinition"),
    Passed("textDocument/implementation", is_of_all=True),
    Passed("textDocument/references", is_of_all=True),
    Passed("textDocument/documentHighlight", has_places=False),
    Passed("textDocument/documentSymbol"),
    Passed("textDocument/codeLens"),
    Passed("codeLens/resolve", is_of_document=False),
    Passed("textDocument/formatting", has_places=False),
    Passed("textDocument/rangeFormatting", has_places=False),
    Passed("textDocument/onTypeFormatting", has_places=False),
    Passed("textDocument/foldingRange", has_places=False),
    Passed("textDocument/selectionRange", has_places=False),
    Passed("textDocument/linkedEditingRange", has_places=False),
    Passed("textDocument/semanticTokens/full", has_places=False),
    Passed("textDocument/semanticTokens/range", has_places=False),
    Passed("textDocument/inlayHint"),
    Passed("textDocument/prepareCallHierarchy"),
    Passed("callHierarchy/incomingCalls", is_of_document=False, is_of_all=True),
    Passed("callHierarchy/outgoingCalls", is_of_document=False),
    Passed("workspace/symbol", is_of_document=False, is_of_all=True),
)


def register(server: GeppettoServer) -> None:
    for passed in PASSED:
        _register(server, passed)


def _register(server: GeppettoServer, passed: Passed) -> None:
    def handle(params: JsonObject) -> Answer:
        if passed.is_of_document:
            document = server.script_in(params)
            return None if document is None else pass_unread(server, passed, params, document)
        return pass_unread(server, passed, params)

    server.on(passed.method, handle)


def pass_on(
    server: GeppettoServer, passed: Passed, params: JsonObject, document: Document | None = None
) -> Awaitable[JsonValue]:
    """Asks like `pass_unread`, for those who look into the result."""
    return _read(pass_unread(server, passed, params, document))


def pass_unread(
    server: GeppettoServer, passed: Passed, params: JsonObject, document: Document | None = None
) -> Awaitable[Result]:
    """Asks the TypeScript server, about a document if one is given; sent before this returns."""
    real = params if document is None else with_real_positions(params, document.text)
    if passed.is_of_all and not server.backend.knows_scripts:
        return _later(server, passed, real)
    return _or_nothing(_ask(server, passed, real))


async def _read(answer: Awaitable[Result]) -> JsonValue:
    result = await answer
    return result.read() if isinstance(result, Unread) else result


def _ask(server: GeppettoServer, passed: Passed, params: JsonObject) -> Awaitable[Result]:
    return server.backend.request_unread(passed.method, params, has_places=passed.has_places)


async def _later(server: GeppettoServer, passed: Passed, params: JsonObject) -> Result:
    await server.backend.wait_for_scripts()
    return await _or_nothing(_ask(server, passed, params))


async def _or_nothing(answer: Awaitable[Result]) -> Result:
    """No answer rather than an error for every key pressed: that the TypeScript server is gone has been said."""
    try:
        return await answer
    except Unavailable as error:
        logger.info("%s", error)
        return None


def with_real_positions(params: JsonObject, text: Text) -> JsonObject:
    """The parameters with every position in the text: one past the end of a line is on the next to TypeScript."""
    real = dict(params)
    if "position" in real:
        real["position"] = position_json(text.clamp(as_position(real["position"])))
    if "range" in real:
        real["range"] = range_json(text.clamp_range(as_range(real["range"])))
    if "positions" in real:
        real["positions"] = [
            position_json(text.clamp(as_position(position)))
            for position in as_list(real["positions"], "positions")
        ]
    return real
