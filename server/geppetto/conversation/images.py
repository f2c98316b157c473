"""Images that a message can carry: found, measured and recognised by their content before a model sees them.

Only the standard library, since the language server asks too.
"""

import base64
import binascii
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from geppetto.errors import GeppettoError

MAX_BYTES = 20 * 1024 * 1024

MediaType: TypeAlias = Literal["image/png", "image/jpeg", "image/webp", "image/gif"]
ImageErrorCode: TypeAlias = Literal[
    "missing",
    "not_a_file",
    "permission",
    "unreadable",
    "too_large",
    "empty",
    "truncated",
    "unsupported",
    "mismatch",
    "bad_url",
    "remote",
]
"""`mismatch`: the content is an image, but not the one that the name or media type says."""

SUPPORTED = "PNG, JPEG, WebP and GIF"

EXTENSIONS: dict[str, MediaType] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}

# Of each format: what has to stand where, and the length of the least header that tells the picture's size.
_FORMATS: tuple[tuple[MediaType, tuple[tuple[int, bytes], ...], int], ...] = (
    ("image/png", ((0, b"\x89PNG\r\n\x1a\n"), (12, b"IHDR")), 33),
    ("image/jpeg", ((0, b"\xff\xd8\xff"),), 20),
    ("image/gif", ((0, b"GIF87a"),), 13),
    ("image/gif", ((0, b"GIF89a"),), 13),
    ("image/webp", ((0, b"RIFF"), (8, b"WEBPVP8")), 25),
)
_HEADER = max(length for _, _, length in _FORMATS)

# Two slashes, or else `C:\\picture.png` and `a:b.png` would be URLs.
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://|(data):", re.IGNORECASE)
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)


