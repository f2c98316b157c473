"""The scripts on disk as the TypeScript server is told of them.

It is told of next to none: the projects find them by their names, and to open a thousand one by one would cost it a
new program a thousand times. Only one per project is opened, without which there would be no project.
"""

import codecs
import errno
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from geppetto.lsp.check.files import root_of
from geppetto.lsp.documents.store import Document, Documents
from geppetto.lsp.documents.text import Edit, Text
from geppetto.lsp.documents.uris import uri_of
from geppetto.lsp.typescript.backend import Backend

_LANGUAGE = "geppetto"  # a script because somebody says so, not only by its name
_CHANGED = 2
_BOM = codecs.BOM_UTF8.decode()


class Scripts:
    """The scripts of one check."""

    def __init__(self, backend: Backend, documents: Documents) -> None:
        self._backend = backend
        self._documents = documents
        self._has_bom: set[Path] = set()

    def read(self, path: Path) -> Document:
        """A script as it is on disk now.

        Raises:
            OSError: it cannot be read.
            UnicodeDecodeError: it is not UTF-8.
            UnicodeEncodeError: its name is not.
        """
        os.fspath(path).encode("utf-8")  # the TypeScript server finds no others
        text = path.read_bytes().decode("utf-8")
        if text.startswith(_BOM):
            self._has_bom.add(path)
        uri = uri_of(os.fspath(path))
        return Document(uri, _LANGUAGE, None, Text(text.removeprefix(_BOM)), is_script=True)

    def introduce(self, documents: Mapping[Path, Document]) -> None:
        """Makes all scripts known to the TypeScript server, before the first question."""
        shadow = self._backend.shadow
        by_root: dict[str, list[Path]] = {}
        for path in documents:
            by_root.setdefault(os.fspath(root_of(path)), []).append(path)
        projects = [shadow.add_folder(root) for root in by_root]
        for project, (root, paths) in zip(projects, by_root.items(), strict=True):
            shadow.use_scripts(project, [os.path.relpath(path, root) for path in paths])
            for number, path in enumerate(paths):
                if number == 0 or not shadow.finds(project, os.path.relpath(path, root)):
                    self.open(documents[path])

    def open(self, document: Document) -> bool:
        """Tells the TypeScript server of a script by itself; False if that has been done already."""
        if self._documents.get(document.uri) is not None:
            return False
        self._backend.open(self._documents.open(document.uri, document.language_id, 1, str(document.text)))
        return True

    def write(self, path: Path, text: Text) -> Document:
        """Puts a new text in the place of a script.

        Raises:
            OSError: it cannot be written; the old one is still there.
        """
        _replace(path, (_BOM if path in self._has_bom else "") + str(text))
        return self.read(path)

    def tell_changed(self, documents: Iterable[Document]) -> None:
        """Tells the TypeScript server of scripts that have been written."""
        on_disk: list[tuple[str, int]] = []
        for document in documents:
            edits = [Edit(None, str(document.text))]
            if (changed := self._documents.change(document.uri, None, edits)) is not None:
                self._backend.change(*changed)
            else:
                on_disk.append((document.uri, _CHANGED))
        self._backend.files_changed(on_disk)


def _replace(path: Path, text: str) -> None:
    """At once: whoever reads it meanwhile sees the old text or the new one."""
    target = os.path.realpath(path)
    if not os.access(target, os.W_OK):  # of which replacing a file takes no notice
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)
    descriptor, temporary = tempfile.mkstemp(prefix=".geppetto-", dir=os.path.dirname(target))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
        os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except OSError:
        os.unlink(temporary)
        raise
