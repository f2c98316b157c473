"""Python steps in an editor, over real stdio: one session of somebody who has just opened a folder.

The tests follow each other, as the session does.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from geppetto.lsp.documents.uris import path_of
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVER = "from geppetto.lsp.main import serve_stdio; raise SystemExit(serve_stdio())"
SECONDS = 60
CURSOR = "█"

_HOME = tempfile.TemporaryDirectory(prefix="geppetto-test-")
_ENV = {name: value for name, value in os.environ.items() if not name.startswith("GEPPETTO_")}
_ENV |= dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "USERPROFILE", "APPDATA"), _HOME.name)

STEPS = '''\
from typing import Literal
from geppetto.steps.step import Step
from pydantic import BaseModel
open(__file__ + ".imported", "w").close()

class Query(BaseModel):
    text: str
    order: Literal["alphabet", "frequency"] = "frequency"

class WordCount(Step[Query, dict[str, int]]):
    """Counts the words of a text."""

    async def run(self, run, input: Query):
        return {word: input.text.split().count(word) for word in input.text.split()}
'''

INNER = """\
from geppetto.steps.step import Step

class Inner(Step[int, int]):
    async def run(self, run, input):
        return input
"""


class Editor:
    """An editor with a folder open."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.steps = folder / "editor_test_steps.py"
        self.asked: list[types.ShowMessageRequestParams] = []
        self.choice: asyncio.Future[types.MessageActionItem | None] = (
            asyncio.get_running_loop().create_future()
        )
        self.ended: list[dict[str, Any]] = []
        self.printed: list[str] = []
        self._count = 0

    def open(self, text: str, folder: str = "") -> "Script":
        self._count += 1
        path = self.folder / folder / f"script{self._count}.geppetto.js"
        script = Script(self.client, path.as_uri(), text)
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(
                types.TextDocumentItem(script.uri, "javascript", 1, text.replace(CURSOR, ""))
            )
        )
        return script

    def changed(self, *paths: Path) -> None:
        changes = [types.FileEvent(path.as_uri(), types.FileChangeType.Changed) for path in paths]
        self.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes))

    @property
    def messages(self) -> list[str]:
        return [message.message for message in self.client.messages]


class Script:
    def __init__(self, client: LanguageClient, uri: str, text: str) -> None:
        self._client = client
        self.uri = uri
        lines = text.partition(CURSOR)[0].split("\n")
        self._position = types.Position(len(lines) - 1, len(lines[-1]))
        self._document = types.TextDocumentIdentifier(uri)

    async def problems(self) -> list[str]:
        report = await self._client.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(self._document)
        )
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        return [item.message for item in report.items if item.severity == types.DiagnosticSeverity.Error]

    async def completions(self) -> set[str]:
        params = types.CompletionParams(self._document, self._position)
        result = await self._client.text_document_completion_async(params)
        items = result.items if isinstance(result, types.CompletionList) else result or []
        return {item.label for item in items}

    async def hover(self) -> str:
        params = types.HoverParams(self._document, self._position)
        hover = await self._client.text_document_hover_async(params)
        return hover.contents.value if hover and isinstance(hover.contents, types.MarkupContent) else ""

    async def definition(self) -> Path:
        params = types.DefinitionParams(self._document, self._position)
        found: Any = await self._client.text_document_definition_async(params)
        place = found[0] if isinstance(found, list) else found
        path = path_of(getattr(place, "uri", None) or place.target_uri)
        assert path is not None
        return Path(path)


async def until(ask: Callable[[], Awaitable[Any]], is_right: Callable[[Any], bool]) -> Any:
    """Asks again until the answer is right; what is learnt from Python comes a little later."""
    answer: Any = None
    try:
        async with asyncio.timeout(SECONDS):
            while not is_right(answer := await ask()):
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"waited in vain; the last answer: {answer}")
    return answer


@pytest_lsp.fixture(
    scope="module",
    loop_scope="module",
    config=ClientServerConfig(server_command=[sys.executable, "-c", SERVER], server_env=_ENV),
)
async def lsp(lsp_client: LanguageClient, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[None]:
    folder = tmp_path_factory.mktemp("w s#é%25 日本")
    editor = Editor(lsp_client, folder)
    lsp_client.editor = editor  # type: ignore[attr-defined]
    (folder / ".git").mkdir()
    editor.steps.write_text(STEPS)
    (folder / "geppetto.toml").write_text('[steps]\nwordCount = "editor_test_steps:WordCount"\n')

    @lsp_client.feature("window/showMessageRequest")
    async def _(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        editor.asked.append(params)
        return await editor.choice

    @lsp_client.feature("client/registerCapability")
    def _(params: types.RegistrationParams) -> None: ...

    @lsp_client.feature("workspace/codeLens/refresh")
    @lsp_client.feature("workspace/inlayHint/refresh")
    def _(params: None) -> None: ...

    @lsp_client.feature("geppetto/runEvent")
    def _(params: Any) -> None:
        event = params.event
        if event.kind == "console":
            editor.printed.append(event.text)
        elif event.kind == "end":
            editor.ended.append(event)

    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"),
            workspace_folders=[types.WorkspaceFolder(folder.as_uri(), "it")],
        )
    )
    yield
    await lsp_client.shutdown_session()
    assert not lsp_client.error


@pytest.fixture
def editor(lsp: LanguageClient) -> Editor:
    return lsp.editor  # type: ignore[attr-defined,no-any-return]


