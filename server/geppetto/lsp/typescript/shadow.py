"""Shadow projects: the compiler options that scripts need, without a file in the user's workspace.

A private folder holds one project per workspace folder: a configuration, and a link `src` to the workspace folder.
The TypeScript server sees only paths through the links; `addresses` translates them. The configuration has a name
of its own, because the server would take the nearest `tsconfig.json`, and through the link that is the user's.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.uris import is_within

CONFIG_NAME = "geppetto.tsconfig.json"
OWN_TYPINGS_NAME = "steps.d.ts"
_LINK = "src"
_PREFIX = "geppetto-lsp-"
_NEVER_MATCHED = ("node_modules", "bower_components", "jspm_packages")

_COMPILER_OPTIONS: JsonObject = {
    "allowJs": True,
    "checkJs": True,
    "strict": True,
    "noEmit": True,
    "target": "esnext",
    "lib": ["esnext"],
    "module": "preserve",
    "moduleResolution": "bundler",
    "moduleDetection": "force",
    "resolveJsonModule": True,
    "allowImportingTsExtensions": True,
    "skipLibCheck": True,
    "preserveSymlinks": True,
    "types": [],
}


@dataclass(slots=True)
class Project:
    """One folder of the user's and its shadow.

    Attributes:
        folder: the user's folder, or None for documents that have no file.
        shadow: where the TypeScript server sees that folder.
        is_loose: made for a file outside of every workspace folder, and gone with its last document.
        is_wide: holds all of the user's files, or of the machine's, so subfolders are not searched for scripts.
        extra: documents that the patterns do not match, by their path below `shadow`.
        has_own_typings: whether there are typings for this project alone, in `own_typings`.
    """

    folder: str | None
    root: str
    shadow: str
    is_loose: bool
    is_wide: bool
    extra: set[str] = field(default_factory=set[str])
    documents: int = 0
    has_own_typings: bool = False

    @property
    def config(self) -> str:
        return os.path.join(self.root, CONFIG_NAME)

    @property
    def own_typings(self) -> str:
        return os.path.join(self.root, OWN_TYPINGS_NAME)


class Shadow:
    """The private folder with all projects. Call `close` to remove it."""

    def __init__(self, typings: Sequence[Path], patterns: Sequence[str]) -> None:
        _remove_leftovers()
        self.root = os.path.realpath(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self.typings = list(typings)
        self.patterns = list(patterns)
        self._count = 0
        self._projects: dict[str, Project] = {}
        self._untitled: Project | None = None

    def __iter__(self) -> Iterator[Project]:
        return iter([*self._projects.values(), *([self._untitled] if self._untitled else [])])

    def add_folder(self, folder: str) -> Project:
        """The project of a workspace folder."""
        known = self._projects.get(folder)
        if known is not None and not known.is_loose:
            return known
        if known is not None:
            self._remove(known)
        return self._add(folder, is_loose=False)

    def remove_folder(self, folder: str) -> None:
        if (project := self._projects.get(folder)) is not None:
            self._remove(project)

    def project_of(self, path: str) -> Project | None:
        """The project with the nearest folder above a path."""
        candidates = (
            project
            for project in self._projects.values()
            if project.folder and is_within(path, project.folder)
        )
        return max(candidates, key=lambda project: len(project.folder or ""), default=None)

    def loose_project(self, path: str) -> Project:
        """A project for a file outside of every folder."""
        return self._add(os.path.dirname(path), is_loose=True)

    def untitled_project(self) -> Project:
        """The project of documents that have no file."""
        if self._untitled is None:
            root = self._new_root()
            self._untitled = Project(None, root, os.path.join(root, _LINK), is_loose=False, is_wide=True)
            os.mkdir(self._untitled.shadow)
            self._write_config(self._untitled)
        return self._untitled

    def project_at(self, shadow_path: str) -> Project | None:
        """The project that a path below `root` belongs to."""
        return next((project for project in self if is_within(shadow_path, project.shadow)), None)

    def enter(self, project: Project, relative: str) -> bool:
        """Counts a document in; True if the project's configuration had to change for it."""
        project.documents += 1
        if self.finds(project, relative) or relative in project.extra:
            return False
        project.extra.add(relative)
        self._write_config(project)
        return True

    def leave(self, project: Project, relative: str) -> bool:
        """Counts a document out; True if the project's configuration has changed or gone."""
        project.documents -= 1
        if project.is_loose and project.documents <= 0:
            self._remove(project)
            return True
        if relative in project.extra:
            project.extra.discard(relative)
            self._write_config(project)
            return True
        return False

    def use_patterns(self, patterns: Sequence[str]) -> None:
        """Other names are scripts from now on."""
        self.patterns = list(patterns)
        for project in self:
            self._write_config(project)

    def use_typings(self, project: Project, text: str) -> list[str]:
        """Other typings for one project, none if empty; the files that have changed for it."""
        path = Path(project.own_typings)
        if text == (path.read_text("utf-8") if project.has_own_typings else ""):
            return []
        if text:
            path.write_text(text, "utf-8")
        else:
            path.unlink()
        if project.has_own_typings == bool(text):
            return [project.own_typings]
        project.has_own_typings = bool(text)
        self._write_config(project)
        return [project.own_typings, project.config]

    def close(self) -> None:
        """Removes the folder."""
        self._projects.clear()
        _remove(self.root)

    def _add(self, folder: str, *, is_loose: bool) -> Project:
        root = self._new_root()
        is_wide = is_loose or folder in (os.path.expanduser("~"), os.path.dirname(folder))
        project = Project(folder, root, os.path.join(root, _LINK), is_loose, is_wide)
        _link(folder, project.shadow)
        self._write_config(project)
        self._projects[folder] = project
        return project

    def _new_root(self) -> str:
        root = os.path.join(self.root, str(self._count))
        self._count += 1
        os.mkdir(root)
        return root

    def _remove(self, project: Project) -> None:
        if project.folder is not None:
            self._projects.pop(project.folder, None)
        _unlink(project.shadow)
        shutil.rmtree(project.root, ignore_errors=True)

    def finds(self, project: Project, relative: str) -> bool:
        """Whether the patterns of the configuration find a document, as TypeScript reads them.

        Args:
            relative: its path below the project's folder.
        """
        from fnmatch import fnmatchcase

        *folders, name = relative.split(os.sep)
        if project.is_wide and folders:
            return False
        if any(part.startswith(".") or part in _NEVER_MATCHED for part in folders) or name.startswith("."):
            return False
        patterns = ("*.js", "*.ts") if project.folder is None else self.patterns
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    def _write_config(self, project: Project) -> None:
        depth = "" if project.is_wide else "**/"
        patterns = ["*.js", "*.ts"] if project.folder is None else self.patterns
        include: list[JsonValue] = [f"{_LINK}/{depth}{pattern}" for pattern in patterns]
        include += [f"{_LINK}/{extra.replace(os.sep, '/')}" for extra in sorted(project.extra)]
        config: JsonObject = {
            "compilerOptions": _COMPILER_OPTIONS,
            "files": [
                *(path.as_posix() for path in self.typings),
                *([OWN_TYPINGS_NAME] if project.has_own_typings else []),
            ],
            "include": include,
        }
        Path(project.config).write_text(json.dumps(config, indent=2), "utf-8")


