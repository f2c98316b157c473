"""`// geppetto-ignore CODE, CODE`: on the line of a finding or the one above. Without a code, all of them."""

import re

from geppetto.lsp.documents.text import Position, Text
from geppetto.lsp.lint.findings import Replacement

_COMMENT = re.compile(r"//\s*geppetto-ignore\b[ \t]*(?P<codes>[a-z\-]+(?:[ \t]*,[ \t]*[a-z\-]+)*)?")


def suppressing(text: Text, line: int, code: str) -> Replacement:
    """What makes a comment say so: above the line, where the comment that is there gets one more code."""
    above = text.line(line - 1) if line > 0 else ""
    match = _COMMENT.search(above) if above.lstrip().startswith("//") else None
    if match is not None and match["codes"]:
        # Only one line above counts: another comment would come between this one and its code.
        character = len(above[: match.end("codes")].encode("utf-16-le")) // 2
        at = text.offset_at(Position(line - 1, character))
        return Replacement(at, at, f", {code}")
    content = text.line(line)
    indent = content[: len(content) - len(content.lstrip())]
    at = text.offset_at(Position(line, 0))
    return Replacement(at, at, f"{indent}// geppetto-ignore {code}\n")


def is_suppressed(text: Text, line: int, code: str) -> bool:
    """Whether a comment says that a finding on a line is to be passed over."""
    if _says(text.line(line), code):
        return True
    # Above, only if it has the line to itself: a comment after code is about that code.
    return line > 0 and text.line(line - 1).lstrip().startswith("//") and _says(text.line(line - 1), code)


def _says(line: str, code: str) -> bool:
    match = _COMMENT.search(line)
    if match is None:
        return False
    codes = match["codes"]
    return codes is None or code in re.split(r"[ \t]*,[ \t]*", codes)