class ImageError(GeppettoError):
    """An image that cannot be sent, and why: `code` for programs, the message for people."""

    def __init__(self, code: ImageErrorCode, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code: ImageErrorCode = code


@dataclass(frozen=True, slots=True)
class Image:
    """An image to send with a message.

    Attributes:
        url: an http(s) URL, a data URL, or the file URL of a local file.
        name: the last part of the path, "image" for a data URL.
        media_type: by content; for an http(s) URL, which is not fetched, by its extension, else empty.
        detail: how closely the model should look: "auto", "low" or "high".
    """

    url: str
    name: str
    media_type: str
    detail: str = "auto"

    @property
    def is_remote(self) -> bool:
        """Whether the provider has to fetch it."""
        return _scheme(self.url) in ("http", "https")

    def as_data_url(self) -> str:
        """The image itself as a `data:` URL, read and checked again: the file may have changed since.

        Raises:
            ImageError: as `load_image`; code "remote" for an http(s) URL, which is to be passed on as it is.
        """
        match _scheme(self.url):
            case "file":
                content, media_type = _read(_path_of(self.url), whole=True)
                return _data_url(content, media_type)
            case "data":
                return _from_data_url(self.url).url
            case _:
                raise ImageError("remote", f"{_short(self.url)} is not fetched here: pass the URL on")

    def to_wire(self) -> dict[str, str]:
        """The object that JavaScript sees."""
        return {
            "imageURL": self.url,
            "imageName": self.name,
            "mediaType": self.media_type,
            "detail": self.detail,
        }


def load_image(path_or_url: str, base: Path) -> Image:
    """The image at a path (relative ones from `base`), or behind an http(s), data or file URL.

    Files and data URLs are checked by content. What an http(s) URL leads to is the provider's to fetch.

    Raises:
        ImageError: the code says why.
    """
    # Scripts are not type-checked, so anything may arrive here.
    if not isinstance(path_or_url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ImageError("bad_url", f"an image should be a path or a URL, not a {type(path_or_url).__name__}")
    if not path_or_url.strip():
        raise ImageError("bad_url", "the path of the image is empty")
    match _scheme(path_or_url):
        case "":
            return _from_file(Path(base, path_or_url))
        case "file":
            return _from_file(_path_of(path_or_url))
        case "data":
            return _from_data_url(path_or_url)
        case "http" | "https":
            return _from_web(path_or_url)
        case other:
            raise ImageError(
                "bad_url",
                f"{_short(path_or_url)}: {other} URLs are not supported",
                hint="Use http, https, data or a path.",
            )


def _scheme(url: str) -> str:
    match = _URL.match(url)
    return (match[1] or match[2]).lower() if match else ""


def _from_web(url: str) -> Image:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise _not_a_url(url, error) from None
    if not host or any(char.isspace() or not char.isprintable() for char in url):
        raise _not_a_url(url, "it needs a host, and no spaces")
    name = PurePosixPath(unquote(parts.path)).name or host
    return Image(url, name, EXTENSIONS.get(PurePosixPath(name).suffix.lower(), ""))


def _from_data_url(url: str) -> Image:
    header = _DATA_URL.match(url)
    if not header:
        raise ImageError("bad_url", f"{_short(url)} is not a data URL: it should be data:image/png;base64,…")
    # Before decoding: three characters at most stand for a byte.
    if len(url) > 3 * MAX_BYTES + header.end():
        raise _too_large("the image of the data URL", len(url) // 3)
    body = unquote_to_bytes(url[header.end() :])
    if header[2].lower().endswith(";base64"):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise ImageError("bad_url", f"{_short(url)}: the base64 is wrong: {error}") from None
    if len(body) > MAX_BYTES:
        raise _too_large("the image of the data URL", len(body))
    media_type = _recognise(body[:_HEADER], "the image of the data URL")
    said = header[1].lower().replace("image/jpg", "image/jpeg")
    if said and said != media_type:
        raise _mismatch(f"the data URL says {said}", media_type)
    return Image(_data_url(body, media_type), "image", media_type)


def _from_file(path: Path) -> Image:
    _, media_type = _read(path, whole=False)
    said = EXTENSIONS.get(path.suffix.lower())
    if said and said != media_type:
        raise _mismatch(f"{path} is named {path.suffix}", media_type)
    return Image(path.absolute().as_uri(), path.name, media_type)


def _path_of(url: str) -> Path:
    # It brings a whole HTTP client along, and file URLs are rare.
    from urllib.request import url2pathname

    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _not_a_url(url, error) from None
    if parts.netloc not in ("", "localhost"):
        raise ImageError("bad_url", f"{_short(url)}: the file is on another computer, {parts.netloc}")
    return Path(url2pathname(parts.path))


def _read(path: Path, *, whole: bool) -> tuple[bytes, MediaType]:
    """The file's bytes, or only its header, and its format."""
    try:
        # Asked before opening: to open a named pipe is to wait for its writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "a folder" if path.is_dir() else "a device or a pipe"
            raise ImageError("not_a_file", f"{_short(path)} is {kind}, not an image file")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(MAX_BYTES + 1 if whole else _HEADER)
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise ImageError(
                "missing", f"{_short(path)} is a link to {os.readlink(path)}, which does not exist"
            ) from None
        raise ImageError("missing", f"{_short(path)} does not exist") from None
    except PermissionError:
        raise ImageError("permission", f"{_short(path)} may not be read by you") from None
    except (OSError, ValueError) as error:
        raise ImageError("unreadable", f"{_short(path)} cannot be read: {error}"[:300]) from error
    if max(size, len(content)) > MAX_BYTES:
        raise _too_large(_short(path), size)
    return content, _recognise(content[:_HEADER], _short(path))


def _recognise(header: bytes, what: str) -> MediaType:
    if not header:
        raise ImageError("empty", f"{what} is empty")
    for media_type, marks, length in _FORMATS:
        if all(mark.startswith(header[at : at + len(mark)]) for at, mark in marks):
            if len(header) < length:
                raise ImageError("truncated", f"{what} is cut off: it begins as {media_type} and then ends")
            return media_type
    raise ImageError(
        "unsupported",
        f"{what} is not a supported image: its content is none of {SUPPORTED}",
        hint="Convert it to PNG or JPEG.",
    )


def _not_a_url(url: str, why: object) -> ImageError:
    return ImageError("bad_url", f"{_short(url)} is not a URL: {why}")


def _mismatch(said: str, media_type: MediaType) -> ImageError:
    return ImageError(
        "mismatch", f"{said}, but its content is {media_type}", hint="Rename it, or convert it."
    )


def _too_large(what: str, size: int) -> ImageError:
    return ImageError(
        "too_large",
        f"{what} is {size / 1024 / 1024:.1f} MiB ({size:,} bytes); an image may have 20 MiB ({MAX_BYTES:,} bytes)",
        hint="Scale it down: models do so themselves.",
    )


def _data_url(content: bytes, media_type: MediaType) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _short(what: str | Path) -> str:
    text = str(what)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-60:]}"
