"""`// geppetto-ignore CODE, CODE`: on the line of a finding or the one above. Without a code, all of them."""

import re

from geppetto.lsp.documents.text import Text

_COMMENT = re.compile(r"//\s*geppetto-ignore\b[ \t]*(?P<codes>[a-z\-]+(?:[ \t]*,[ \t]*[a-z\-]+)*)?")


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
