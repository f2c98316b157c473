"""URIs of the client and URIs of the TypeScript server, both ways, wherever they stand in a message."""

import os
import re
from dataclasses import dataclass

from geppetto.json_value import JsonValue
from geppetto.lsp.documents.scripts import MODULE_SUFFIXES
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.uris import path_of, uri_of
from geppetto.lsp.errors import InvalidParams
from geppetto.lsp.typescript.shadow import Project, Shadow
from geppetto.lsp.wire import Result, Unread

_URI_KEYS = frozenset({"uri", "targetUri", "oldUri", "newUri"})
_OPAQUE_KEYS = frozenset({"data", "text", "newText", "newName"})
"""What the TypeScript server gets back as it gave it, and what is text."""
_SAFE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~!$&'()*+,;=@/?#-]|%[0-9A-Fa-f]{2})*")
"""One that it can read: it dies of others. Narrower than the standard, since only its own come back to it."""


@dataclass(frozen=True, slots=True)
class _Place:
    uri: str
    project: Project
    relative: str


class Addresses:
    """Knows the shadow of every open document, and finds that of any other file."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow
        self._by_client: dict[str, _Place] = {}
        self._by_path: dict[str, str] = {}
        self._untitled = 0
        # The same in a path, a URI and JSON, as what is before it is not.
        self._mark = os.path.basename(shadow.root)
        # A URI or path of the shadow within a longer text, up to the link; for documentation and messages.
        link = rf"{re.escape(self._mark)}/\d+/src"
        self._mention = re.compile(
            rf"""file://[^\s"'<>]*?/{link}|{re.escape(os.path.dirname(shadow.root))}/{link}"""
        )

    def enter(self, document: Document) -> tuple[str, list[str]]:
        """The TypeScript server's URI for a document just opened, and the configurations that changed for it."""
        path = path_of(document.uri)
        suffix = ".geppetto.ts" if document.is_typescript else ".geppetto.js"
        if path is None:
            self._untitled += 1
            project, relative = self._shadow.untitled_project(), f"{self._untitled}{suffix}"
        else:
            project = self._shadow.project_of(path) or self._shadow.loose_project(path)
            assert project.folder is not None
            relative = os.path.relpath(path, project.folder)
            if not relative.endswith(MODULE_SUFFIXES):
                relative += suffix
        shadow_path = os.path.join(project.shadow, relative)
        has_changed = self._shadow.enter(project, relative)
        self._by_client[document.uri] = _Place(uri_of(shadow_path), project, relative)
        self._by_path[shadow_path] = document.uri
        return uri_of(shadow_path), [project.config] if has_changed else []

    def leave(self, uri: str) -> tuple[str, list[str]] | None:
        """The TypeScript server's URI of a document just closed, and the configurations that changed."""
        place = self._by_client.pop(uri, None)
        if place is None:
            return None
        self._by_path.pop(os.path.join(place.project.shadow, place.relative), None)
        has_changed = self._shadow.leave(place.project, place.relative)
        return place.uri, [place.project.config] if has_changed else []

    def opened_uri(self, uri: str) -> str | None:
        """The TypeScript server's URI for a document that has been entered."""
        place = self._by_client.get(uri)
        return place.uri if place else None

    def shadow_uri(self, uri: str) -> str | None:
        """The TypeScript server's URI for a client's; None if it can see no such file."""
        if (place := self._by_client.get(uri)) is not None:
            return place.uri
        path = path_of(uri)
        if path is None:
            return None
        project = self._shadow.project_of(path)
        if project is None or project.folder is None:
            return uri_of(path)
        return uri_of(os.path.normpath(os.path.join(project.shadow, os.path.relpath(path, project.folder))))

    def client_uri(self, uri: str) -> str:
        """The client's URI for one of the TypeScript server's, spelled as the client did if it has it open."""
        path = path_of(uri)
        if path is None:
            return uri
        if (known := self._by_path.get(path)) is not None:
            return known
        project = self._shadow.project_at(path)
        if project is None or project.folder is None:
            return uri
        return uri_of(os.path.normpath(os.path.join(project.folder, os.path.relpath(path, project.shadow))))

    def to_server(self, value: JsonValue) -> JsonValue:
        """A message's parameters with the client's URIs translated.

        Raises:
            InvalidParams: one of them is none.
        """
        match value:
            case dict():
                return {
                    self._key_to_server(key): self._member_to_server(key, member)
                    for key, member in value.items()
                }
            case list():
                return [self.to_server(item) for item in value]
            case _:
                return value

    def to_client(self, value: JsonValue) -> JsonValue:
        """A result with the TypeScript server's URIs translated, and its paths in texts too."""
        match value:
            case str():
                return self.text_to_client(value)
            case dict():
                return {
                    self.text_to_client(key): member if key in _OPAQUE_KEYS else self.to_client(member)
                    for key, member in value.items()
                }
            case list():
                return [self.to_client(item) for item in value]
            case _:
                return value

    def result_to_client(self, result: Result) -> Result:
        """A result translated, which is read only if it mentions the shadow at all."""
        if not isinstance(result, Unread):
            return self.to_client(result)
        return self.to_client(result.read()) if self._mark.encode() in result.json else result

    def text_to_client(self, text: str) -> str:
        """A text with the TypeScript server's URIs and paths translated."""
        if self._mark not in text:
            return text
        if text.startswith("file:") and " " not in text and "\n" not in text:
            return self.client_uri(text)
        return self._mention.sub(self._mention_to_client, text)

    def _key_to_server(self, key: str) -> str:
        # The keys of a WorkspaceEdit's `changes`.
        return (self.shadow_uri(key) or key) if key.startswith("file:") else key

    def _member_to_server(self, key: str, member: JsonValue) -> JsonValue:
        if key in _OPAQUE_KEYS:
            return member
        if key in _URI_KEYS and isinstance(member, str):
            if (uri := self.shadow_uri(member)) is None and _SAFE_URI.fullmatch(member) is None:
                raise InvalidParams(f"{key}: {member[:100]!r} should be a URI")
            return uri or member
        return self.to_server(member)

    def _mention_to_client(self, match: re.Match[str]) -> str:
        path = path_of(match[0]) if match[0].startswith("file:") else match[0]
        project = self._shadow.project_at(path) if path else None
        if project is None or project.folder is None:
            return match[0]
        return project.folder if path == match[0] else uri_of(project.folder)
