"""Documents opened, changed, saved and closed; files changed on disk."""

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.scripts import name_of
from geppetto.lsp.features.configuration import follow_projects
from geppetto.lsp.lint.tree import forget_tree
from geppetto.lsp.params import as_edits, as_list, as_number, as_object, as_string, document_uri, version_in
from geppetto.lsp.server import GeppettoServer

_CHANGED = 2


def register(server: GeppettoServer) -> None:
    documents = server.documents

    def opened(params: JsonObject) -> JsonValue:
        item = as_object(params.get("textDocument"), "textDocument")
        uri = as_string(item.get("uri"), "textDocument.uri")
        language = as_string(item.get("languageId", ""), "textDocument.languageId")
        text = as_string(item.get("text"), "textDocument.text")
        if documents.close(uri) is not None:
            server.backend.close_document(uri)
        document = documents.open(uri, language, version_in(params), text)
        server.backend.open(document)
        server.files_touched([uri])
        server.document_edited(uri, None)
        server.documents_changed(uri)
        return None

    def changed(params: JsonObject) -> JsonValue:
        uri = document_uri(params)
        result = documents.change(uri, version_in(params), as_edits(params.get("contentChanges")))
        if result is not None:
            server.backend.change(*result)
            server.document_edited(uri, result[1])
            server.documents_changed(uri)
        return None

    def saved(params: JsonObject) -> JsonValue:
        uri = document_uri(params)
        server.backend.files_changed([(uri, _CHANGED)])
        server.files_touched([uri])
        return None

    def closed(params: JsonObject) -> JsonValue:
        uri = document_uri(params)
        if documents.close(uri) is not None:
            server.backend.close_document(uri)
            server.document_edited(uri, None)
            server.documents_changed(uri)
            forget_tree(uri)
        return None

    def files_changed(params: JsonObject) -> JsonValue:
        changes: list[tuple[str, int]] = []
        for change in as_list(params.get("changes"), "changes"):
            change = as_object(change, "a change")
            changes.append((as_string(change.get("uri"), "uri"), as_number(change.get("type"), "type")))
        server.backend.files_changed(changes)
        server.files_touched([uri for uri, _ in changes])
        if any(name_of(uri) == "geppetto.toml" for uri, _ in changes):
            server.project.forget()
            follow_projects(server)
        server.refresh_diagnostics()
        return None

    server.on("textDocument/didOpen", opened)
    server.on("textDocument/didChange", changed)
    server.on("textDocument/didSave", saved)
    server.on("textDocument/didClose", closed)
    server.on("workspace/didChangeWatchedFiles", files_changed)
