"""The way into the command `geppetto`. Imports nothing before it is known to be needed."""

import os
import sys

TYPE_CHECKING = False  # not from typing, which takes longer to import than everything else here
if TYPE_CHECKING:
    from collections.abc import Callable

    from geppetto.cli.guarded import Child
    from geppetto.cli.request import RunRequest


def main() -> int:
    """Runs the command line; returns its exit code, or raises SystemExit with it."""
    _open_missing_streams()
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from geppetto import __version__

        sys.stdout.write(f"geppetto {__version__}\n")
        return 0
    if arguments in (["lsp"], ["lsp", "--stdio"]):
        from geppetto.lsp.main import serve_stdio  # which starts the compiler before it imports anything else

        return serve_stdio()
    if arguments[:1] == ["run"] and len(arguments) > 1 and "--help" not in arguments:
        from geppetto.cli import guard

        if guard.is_supported():
            # The child imports the runtime while this process reads the command line.
            with guard.fork(_work) as held:
                request = _plain_request(arguments)
                return _run_app(held.run) if request is None else held.run(request)
    return _run_app(_run_here)


def _open_missing_streams() -> None:
    """Opens to nothing what the caller closed (``>&-``): or the next file to be opened takes its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _plain_request(arguments: "list[str]") -> "RunRequest | None":
    """What `run FILE` asks for. Without options there is nothing to read, and reading takes as long as the rest."""
    from geppetto.cli.request import RunRequest

    plain = len(arguments) == 2 and not arguments[1].startswith("-")
    return RunRequest(arguments[1]) if plain else None


def _run_app(run: "Callable[[RunRequest], int]") -> int:
    from geppetto.cli.app import app
    from geppetto.cli.errors import show_error
    from geppetto.errors import GeppettoError

    try:
        app(obj=run)
    except GeppettoError as error:
        from geppetto.cli import exit_codes
        from geppetto.cli.params import UsageError

        show_error(error)
        return exit_codes.USAGE if isinstance(error, UsageError) else exit_codes.SCRIPT_ERROR
    except OSError as error:
        import errno

        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise
        from geppetto.cli import exit_codes
        from geppetto.cli.errors import show

        show(f"the output cannot be written: {error.strerror}.")
        return exit_codes.SCRIPT_ERROR
    return 0


def _work(child: "Child") -> int:
    from geppetto.cli.execute import execute

    request = child.request()
    return 0 if request is None else execute(request, child)


def _run_here(request: "RunRequest") -> int:
    from geppetto.cli.execute import execute

    return execute(request)
