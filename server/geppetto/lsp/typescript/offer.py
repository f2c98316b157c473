"""What the TypeScript server is told of the client.

Built afresh rather than passed on: it ends at the first value of a wrong type, and clients send such values.
"""

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.params import capability
from geppetto.lsp.typescript.preferences import PROJECT_PREFERENCES

TOKEN_TYPES = (
    "namespace", "class", "enum", "interface", "typeParameter", "type", "parameter", "variable", "property",
    "enumMember", "function", "method",
)  # fmt: skip
TOKEN_MODIFIERS = ("declaration", "readonly", "static", "async", "defaultLibrary", "local")

_FLAGS = (
    "workspace.workspaceEdit.documentChanges",
    "textDocument.completion.contextSupport",
    "textDocument.completion.completionItem.snippetSupport",
    "textDocument.completion.completionItem.commitCharactersSupport",
    "textDocument.completion.completionItem.insertReplaceSupport",
    "textDocument.completion.completionItem.labelDetailsSupport",
    "textDocument.completion.completionItem.deprecatedSupport",
    "textDocument.completion.completionItem.preselectSupport",
    "textDocument.signatureHelp.contextSupport",
    "textDocument.signatureHelp.signatureInformation.activeParameterSupport",
    "textDocument.signatureHelp.signatureInformation.parameterInformation.labelOffsetSupport",
    "textDocument.definition.linkSupport",
    "textDocument.typeDefinition.linkSupport",
    "textDocument.implementation.linkSupport",
    "textDocument.documentSymbol.hierarchicalDocumentSymbolSupport",
    "textDocument.foldingRange.lineFoldingOnly",
    "textDocument.rename.prepareSupport",
    "textDocument.publishDiagnostics.relatedInformation",
)
_LISTS = (
    "textDocument.completion.completionItem.documentationFormat",
    "textDocument.completion.completionItem.resolveSupport.properties",
    "textDocument.completion.completionList.itemDefaults",
    "textDocument.hover.contentFormat",
    "textDocument.signatureHelp.signatureInformation.documentationFormat",
    "textDocument.codeAction.resolveSupport.properties",
)


def initialize_params(client: JsonObject, root_uri: str, process_id: int) -> JsonObject:
    """The parameters of `initialize`, following what the client can do."""
    return {
        "processId": process_id,
        "rootUri": root_uri,
        "workspaceFolders": [{"uri": root_uri, "name": "geppetto"}],
        "capabilities": _capabilities(client),
        "initializationOptions": {
            "logVerbosity": 0,
            "disablePushDiagnostics": True,
            "userPreferences": {
                **PROJECT_PREFERENCES,
                # A whole name is right everywhere a script may run.
                "importModuleSpecifierEnding": "js",
            },
        },
    }


def _capabilities(client: JsonObject) -> JsonObject:
    offer: JsonObject = {}
    _put(offer, "general.positionEncodings", ["utf-16"])
    _put(offer, "workspace.didChangeWatchedFiles.dynamicRegistration", True)
    _put(offer, "workspace.fileOperations.willRename", True)
    _put(
        offer,
        "textDocument.codeAction.codeActionLiteralSupport.codeActionKind.valueSet",
        ["", "quickfix", "source"],
    )
    _put(offer, "textDocument.semanticTokens.tokenTypes", list(TOKEN_TYPES))
    _put(offer, "textDocument.semanticTokens.tokenModifiers", list(TOKEN_MODIFIERS))
    _put(offer, "textDocument.semanticTokens.requests", {"full": True, "range": True})
    _put(offer, "textDocument.semanticTokens.formats", ["relative"])
    _put(offer, "textDocument.completion.completionItem.tagSupport.valueSet", [1])
    _put(offer, "textDocument.publishDiagnostics.tagSupport.valueSet", [1, 2])
    for path in _FLAGS:
        if capability(client, path) is True:
            _put(offer, path, True)
    for path in _LISTS:
        value = capability(client, path)
        if isinstance(value, list) and (texts := [item for item in value if isinstance(item, str)]):
            _put(offer, path, list(texts))
    return offer


def _put(target: JsonObject, path: str, value: JsonValue) -> None:
    *folders, name = path.split(".")
    for folder in folders:
        inner = target.setdefault(folder, {})
        assert isinstance(inner, dict)
        target = inner
    target[name] = value
