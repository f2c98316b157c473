"""Steps in Python: their typings are part of each project, and follow the files that they are made from."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject
from geppetto.lsp.documents.scripts import name_of
from geppetto.lsp.documents.uris import is_within, path_of
from geppetto.lsp.server import ERROR, WARNING, GeppettoServer
from geppetto.lsp.typescript.python_types import typings_of
from geppetto.lsp.typescript.shadow import Project
from geppetto.settings.find import CONFIG_NAME, find_workspace_file

if TYPE_CHECKING:
    from geppetto.plugins.typings import Typings

_QUIET_SECONDS = 0.3
"""After the last change: an editor that saves all files changes several."""

_TRUST = "Trust this folder"
_INFO = 3


def register(server: GeppettoServer) -> None:
    steps = PythonSteps(server)
    server.files_touched = steps.files_touched
    server.folders_changed = steps.folders_changed
    server.closing.append(steps.close)


class PythonSteps:
    """Keeps the typings of every project."""

    def __init__(self, server: GeppettoServer) -> None:
        self._server = server
        self._known: dict[str, _Known] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looked_at: set[str] = set()
        self._nested: dict[str, str] = {}
        self._told: set[str] = set()
        self._asked: set[str] = set()

    def folders_changed(self) -> None:
        """Workspace folders have come or gone."""
        shadow = self._server.backend.shadow
        folders = {project.folder for project in shadow}
        orphans = [each for each, parent in self._nested.items() if parent not in folders]
        for each in orphans:
            del self._nested[each]
        if orphans:
            self._server.backend.change_folders([], orphans)
        self._looked_at.clear()
        for document in self._server.documents:
            self._look_for_project(document.uri)
        self._look_again()

    def files_touched(self, uris: Sequence[str]) -> None:
        """Files were opened, saved or changed on disk."""
        for uri in uris:
            path, name = path_of(uri), name_of(uri)
            if name == CONFIG_NAME:
                self._told.clear()
                self._looked_at.clear()
                self._look_again()
            elif name.endswith(".py"):
                self._python_changed(path)
            else:
                self._look_for_project(uri)

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _python_changed(self, path: str | None) -> None:
        for key, known in self._known.items():
            # What failed may have lacked a file that nobody could name.
            if path is not None and (path in known.files or (known.has_problems and is_within(path, key))):
                self._schedule(key)

    def _look_for_project(self, uri: str) -> None:
        """A script may belong to a project that is not known yet, or one whose files have changed unnoticed."""
        document = self._server.documents.get(uri)
        if document is None or not document.is_script:
            return
        path = path_of(uri)
        folder = os.path.dirname(path) if path is not None else ""
        if path is not None and folder not in self._looked_at:
            self._looked_at.add(folder)
            self._server.rpc.run_beside(self._add_nested(folder), "looking for steps in Python")
        project = self._server.backend.shadow.project_of(path) if path is not None else None
        key = self._key(project)
        known = self._known.get(key)
        if known is None or known.have_changed():
            self._schedule(key)

    async def _add_nested(self, folder: str) -> None:
        """A folder with a `geppetto.toml` that names Python code is a project of its own, as it is for runs."""
        from geppetto.plugins.declared import declared

        backend = self._server.backend
        config = find_workspace_file(Path(folder))
        project = backend.shadow.project_of(folder)
        if config is None or project is None or project.folder is None or project.is_loose:
            return
        inner = _in_terms_of(project.folder, config.parent)
        if inner == project.folder or not is_within(inner, project.folder) or not is_within(folder, inner):
            return
        try:
            found = await asyncio.to_thread(declared, config.parent)
        except GeppettoError:
            return  # whoever reads the settings for the rules tells
        if found and backend.shadow.project_of(inner) is project:
            self._nested[inner] = project.folder
            backend.change_folders([inner], [])
            self._schedule(inner)
            self._server.refresh_diagnostics()

    def _look_again(self) -> None:
        for project in self._server.backend.shadow:
            self._schedule(self._key(project))
        for document in self._server.documents:
            self._look_for_project(document.uri)

    @staticmethod
    def _key(project: Project | None) -> str:
        """The folder of a project; empty for documents that have no file."""
        return (project.folder or "") if project is not None else ""

    def _project(self, key: str) -> Project | None:
        return next((each for each in self._server.backend.shadow if self._key(each) == key), None)

    def _schedule(self, key: str) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        delay = _QUIET_SECONDS if key in self._known else 0.0
        self._timers[key] = asyncio.get_running_loop().call_later(delay, self._begin, key)

    def _begin(self, key: str) -> None:
        self._timers.pop(key, None)
        if (task := self._tasks.pop(key, None)) is not None:
            task.cancel()
        self._tasks[key] = asyncio.get_running_loop().create_task(self._update(key), name="python typings")

    async def _update(self, key: str) -> None:
        folder = key or next(
            (each.folder for each in self._server.backend.shadow if each.folder), os.getcwd()
        )
        typings, settings = await typings_of(Path(folder))
        project = self._project(key)
        if project is None:
            self._known.pop(key, None)
            return
        self._known[key] = _Known([*typings.files, *map(str, settings)], bool(typings.problems))
        if self._server.backend.use_typings(project, typings.text):
            self._server.refresh_diagnostics()
        self._tell(typings)

    def _tell(self, typings: Typings) -> None:
        for problem in typings.problems:
            if problem not in self._told:
                self._told.add(problem)
                self._server.show(WARNING, problem)
        for folder in typings.untrusted:
            if folder not in self._asked:
                self._asked.add(folder)
                self._server.rpc.run_beside(self._ask(folder), "asking whether a folder is trusted")

    async def _ask(self, folder: str) -> None:
        """Asks once whether the Python code of a folder may run."""
        message = (
            f"{os.path.join(folder, CONFIG_NAME)} names steps or tools in Python. To know their types, and to run them, "
            f"Geppetto has to run code of this folder, which can do whatever you can. Until you trust it, it does not."
        )
        params: JsonObject = {"type": _INFO, "message": message, "actions": [{"title": _TRUST}]}
        chosen = await self._server.rpc.ask("window/showMessageRequest", params, seconds=24 * 3600)
        if not isinstance(chosen, dict) or chosen.get("title") != _TRUST:
            return
        from geppetto.settings.edit import trust_folder

        try:
            await asyncio.to_thread(trust_folder, Path(folder))
        except GeppettoError as error:
            self._server.show(ERROR, str(error))
        self._look_again()


def _in_terms_of(folder: str, inner: Path) -> str:
    """A folder in another one as the client spells it, which may have come there over a link."""
    return os.path.normpath(os.path.join(folder, os.path.relpath(inner, os.path.realpath(folder))))


class _Known:
    """What the typings of a project were made from."""

    def __init__(self, files: list[str], has_problems: bool) -> None:
        self.files = frozenset(files)
        self.has_problems = has_problems
        self._stamps = {file: _stamp(file) for file in self.files}

    def have_changed(self) -> bool:
        """Whether files have changed, for editors that do not tell."""
        return any(_stamp(file) != stamp for file, stamp in self._stamps.items())


def _stamp(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
