"""The user's settings, pushed by the editor or asked of it, and those of the workspace's `geppetto.toml`."""

from pathlib import Path

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.scripts import DEFAULT_PATTERNS
from geppetto.lsp.features.findings import lint_of
from geppetto.lsp.params import capability
from geppetto.lsp.server import WARNING, GeppettoServer
from geppetto.lsp.settings import read_settings

_SECTION = "geppetto"


def register(server: GeppettoServer) -> None:
    def changed(params: JsonObject) -> JsonValue:
        if _can_be_asked(server):
            pull(server)
        else:
            use(server, capability(params, f"settings.{_SECTION}"))
        return None

    server.on("workspace/didChangeConfiguration", changed)


def pull(server: GeppettoServer) -> None:
    """Asks the editor for its settings, if it can be asked."""
    if _can_be_asked(server):
        server.rpc.run_beside(_pull(server), "asking for the settings")


def use(server: GeppettoServer, value: JsonValue) -> None:
    """Takes settings over, and complains about what is wrong in them."""
    if value is None:
        return
    settings, complaints = read_settings(value)
    for complaint in complaints:
        server.show(WARNING, complaint)
    if settings == server.settings:
        return
    has_other_scripts = settings.patterns != server.settings.patterns
    server.settings = settings
    if has_other_scripts:
        server.use_patterns(settings.patterns)
        if server.rpc.is_initialized:
            follow_projects(server)
    server.refresh_diagnostics()


def follow_projects(server: GeppettoServer) -> None:
    """After the folders, or a `geppetto.toml` in them, have changed: other names may be scripts now."""
    server.rpc.run_beside(_follow_projects(server), "reading the workspace's settings")


async def _follow_projects(server: GeppettoServer) -> None:
    folders = [Path(each.folder) for each in server.backend.shadow if each.folder and not each.is_loose]
    named = {pattern for folder in folders for pattern in (await lint_of(server, folder)).patterns}
    if server.settings.patterns != DEFAULT_PATTERNS or not named:
        return  # The editor's settings are stronger.
    if named != set(server.documents.patterns):
        server.use_patterns(sorted(named))
        server.refresh_diagnostics()


async def _pull(server: GeppettoServer) -> None:
    answer = await server.rpc.ask("workspace/configuration", {"items": [{"section": _SECTION}]}, seconds=60)
    if isinstance(answer, list) and answer:
        use(server, answer[0])


def _can_be_asked(server: GeppettoServer) -> bool:
    return capability(server.client, "workspace.configuration") is True
