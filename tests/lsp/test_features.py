"""Every feature over real stdio, by a client that checks each message against the specification."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVER = "from geppetto.lsp.main import serve_stdio; raise SystemExit(serve_stdio())"
CURSOR = "█"

LIBRARY = """\
/**
 * Says hello.
 * @param {string} name whom to
 */
export function greet(name) {
  return `Hello, ${name}`;
}
export class Animal { sound() { return "…"; } }
export class Cat extends Animal { sound() { return "miaow"; } }
"""


@pytest_lsp.fixture(
    scope="module",
    loop_scope="module",
    config=ClientServerConfig(server_command=[sys.executable, "-c", SERVER]),
)
async def client(lsp_client: LanguageClient, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[None]:
    folder = tmp_path_factory.mktemp("w s#é%25 日本")
    (folder / "lib.js").write_text(LIBRARY, "utf-8")
    (folder / "data.json").write_text('{"answer": 42}')
    lsp_client.folder = folder  # type: ignore[attr-defined]
    registered: list[str] = []

    @lsp_client.feature("client/registerCapability")
    def _(params: types.RegistrationParams) -> None:
        registered.extend(registration.method for registration in params.registrations)

    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"),
            workspace_folders=[types.WorkspaceFolder(folder.as_uri(), "it")],
        )
    )
    yield
    await lsp_client.shutdown_session()
    assert not lsp_client.error
    assert registered == ["workspace/didChangeWatchedFiles"]


class Script:
    """An open script, and the place that the cursor marked in it."""

    count = 0

    def __init__(self, client: LanguageClient, text: str, suffix: str = ".geppetto.js") -> None:
        Script.count += 1
        self.client = client
        self.path = Path(client.folder, f"script {Script.count}{suffix}")  # type: ignore[attr-defined]
        self.uri = self.path.as_uri()
        self.document = types.TextDocumentIdentifier(self.uri)
        before, _, _ = text.partition(CURSOR)
        lines = before.split("\n")
        self.position = types.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)
        self.text = text.replace(CURSOR, "")
        language = "typescript" if suffix.endswith("ts") else "javascript"
        client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(self.uri, language, 1, self.text))
        )

    @property
    def here(self) -> dict[str, object]:
        return {"text_document": self.document, "position": self.position}

    @property
    def whole(self) -> types.Range:
        lines = self.text.split("\n")
        return types.Range(types.Position(0, 0), types.Position(len(lines) - 1, len(lines[-1])))

    async def problems(self) -> list[str]:
        report = await self.client.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(self.document)
        )
        return [item.message for item in report.items if item.severity == types.DiagnosticSeverity.Error]  # type: ignore[union-attr]


def labels(result: object) -> list[str]:
    items = result.items if isinstance(result, types.CompletionList) else result
    return [item.label for item in items]  # type: ignore[union-attr]


async def complete(script: Script) -> types.CompletionList:
    result = await script.client.text_document_completion_async(types.CompletionParams(**script.here))  # type: ignore[arg-type]
    assert isinstance(result, types.CompletionList)
    return result


async def test_completion_with_documentation(client: LanguageClient) -> None:
    result = await complete(Script(client, "const conversation = new Conversation();\nconversation.█\n"))
    item = next(item for item in result.items if item.label == "addMessage")
    resolved = await client.completion_item_resolve_async(item)
    assert "addMessage" in (resolved.detail or "")
    assert isinstance(resolved.documentation, types.MarkupContent) and resolved.documentation.value


async def test_completion_inside_of_unbalanced_braces(client: LanguageClient) -> None:
    result = await complete(
        Script(client, "async function f() {\n  const c = new Conversation();\n  if (true) {\n    c.█")
    )
    assert "addMessage" in labels(result)


async def test_completion_of_literals(client: LanguageClient) -> None:
    result = await complete(Script(client, 'new Conversation().addMessage("█")'))
    assert {"system", "assistant", "user"} <= set(labels(result))


async def test_completion_after_an_emoji(client: LanguageClient) -> None:
    result = await complete(Script(client, 'const c = new Conversation();\n"😀😀"; c.█'))
    assert "addMessage" in labels(result)


async def test_auto_import(client: LanguageClient) -> None:
    script = Script(client, "gree█")
    Script(client, 'import { greet } from "./lib.js";\ngreet("x");\n')
    item = next(item for item in (await complete(script)).items if item.label == "greet")
    resolved = await client.completion_item_resolve_async(item)
    assert resolved.additional_text_edits and "./lib.js" in resolved.additional_text_edits[0].new_text


async def test_hover(client: LanguageClient) -> None:
    script = Script(client, 'import { greet } from "./lib.js";\ngre█et("x");\n')
    hover = await client.text_document_hover_async(types.HoverParams(**script.here))  # type: ignore[arg-type]
    assert hover and isinstance(hover.contents, types.MarkupContent) and "Says hello." in hover.contents.value


async def test_signature_help(client: LanguageClient) -> None:
    script = Script(client, "new Conversation().addMessage(█)")
    result = await client.text_document_signature_help_async(types.SignatureHelpParams(**script.here))  # type: ignore[arg-type]
    assert result and "addMessage" in result.signatures[0].label


@pytest.mark.parametrize("kind", ["definition", "type_definition", "implementation"])
async def test_going_places(client: LanguageClient, kind: str) -> None:
    script = Script(
        client,
        'import { Animal, Cat } from "./lib.js";\nconst animal = new Animal();\n█animal.sound(); Cat;\n',
    )
    ask = getattr(client, f"text_document_{kind}_async")
    params = {
        "definition": types.DefinitionParams,
        "type_definition": types.TypeDefinitionParams,
        "implementation": types.ImplementationParams,
    }[kind]
    [place, *_] = await ask(params(**script.here))
    expected = (script.path.parent / "lib.js").as_uri() if kind == "type_definition" else script.uri
    assert getattr(place, "uri", None) or place.target_uri == expected


async def test_the_definition_of_the_api_is_the_typings(client: LanguageClient) -> None:
    script = Script(client, "new Conver█sation();")
    [place, *_] = await client.text_document_definition_async(types.DefinitionParams(**script.here))  # type: ignore[misc,arg-type]
    uri = place.target_uri if isinstance(place, types.LocationLink) else place.uri
    assert uri.endswith("geppetto.d.ts") and "geppetto-lsp-" not in uri


async def test_references_and_highlights(client: LanguageClient) -> None:
    script = Script(client, "const na█me = 1;\nname + name;\n")
    references = await client.text_document_references_async(
        types.ReferenceParams(context=types.ReferenceContext(include_declaration=True), **script.here)  # type: ignore[arg-type]
    )
    assert references and [place.uri for place in references] == [script.uri] * 3
    highlights = await client.text_document_document_highlight_async(
        types.DocumentHighlightParams(**script.here)
    )  # type: ignore[arg-type]
    assert highlights and len(highlights) == 3


async def test_rename_across_files(client: LanguageClient) -> None:
    script = Script(client, 'import { gr█eet } from "./lib.js";\ngreet("x");\n')
    prepared = await client.text_document_prepare_rename_async(types.PrepareRenameParams(**script.here))  # type: ignore[arg-type]
    assert prepared
    edit = await client.text_document_rename_async(types.RenameParams(new_name="hello", **script.here))  # type: ignore[arg-type]
    assert edit
    touched = set(edit.changes or ()) | {change.text_document.uri for change in edit.document_changes or ()}  # type: ignore[union-attr]
    assert script.uri in touched and all(uri.startswith(script.path.parent.as_uri()) for uri in touched)


async def test_renaming_a_file(client: LanguageClient) -> None:
    script = Script(client, 'import { greet } from "./lib.js";\ngreet("x");\n')
    old = (script.path.parent / "lib.js").as_uri()
    edit = await client.workspace_will_rename_files_async(
        types.RenameFilesParams([types.FileRename(old, old.replace("lib.js", "hello.js"))])
    )
    assert edit
    edits = {change.text_document.uri: change.edits for change in edit.document_changes or ()}  # type: ignore[union-attr]
    assert "hello.js" in edits[script.uri][0].new_text  # type: ignore[union-attr]


async def test_renaming_a_script_that_nobody_imports_changes_nothing(client: LanguageClient) -> None:
    script = Script(client, 'import { greet } from "./lib.js";\ngreet("x");\n')
    new = script.uri.replace(".geppetto.js", "2.geppetto.js")
    assert not await client.workspace_will_rename_files_async(
        types.RenameFilesParams([types.FileRename(script.uri, new)])
    )


async def test_symbols(client: LanguageClient) -> None:
    script = Script(client, "function anUnlikelyName() {}\nclass Other { method() {} }\n")
    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(script.document))
    assert [symbol.name for symbol in symbols or ()] == ["anUnlikelyName", "Other"]
    found = await client.workspace_symbol_async(types.WorkspaceSymbolParams("anUnlikelyName"))
    assert script.uri in [symbol.location.uri for symbol in found or ()]


async def test_quick_fixes_and_organize_imports(client: LanguageClient) -> None:
    text = 'import { greet, Cat } from "./lib.js";\nimport data from "./data.json";\ngreet("x");\n'
    script = Script(client, text)
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(
            script.document,
            script.whole,
            types.CodeActionContext(diagnostics=[], only=[types.CodeActionKind.SourceOrganizeImports]),
        )
    )
    [action] = actions or ()
    assert isinstance(action, types.CodeAction) and action.edit
    assert script.uri in (action.edit.changes or {}) or action.edit.document_changes

    wrong = Script(client, "greet;\n")
    report = await client.text_document_diagnostic_async(types.DocumentDiagnosticParams(wrong.document))
    fixes = await client.text_document_code_action_async(
        types.CodeActionParams(
            wrong.document,
            wrong.whole,
            types.CodeActionContext(diagnostics=list(report.items), only=[types.CodeActionKind.QuickFix]),  # type: ignore[union-attr]
        )
    )
    assert any("./lib.js" in str(action) for action in fixes or ())


async def test_formatting_three_ways(client: LanguageClient) -> None:
    script = Script(client, "function   f( ){\nreturn 1}█\n")
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    whole = await client.text_document_formatting_async(
        types.DocumentFormattingParams(script.document, options)
    )
    part = await client.text_document_range_formatting_async(
        types.DocumentRangeFormattingParams(script.document, script.whole, options)
    )
    typed = await client.text_document_on_type_formatting_async(
        types.DocumentOnTypeFormattingParams(script.document, script.position, "}", options)
    )
    assert whole and part and typed


async def test_folding_and_selection(client: LanguageClient) -> None:
    script = Script(client, "function f() {\n  return [\n    1█\n  ];\n}\n")
    assert await client.text_document_folding_range_async(types.FoldingRangeParams(script.document))
    [selection] = (
        await client.text_document_selection_range_async(
            types.SelectionRangeParams(script.document, [script.position])
        )
        or ()
    )
    assert selection.parent


async def test_call_hierarchy(client: LanguageClient) -> None:
    script = Script(client, "function inner() {}\nfunction outer() { inn█er(); }\nouter();\n")
    [item] = (
        await client.text_document_prepare_call_hierarchy_async(
            types.CallHierarchyPrepareParams(**script.here)
        )
        or ()
    )  # type: ignore[arg-type]
    assert item.uri == script.uri
    [call] = (
        await client.call_hierarchy_incoming_calls_async(types.CallHierarchyIncomingCallsParams(item)) or ()
    )
    assert call.from_.name == "outer" and call.from_.uri == script.uri
    [out] = (
        await client.call_hierarchy_outgoing_calls_async(types.CallHierarchyOutgoingCallsParams(call.from_))
        or ()
    )
    assert out.to.name == "inner"


async def test_linked_editing_answers(client: LanguageClient) -> None:
    script = Script(client, "const na█me = 1;\n")
    assert (
        await client.text_document_linked_editing_range_async(types.LinkedEditingRangeParams(**script.here))
        is None
    )  # type: ignore[arg-type]


async def test_semantic_tokens(client: LanguageClient) -> None:
    script = Script(client, "const name = 1;\nname;\n")
    tokens = await client.text_document_semantic_tokens_full_async(
        types.SemanticTokensParams(script.document)
    )
    assert tokens and len(tokens.data) == 10
    part = await client.text_document_semantic_tokens_range_async(
        types.SemanticTokensRangeParams(
            script.document, types.Range(types.Position(1, 0), types.Position(1, 4))
        )
    )
    assert part and len(part.data) == 5


async def test_inlay_hints_and_lenses_answer(client: LanguageClient) -> None:
    script = Script(client, "const name = 1;\n")
    await client.text_document_inlay_hint_async(types.InlayHintParams(script.document, script.whole))
    await client.text_document_code_lens_async(types.CodeLensParams(script.document))


async def test_diagnostics_pulled(client: LanguageClient) -> None:
    script = Script(client, "await 1;\nnothing;\nfunction f(a, b) { return a + b; }\nf(1, 2);\n")
    assert await script.problems() == ["Cannot find name 'nothing'."]
    first = await client.text_document_diagnostic_async(types.DocumentDiagnosticParams(script.document))
    again = await client.text_document_diagnostic_async(
        types.DocumentDiagnosticParams(script.document, previous_result_id=first.result_id)
    )
    assert again.kind == "unchanged"
    assert not client.diagnostics.get(script.uri), "pushed as well"


async def test_typescript_is_strict_and_javascript_needs_no_types(client: LanguageClient) -> None:
    text = "export function f(a) { return a; }\n"
    assert await Script(client, text, ".geppetto.js").problems() == []
    assert len(await Script(client, text, ".geppetto.ts").problems()) == 1


async def test_json_and_unsaved_neighbours_are_imported(client: LanguageClient) -> None:
    lib = Script(client, "export const unsaved = 1;\n", ".js")
    text = f'import data from "./data.json";\nimport {{ unsaved }} from "./{lib.path.name}";\ndata.answer + unsaved;\n'
    assert await Script(client, text).problems() == []


async def test_other_people_s_files_are_left_alone(client: LanguageClient) -> None:
    other = Script(client, "nothing.█\n", ".js")
    assert await other.problems() == []
    assert await client.text_document_completion_async(types.CompletionParams(**other.here)) is None  # type: ignore[arg-type]
