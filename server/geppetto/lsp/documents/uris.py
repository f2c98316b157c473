"""File paths and `file:` URIs. Editors escape differently, so URIs are compared by the path they mean."""

import os
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

_IS_WINDOWS = sys.platform == "win32"


def path_of(uri: str) -> str | None:
    """The normalised path of a `file:` URI on this machine; None for any other URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme.lower() != "file" or parts.query or parts.fragment:
        return None
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if not path.startswith("/") or "\0" in path:
        return None
    if _IS_WINDOWS:
        if parts.netloc and parts.netloc != "localhost":
            return os.path.normpath(f"//{parts.netloc}{path}")
        if path[2:3] == ":":
            # `/c:/x`: the slash is the URI's, and editors disagree about the letter's case.
            path = path[1:2].upper() + path[2:]
    elif parts.netloc not in ("", "localhost"):
        return None
    return os.path.normpath(path)


def uri_of(path: str) -> str:
    return Path(path).as_uri()


def scheme_of(uri: str) -> str:
    return uri.partition(":")[0].lower() if ":" in uri else ""


def is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)
