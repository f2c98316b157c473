"""What a run request names: a script as it is in the editor, a file, or a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from geppetto.errors import GeppettoError
from geppetto.json_value import MOST_LEVELS, is_nested_deeper
from geppetto.lsp.documents.scripts import MODULE_SUFFIXES, TYPESCRIPT_SUFFIXES, name_of
from geppetto.lsp.documents.text import Position, Text
from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.errors import InvalidParams
from geppetto.lsp.running.messages import RunParams, TextPosition, TextRange
from geppetto.lsp.server import GeppettoServer
from geppetto.runs.header import read_header
from geppetto.runs.params import Header, bind
from geppetto.runs.part import only
from geppetto.runs.protocol import RunRequest
from geppetto.runtime.script import read_source

_ODD = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Target:
    """What is to be run.

    Attributes:
        path: where it is, or would be.
        text: None for the file's.
    """

    path: str
    text: str | None

    @property
    def name(self) -> str:
        return Path(self.path).name

    @cached_property
    def source(self) -> str:
        """What it says.

        Raises:
            GeppettoError: its file cannot be read.
        """
        return read_source(Path(self.path)).text if self.text is None else self.text

    def header(self) -> Header:
        """What it declares.

        Raises:
            InvalidParams: that cannot be understood, or its file cannot be read.
        """
        try:
            return read_header(self.source)
        except GeppettoError as error:
            raise InvalidParams(str(error)) from None


def target_of(server: GeppettoServer, uri: str | None, text: str | None) -> Target:
    """The script that a client means by a URI, a text or both.

    Raises:
        InvalidParams: there is none.
    """
    document = server.documents.get(uri) if uri is not None else None
    text = text if text is not None or document is None else str(document.text)
    path = path_of(uri) if uri is not None else None
    if path is None:
        if text is None:
            missing = "a uri or a text" if uri is None else f"an open document instead of {uri}"
            raise InvalidParams(f"There is no script here: this needs {missing}")
        suffix = ".ts" if document is not None and document.is_typescript else ".js"
        path = str(home(server) / _name(uri, suffix))
    elif text is None and not Path(path).is_file():
        raise InvalidParams(f"There is no file {path}")
    return Target(path, text)


def request_for(server: GeppettoServer, asked: RunParams, target: Target) -> RunRequest:
    """The request to the supervisor.

    Raises:
        InvalidParams: the script needs other params, or there is no such part of it.
    """
    if is_nested_deeper(asked.params):
        raise InvalidParams(f"The params are nested more than {MOST_LEVELS} levels deep")
    header = target.header()
    try:
        params = bind(target.name, header, asked.params)
        text = target.text if asked.range is None else _part(target, asked.range)
    except GeppettoError as error:
        raise InvalidParams(f"{error} {error.hint or ''}".rstrip()) from None
    project = server.backend.shadow.project_of(target.path)
    root = None if project is None or project.is_loose else project.folder
    return RunRequest(
        path=target.path,
        text=text,
        root=root,
        params=params,
        profile=asked.profile,
        cassette=asked.cassette,
    )


def _part(target: Target, span: TextRange) -> str:
    text = Text(target.source)
    start, end = sorted(text.offset_at(_position(place)) for place in (span.start, span.end))
    is_typescript = target.path.endswith(TYPESCRIPT_SUFFIXES)
    return only(target.source, start, end, "typescript" if is_typescript else "javascript")


def _position(place: TextPosition) -> Position:
    return Position(place.line, place.character)


def home(server: GeppettoServer) -> Path:
    """The first folder of the workspace: where a text without a file is at home."""
    folders = [project.folder for project in server.backend.shadow if project.folder and not project.is_loose]
    return Path(folders[0]) if folders else Path.cwd()


def _name(uri: str | None, suffix: str) -> str:
    name = _ODD.sub("-", name_of(uri)).strip("-") if uri else ""
    name = name or "untitled"
    return name if name.endswith(MODULE_SUFFIXES) else f"{name}.geppetto{suffix}"
