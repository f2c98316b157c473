"""The user's settings, pushed by the editor or asked of it, and those of the workspace's `geppetto.toml`."""

from collections.abc import Sequence
from pathlib import Path

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.scripts import DEFAULT_PATTERNS
from geppetto.lsp.features.findings import lint_of
from geppetto.lsp.params import capability
from geppetto.lsp.server import WARNING, GeppettoServer
from geppetto.lsp.settings import read_settings
from geppetto.lsp.typescript.preferences import SECTIONS, preferences

_SECTION = "geppetto"


def register(server: GeppettoServer) -> None:
    def changed(params: JsonObject) -> JsonValue:
        if _can_be_asked(server):
            pull(server)
        else:
            use_all(server, params.get("settings"))
        return None

    server.on("workspace/didChangeConfiguration", changed)


def pull(server: GeppettoServer) -> None:
    """Asks the editor for its settings, if it can be asked."""
    if _can_be_asked(server):
        server.rpc.run_beside(_pull(server), "asking for the settings")


def use_all(server: GeppettoServer, settings: JsonValue) -> None:
    """Takes over what an editor pushes: sections by name."""
    if isinstance(settings, dict):
        use(server, settings.get(_SECTION))
        if any(section in settings for section in SECTIONS):
            use_preferences(server, [settings.get(section) for section in SECTIONS])


def use_first(server: GeppettoServer, options: JsonValue) -> None:
    """Takes over initialization options: our section itself, or sections by name, as some editors send them."""
    if isinstance(options, dict) and any(section in options for section in (_SECTION, *SECTIONS)):
        use_all(server, options)
    else:
        use(server, options)


def use_preferences(server: GeppettoServer, sections: Sequence[JsonValue]) -> None:
    """Lets the user's preferences of TypeScript hold."""
    has_changed = server.backend.use_preferences(preferences(sections))
    if has_changed and capability(server.client, "workspace.inlayHint.refreshSupport") is True:
        asked = server.rpc.ask("workspace/inlayHint/refresh", None, seconds=60)
        server.rpc.run_beside(asked, "refreshing the hints")


def use(server: GeppettoServer, value: JsonValue) -> None:
    """Takes settings over, and complains about what is wrong in them, once until it is right."""
    if value is None:
        return
    settings, complaints = read_settings(value)
    for complaint in complaints:
        if complaint not in server.complaints:  # editors tell all settings again when any of them has changed
            server.show(WARNING, complaint)
    server.complaints = complaints
    if settings == server.settings:
        return
    has_other_scripts = settings.patterns != server.settings.patterns
    server.settings = settings
    if has_other_scripts:
        server.use_patterns(settings.patterns)
        if server.rpc.is_initialized:
            follow_projects(server)
    if server.rpc.is_initialized:
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
    items: list[JsonValue] = [{"section": section} for section in (_SECTION, *SECTIONS)]
    answer = await server.rpc.ask("workspace/configuration", {"items": items}, seconds=60)
    if isinstance(answer, list) and answer:
        use(server, answer[0])
        use_preferences(server, answer[1:])


def _can_be_asked(server: GeppettoServer) -> bool:
    return capability(server.client, "workspace.configuration") is True
