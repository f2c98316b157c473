"""Temporary folders whose names tell whose they are: what a killed process left is removed by the next that makes one."""

import os
import re
import shutil
import sys
import tempfile
from functools import cache

_NAME = re.compile(r"geppetto-[a-z]+-(?P<process>[0-9]+)-")


def temporary_prefix(purpose: str) -> str:
    """How the name of a temporary folder of this process begins, for `tempfile`.

    Args:
        purpose: a word in small letters, for people who look at such folders.
    """
    _remove_leftovers()
    return f"geppetto-{purpose}-{os.getpid()}-"


@cache
def _remove_leftovers() -> None:
    if sys.platform == "win32":
        return  # There is no harmless way to ask whether a process lives.
    for entry in os.scandir(tempfile.gettempdir()):
        named = _NAME.match(entry.name)
        if named is None:
            continue
        try:
            if entry.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            os.kill(int(named["process"]), 0)
        except ProcessLookupError:
            shutil.rmtree(entry.path, ignore_errors=True)  # does not follow the links in it
        except (OSError, OverflowError):
            continue  # it is gone, or somebody else's
