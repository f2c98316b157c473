"""What to run: a file, or a text that stands for one; and what is said when it cannot be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geppetto.errors import GeppettoError
from geppetto.runtime.output import Place
from geppetto.runtime.source import OriginalFile

_MAX_SOURCE_BYTES = 64 * 1024 * 1024


class ModuleError(GeppettoError):
    """A script or module that cannot be loaded; carries the place of the import or the mistake."""

    def __init__(
        self,
        message: str,
        *,
        name: str = "Error",
        place: Place | None = None,
        source: OriginalFile | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.place = place
        self.source = source


@dataclass(frozen=True)
class Script:
    """What to run: a file, or a text that stands for one (unsaved, standard input).

    Attributes:
        path: where it is or would be; relative imports and image paths start from its folder.
        text: its text; None to read the file.
    """

    path: Path
    text: str | None = None

    def read(self) -> str:
        """Its text.

        Raises:
            ModuleError: the file cannot be read as one.
        """
        return read_source(self.path).text if self.text is None else self.text


def read_source(path: Path, name: str | None = None) -> OriginalFile:
    """Reads a script.

    Raises:
        ModuleError: it does not exist, is a folder, is not UTF-8 text, or is too large.
    """
    shown = name or str(path)
    try:
        size = path.stat().st_size
        if size > _MAX_SOURCE_BYTES:
            limit = _MAX_SOURCE_BYTES // 1024 // 1024
            raise ModuleError(f"{shown} is {size:,} bytes long; a script may have {limit} MiB")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModuleError(f"{shown} does not exist") from None
    except IsADirectoryError:
        raise ModuleError(f"{shown} is a folder, not a script") from None
    except OSError as error:
        raise ModuleError(f"{shown} cannot be read: {error.strerror or error}") from error
    return source_from_bytes(data, shown)


def source_from_bytes(data: bytes, name: str) -> OriginalFile:
    """The script in some bytes; refuses what is not UTF-8 text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModuleError(
            f"{name} is not a text file: byte {error.object[error.start]:#04x} at offset {error.start} is not UTF-8"
        ) from None
    if "\0" in text:
        raise ModuleError(f"{name} is not a text file: it has a zero byte at offset {text.index(chr(0))}")
    return OriginalFile(name, text)