def _remove_leftovers() -> None:
    """Removes the folders of our own servers that were killed."""
    if sys.platform == "win32":
        return  # There is no harmless way to ask whether a process lives.
    for entry in os.scandir(tempfile.gettempdir()):
        name, _, process = entry.name.partition(_PREFIX)
        process_id = process.partition("-")[0]
        if name or not process_id.isdigit():
            continue
        try:
            if entry.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            os.kill(int(process_id), 0)
        except ProcessLookupError:
            _remove(entry.path)
        except OSError:
            continue


def _remove(root: str) -> None:
    """Removes a private folder. The links go first, so that nothing can be removed through them."""
    with contextlib.suppress(OSError):
        for project in os.listdir(root):
            _unlink(os.path.join(root, project, _LINK))
    shutil.rmtree(root, ignore_errors=True)


def _link(target: str, link: str) -> None:
    if sys.platform == "win32":
        # A junction: symbolic links need a privilege there.
        import _winapi

        _winapi.CreateJunction(target, link)
    else:
        os.symlink(target, link, target_is_directory=True)


def _unlink(link: str) -> None:
    with contextlib.suppress(OSError):
        if os.path.islink(link):
            os.unlink(link)
        elif sys.platform == "win32":
            os.rmdir(link)  # of a junction: the junction; of a folder with content: an error
