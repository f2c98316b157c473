"""initialize, initialized, shutdown, exit; workspace folders and files on disk."""

from pathlib import Path
from typing import cast

from geppetto import __version__
from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.capabilities import server_capabilities
from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.features import configuration
from geppetto.lsp.params import as_list, as_object, as_string, capability
from geppetto.lsp.server import ERROR, WARNING, GeppettoServer
from geppetto.lsp.typescript.backend import Backend
from geppetto.lsp.typescript.shadow import Shadow

_WATCHED = (
    "**/*.{js,mjs,cjs,ts,mts,cts,json}",
    "**/*.{png,jpg,jpeg,webp,gif,PNG,JPG,JPEG,WEBP,GIF}",
    "**/geppetto.toml",
    "**/*.py",
)
_RESTART = "Start it again"


def register(server: GeppettoServer) -> None:
    def initialize(params: JsonObject) -> JsonValue:
        server.client = _capabilities(params)
        server.backend = _backend(server)
        configuration.use_first(server, params.get("initializationOptions"))
        for folder in _folders(params):
            server.backend.shadow.add_folder(folder)
        server.backend.start(server.client)
        server.backend.look_for_scripts()
        server.rpc.is_initialized = True
        return {
            "capabilities": server_capabilities(server.client),
            "serverInfo": {"name": "geppetto", "version": __version__},
        }

    def initialized(params: JsonObject) -> JsonValue:
        if capability(server.client, "workspace.didChangeWatchedFiles.dynamicRegistration") is True:
            server.rpc.run_beside(_watch(server), "registering for file changes")
        configuration.pull(server)
        configuration.follow_projects(server)
        server.folders_changed()
        return None

    def shutdown(params: JsonObject) -> JsonValue:
        server.rpc.is_shut_down = True
        return None

    def exit_(params: JsonObject) -> JsonValue:
        server.finished.set()
        return None

    def change_folders(params: JsonObject) -> JsonValue:
        event = as_object(params.get("event"), "event")
        added, removed = (_paths(as_list(event.get(key, []), key)) for key in ("added", "removed"))
        server.backend.change_folders(added, removed)
        configuration.follow_projects(server)
        server.folders_changed()
        return None

    server.on("initialize", initialize)
    server.on("initialized", initialized)
    server.on("shutdown", shutdown)
    server.on("exit", exit_)
    server.on("workspace/didChangeWorkspaceFolders", change_folders)


def _capabilities(params: JsonObject) -> JsonObject:
    capabilities = params.get("capabilities")
    return capabilities if isinstance(capabilities, dict) else {}


def _folders(params: JsonObject) -> list[str]:
    """The workspace's folders, by path; older clients send one root."""
    folders = params.get("workspaceFolders")
    if isinstance(folders, list) and folders:
        return _paths(folders)
    root = params.get("rootUri")
    if isinstance(root, str) and (path := path_of(root)):
        return [path]
    path = params.get("rootPath")
    return [str(Path(path))] if isinstance(path, str) and Path(path).is_absolute() else []


def _paths(folders: list[JsonValue]) -> list[str]:
    uris = [as_string(as_object(folder, "a folder").get("uri"), "a folder's uri") for folder in folders]
    return [path for uri in uris if (path := path_of(uri)) and Path(path).is_dir()]


def _backend(server: GeppettoServer) -> Backend:
    from geppetto.resources import typings_path

    def on_failed(message: str) -> None:
        server.rpc.run_beside(_offer_restart(server, message), "offering a restart")

    def on_refresh() -> None:
        server.refresh_diagnostics()

    return Backend(
        server.documents,
        Shadow([typings_path()], server.documents.patterns),
        first=server.first_process,
        on_restarted=lambda message: server.show(WARNING, message),
        on_failed=on_failed,
        on_refresh=on_refresh,
    )


async def _offer_restart(server: GeppettoServer, message: str) -> None:
    text = f"{message} Completion, types and navigation are off; the command geppetto.restartTypeScript starts it again."
    params: JsonObject = {"type": ERROR, "message": text, "actions": [{"title": _RESTART}]}
    chosen = await server.rpc.ask("window/showMessageRequest", params, seconds=24 * 3600)
    if isinstance(chosen, dict) and chosen.get("title") == _RESTART:
        server.backend.restart()


async def _watch(server: GeppettoServer) -> None:
    watchers = cast(JsonValue, [{"globPattern": pattern} for pattern in _WATCHED])
    registration: JsonObject = {
        "id": "geppetto-files",
        "method": "workspace/didChangeWatchedFiles",
        "registerOptions": {"watchers": watchers},
    }
    await server.rpc.ask("client/registerCapability", {"registrations": [registration]}, seconds=60)
