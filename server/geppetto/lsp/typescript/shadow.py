"""Shadow projects: the compiler options that scripts need, without a file in the user's workspace.

A private folder holds one project per workspace folder: a configuration, and a link `src` to the workspace folder.
The TypeScript server sees only paths through the links; `addresses` translates them. The configuration has a name
of its own, because the server would take the nearest `tsconfig.json`, and through the link that is the user's.

The scripts of a workspace folder are listed one by one. With a pattern the TypeScript server would read all folders,
data and build output too, for the first answer and again for every new file: seconds, where there are many.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.uris import is_within
from geppetto.temporary import temporary_prefix

CONFIG_NAME = "geppetto.tsconfig.json"
OWN_TYPINGS_NAME = "steps.d.ts"
_LINK = "src"

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
        scripts: that are known to be on disk, by their path below `shadow`.
        extra: open documents besides, by the same.
        has_own_typings: whether there are typings for this project alone, in `own_typings`.
    """

    folder: str | None
    root: str
    shadow: str
    is_loose: bool
    is_wide: bool
    scripts: set[str] = field(default_factory=set[str])
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
        self.root = os.path.realpath(tempfile.mkdtemp(prefix=temporary_prefix("lsp")))
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

    def use_scripts(self, project: Project, added: Iterable[str], removed: Iterable[str] = ()) -> bool:
        """More or fewer scripts are on disk, by their path below the folder; True if the configuration has changed."""
        scripts = project.scripts.difference(removed).union(added)
        if (
            project.is_wide
            or scripts == project.scripts
            or self._projects.get(project.folder or "") is not project
        ):
            return False
        project.scripts = scripts
        self._write_config(project)
        return True

    def is_script(self, name: str) -> bool:
        """Whether a file of that name is a script."""
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def use_patterns(self, patterns: Sequence[str]) -> None:
        """Other names are scripts from now on. Which there are on disk is to be found out again."""
        self.patterns = list(patterns)
        for project in self:
            project.scripts.clear()
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
        """Whether the TypeScript server knows a file by the configuration, without `extra`.

        Args:
            relative: its path below the project's folder.
        """
        if not project.is_wide:
            return relative in project.scripts
        if os.sep in relative or relative.startswith("."):
            return False
        return project.folder is None or self.is_script(relative)

    def _write_config(self, project: Project) -> None:
        patterns: Sequence[str] = ["*.js", "*.ts"] if project.folder is None else self.patterns
        include: list[JsonValue] = []
        if project.is_wide:
            include += [f"{_LINK}/{pattern}" for pattern in patterns]
        include += [f"{_LINK}/{_posix(extra)}" for extra in sorted(project.extra)]
        config: JsonObject = {
            "compilerOptions": _COMPILER_OPTIONS,
            "files": [
                *(path.as_posix() for path in self.typings),
                *([OWN_TYPINGS_NAME] if project.has_own_typings else []),
                *(f"{_LINK}/{_posix(script)}" for script in sorted(project.scripts)),
            ],
            "include": include,
        }
        # At once: who reads half a configuration has a program without typings.
        beside = Path(f"{project.config}.new")
        beside.write_text(json.dumps(config, indent=2), "utf-8")
        beside.replace(project.config)


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


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