WRONG = 'wordCount.startStream({ text: 1 }).on("error", () => {});\nnowhere;\n'


async def test_nothing_runs_before_the_folder_is_trusted(editor: Editor) -> None:
    script = editor.open(WRONG)
    # The name is known, so that nobody is told that it does not exist; its types are not.
    await until(script.problems, lambda found: found == ["Cannot find name 'nowhere'."])
    hover = await editor.open("word█Count;").hover()
    assert "Step<any, any" in hover and "geppetto trust" in hover
    async with asyncio.timeout(SECONDS):
        while not editor.asked:
            await asyncio.sleep(0.05)
    [asked] = editor.asked
    assert "can do whatever you can" in asked.message and str(editor.folder) in asked.message
    assert [action.title for action in asked.actions or []] == ["Trust this folder"]
    assert not Path(f"{editor.steps}.imported").exists()
    editor.choice.set_result(types.MessageActionItem("Trust this folder"))
    found = await until(script.problems, lambda found: len(found) == 2)
    assert found == ["Type 'number' is not assignable to type 'string'.", "Cannot find name 'nowhere'."]
    [written] = Path(_HOME.name).rglob("geppetto.toml")
    assert f'trusted_folders = ["{editor.folder}"]' in written.read_text("utf-8")


async def test_completion_hover_and_definition(editor: Editor) -> None:
    assert "wordCount" in await editor.open("wordC█").completions()
    assert {"text", "order?"} <= await editor.open("wordCount.startStream({ █ })").completions()
    values = await editor.open('wordCount.startStream({ text: "", order: "█" })').completions()
    assert {"alphabet", "frequency"} <= values
    hover = await editor.open("word█Count;").hover()
    assert "Step<wordCount.Query" in hover and "Counts the words of a text." in hover
    path = await editor.open("word█Count;").definition()
    assert "declare const wordCount" in path.read_text("utf-8")
    assert "startStream" in await editor.open("wordCount.█").completions()


async def test_the_types_follow_the_python_file(editor: Editor) -> None:
    script = editor.open('wordCount.startStream({ text: "", order: "size" }).on("error", () => {});\n')
    assert len(await script.problems()) == 1
    editor.steps.write_text(STEPS.replace('"alphabet"', '"size"'))
    editor.changed(editor.steps)
    await until(script.problems, lambda found: found == [])
    # An editor that does not watch files: the next script that is opened makes the server look.
    editor.steps.write_text(STEPS)
    editor.open("1;")
    await until(script.problems, lambda found: len(found) == 1)


async def test_a_mistake_in_python_is_told_once_and_harms_no_other_script(editor: Editor) -> None:
    script = editor.open(WRONG)
    await until(script.problems, lambda found: len(found) == 2)
    editor.steps.write_text(STEPS + "def oops(:\n")
    editor.changed(editor.steps)
    await until(script.problems, lambda found: found == ["Cannot find name 'nowhere'."])
    line = STEPS.count("\n") + 1
    told = [each for each in editor.messages if f"{editor.steps}:{line}: SyntaxError" in each]
    assert len(told) == 1 and f"{editor.folder}/geppetto.toml:2 names" in told[0]
    assert len(await editor.open('doubleStep.startStream("x").on("error", () => {});').problems()) == 1
    editor.steps.write_text(STEPS)
    editor.changed(editor.steps)
    await until(script.problems, lambda found: len(found) == 2)


async def test_a_folder_with_settings_of_its_own_has_steps_of_its_own(editor: Editor) -> None:
    inner = editor.folder / "inner"
    inner.mkdir()
    (inner / "editor_test_inner.py").write_text(INNER)
    (inner / "geppetto.toml").write_text('[steps]\ninner = "editor_test_inner:Inner"\n')
    editor.changed(inner / "geppetto.toml")
    text = 'inner.startStream("x").on("error", () => {});\nwordCount;\n'
    within, without = editor.open(text, "inner"), editor.open(text)
    found = await until(within.problems, lambda found: any("not assignable" in each for each in found))
    assert len(found) == 2 and any("'wordCount'" in each for each in found)
    assert await without.problems() == ["Cannot find name 'inner'."]


async def test_other_settings_other_steps(editor: Editor) -> None:
    script = editor.open('counted.startStream({ text: 1 }).on("error", () => {});\n')
    assert await script.problems() == ["Cannot find name 'counted'."]
    config = editor.folder / "geppetto.toml"
    config.write_text('[steps]\ncounted = "editor_test_steps:WordCount"\n')
    editor.changed(config)
    await until(script.problems, lambda found: found == ["Type 'number' is not assignable to type 'string'."])
    config.unlink()
    editor.changed(config)
    await until(script.problems, lambda found: found == ["Cannot find name 'counted'."])
    config.write_text('[steps]\nwordCount = "editor_test_steps:WordCount"\n')
    editor.changed(config)


async def test_a_run_of_the_editor_has_the_steps(editor: Editor) -> None:
    text = 'console.log((await wordCount.startStream({ text: "a b a" }).done()).result.a);\n'
    script = editor.open(text)
    await editor.client.protocol.send_request_async("geppetto/run", {"uri": script.uri})
    async with asyncio.timeout(SECONDS):
        while not editor.ended:
            await asyncio.sleep(0.05)
    assert editor.printed == ["2"] and editor.ended[0].outcome == "ok"  # type: ignore[attr-defined]
