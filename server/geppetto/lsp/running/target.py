"""What a run request names: a script as it is in the editor, a file, or a text."""

from __future__ import annotations

import re
from pathlib import Path

from geppetto.lsp.documents.scripts import MODULE_SUFFIXES, name_of
from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.errors import InvalidParams
from geppetto.lsp.running.messages import RunParams
from geppetto.lsp.server import GeppettoServer
from geppetto.runs.protocol import RunRequest

_ODD = re.compile(r"[^\w.-]+")


def request_for(server: GeppettoServer, asked: RunParams) -> RunRequest:
    """The request to the supervisor.

    Raises:
        InvalidParams: there is nothing to run.
    """
    document = server.documents.get(asked.uri) if asked.uri is not None else None
    text = asked.text if asked.text is not None or document is None else str(document.text)
    path = path_of(asked.uri) if asked.uri is not None else None
    if path is None:
        if text is None:
            missing = (
                "uri, text or replay" if asked.uri is None else f"an open document instead of {asked.uri}"
            )
            raise InvalidParams(f"There is nothing to run: geppetto/run needs {missing}")
        suffix = ".ts" if document is not None and document.is_typescript else ".js"
        path = str(_home(server) / _name(asked.uri, suffix))
    elif text is None and not Path(path).is_file():
        raise InvalidParams(f"There is no file {path}")
    project = server.backend.shadow.project_of(path)
    root = None if project is None or project.is_loose else project.folder
    return RunRequest(path=path, text=text, root=root, params=asked.params, profile=asked.profile)


def _home(server: GeppettoServer) -> Path:
    """Where a text without a file is at home: in the first folder of the workspace."""
    folders = [project.folder for project in server.backend.shadow if project.folder and not project.is_loose]
    return Path(folders[0]) if folders else Path.cwd()


def _name(uri: str | None, suffix: str) -> str:
    name = _ODD.sub("-", name_of(uri)).strip("-") if uri else ""
    name = name or "untitled"
    return name if name.endswith(MODULE_SUFFIXES) else f"{name}.geppetto{suffix}"
