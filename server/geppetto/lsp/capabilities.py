"""What the server offers a client. Fixed rather than asked of the TypeScript server, so that it never has to wait."""

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.scripts import MODULE_SUFFIXES
from geppetto.lsp.params import capability
from geppetto.lsp.typescript.offer import TOKEN_MODIFIERS, TOKEN_TYPES

RESTART_COMMAND = "geppetto.restartTypeScript"
RUN_COMMAND = "geppetto.run"
CANCEL_COMMAND = "geppetto.cancel"
REPLAY_COMMAND = "geppetto.replay"
CLEAR_COMMAND = "geppetto.clearOutput"
SHOW_COMMAND = "geppetto.showOutput"
COMMANDS = (RESTART_COMMAND, RUN_COMMAND, CANCEL_COMMAND, REPLAY_COMMAND, CLEAR_COMMAND, SHOW_COMMAND)
CODE_ACTION_KINDS = (
    "quickfix",
    "source.organizeImports",
    "source.removeUnusedImports",
    "source.sortImports",
    "source.fixAll",
)


def pulls_diagnostics(client: JsonObject) -> bool:
    """Whether the client asks for diagnostics; otherwise they are pushed."""
    return isinstance(capability(client, "textDocument.diagnostic"), dict)


def server_capabilities(client: JsonObject) -> JsonObject:
    """For a client with these capabilities."""
    offered: JsonObject = {
        # Whatever the client prefers: the TypeScript server counts in UTF-16, and every client must know it.
        "positionEncoding": "utf-16",
        "textDocumentSync": {"openClose": True, "change": 2, "save": {"includeText": False}},
        "completionProvider": {
            "triggerCharacters": [".", '"', "'", "`", "/", "@", "<", "#", " ", "*"],
            "resolveProvider": True,
        },
        "documentLinkProvider": {"resolveProvider": False},
        "hoverProvider": True,
        "signatureHelpProvider": {"triggerCharacters": ["(", ",", "<"], "retriggerCharacters": [")"]},
        "definitionProvider": True,
        "typeDefinitionProvider": True,
        "implementationProvider": True,
        "referencesProvider": True,
        "documentHighlightProvider": True,
        "documentSymbolProvider": True,
        "workspaceSymbolProvider": True,
        "codeActionProvider": _code_actions(client),
        "codeLensProvider": {"resolveProvider": True},
        "documentFormattingProvider": True,
        "documentRangeFormattingProvider": True,
        "documentOnTypeFormattingProvider": {
            "firstTriggerCharacter": "{",
            "moreTriggerCharacter": ["}", ";", "\n"],
        },
        "renameProvider": _rename(client),
        "foldingRangeProvider": True,
        "selectionRangeProvider": True,
        "callHierarchyProvider": True,
        "linkedEditingRangeProvider": True,
        "semanticTokensProvider": {
            "legend": {"tokenTypes": list(TOKEN_TYPES), "tokenModifiers": list(TOKEN_MODIFIERS)},
            "full": True,
            "range": True,
        },
        "inlayHintProvider": True,
        "executeCommandProvider": {"commands": list(COMMANDS)},
        "workspace": _workspace(client),
    }
    if pulls_diagnostics(client):
        offered["diagnosticProvider"] = {
            "identifier": "geppetto",
            "interFileDependencies": True,
            "workspaceDiagnostics": False,
        }
    return offered


def _code_actions(client: JsonObject) -> JsonValue:
    if isinstance(capability(client, "textDocument.codeAction.codeActionLiteralSupport"), dict):
        return {"codeActionKinds": list(CODE_ACTION_KINDS)}
    return True


def _rename(client: JsonObject) -> JsonValue:
    if capability(client, "textDocument.rename.prepareSupport") is True:
        return {"prepareProvider": True}
    return True


def _workspace(client: JsonObject) -> JsonObject:
    workspace: JsonObject = {"workspaceFolders": {"supported": True, "changeNotifications": True}}
    if capability(client, "workspace.fileOperations.willRename") is True:
        suffixes = ",".join(suffix[1:] for suffix in (*MODULE_SUFFIXES, ".json"))
        pattern: JsonObject = {"scheme": "file", "pattern": {"glob": f"**/*.{{{suffixes}}}"}}
        workspace["fileOperations"] = {"willRename": {"filters": [pattern]}}
    return workspace
