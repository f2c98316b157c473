"""The way into the command `geppetto`. Imports nothing before it is known to be needed."""

import sys


def main() -> int:
    """Runs the command line; returns its exit code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from geppetto import __version__

        sys.stdout.write(f"geppetto {__version__}\n")
        return 0
    return 2
