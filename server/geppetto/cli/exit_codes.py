"""What the command line's exit codes mean."""

from typing import Final

OK: Final = 0
SCRIPT_ERROR: Final = 1
"""The script failed, or something that a command checks is missing."""
USAGE: Final = 2
"""The command line, the settings or the script file cannot be used; nothing ran."""
LIMIT: Final = 3
"""A limit stopped the script."""
CANCELLED: Final = 130
"""Somebody stopped the script: Ctrl-C, SIGTERM, or a reader that closed the pipe."""

OF_OUTCOME: Final = {"ok": OK, "error": SCRIPT_ERROR, "limit": LIMIT, "cancelled": CANCELLED}
"""By how a run ended."""
