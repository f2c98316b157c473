"""The open documents, each a value that never changes: whoever holds one sees one version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from geppetto.lsp.documents.scripts import DEFAULT_PATTERNS, is_script, is_typescript
from geppetto.lsp.documents.text import Edit, Text


@dataclass(frozen=True, slots=True)
class Document:
    """A document at one version.

    Attributes:
        uri: exactly as the client spells it.
        version: the client's number; None if it sent none.
        revision: our own count of changes, which only grows, whatever versions the client sends.
        is_script: whether it is ours to serve, or only context for scripts that import it.
    """

    uri: str
    language_id: str
    version: int | None
    text: Text
    is_script: bool
    revision: int = 0

    @property
    def is_typescript(self) -> bool:
        return is_typescript(self.uri, self.language_id)


class Documents:
    """What the client has open, by URI."""

    def __init__(self) -> None:
        self.patterns: Sequence[str] = DEFAULT_PATTERNS
        self._open: dict[str, Document] = {}
        self._revisions = 0

    def __iter__(self) -> Iterator[Document]:
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def get(self, uri: str) -> Document | None:
        return self._open.get(uri)

    def is_current(self, document: Document) -> bool:
        now = self._open.get(document.uri)
        return now is not None and now.revision == document.revision

    def open(self, uri: str, language_id: str, version: int | None, text: str) -> Document:
        served = is_script(uri, language_id, self.patterns)
        document = Document(uri, language_id, version, Text(text), served, self._next_revision())
        self._open[uri] = document
        return document

    def change(
        self, uri: str, version: int | None, edits: Sequence[Edit]
    ) -> tuple[Document, list[Edit]] | None:
        """The document after the edits, and the edits with positions that exist; None if it is not open."""
        old = self._open.get(uri)
        if old is None:
            return None
        text, cleaned = old.text.edited(edits)
        document = replace(old, version=version, text=text, revision=self._next_revision())
        self._open[uri] = document
        return document, cleaned

    def close(self, uri: str) -> Document | None:
        return self._open.pop(uri, None)

    def reclassify(self, patterns: Sequence[str]) -> None:
        """Other names are scripts from now on."""
        self.patterns = patterns
        for document in self:
            served = is_script(document.uri, document.language_id, patterns)
            if served != document.is_script:
                self._open[document.uri] = replace(document, is_script=served, revision=self._next_revision())

    def _next_revision(self) -> int:
        self._revisions += 1
        return self._revisions
