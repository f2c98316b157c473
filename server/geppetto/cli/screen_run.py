"""`geppetto run --tui`: a run on a screen of its own."""

from __future__ import annotations

import asyncio
import sys

from geppetto.cli import exit_codes
from geppetto.cli.errors import may_color
from geppetto.cli.execute import declared_params, root_of, script_of
from geppetto.cli.params import UsageError
from geppetto.cli.recorded import script_error
from geppetto.cli.request import RunRequest
from geppetto.errors import GeppettoError
from geppetto.runs import protocol
from geppetto.workers.choose import chosen_bus, open_runner


def run_on_screen(request: RunRequest) -> int:
    """Runs a script and shows it live; returns the exit code. Its errors are also printed when the screen is gone.

    Raises:
        UsageError: the request asks for what has no place on the screen.
        GeppettoError: the script's file or the settings cannot be used, or Textual is not installed.
    """
    if request.events is not None or request.record is not None or request.replay is not None:
        raise UsageError("--tui shows the run; --events, --record and --replay are for runs without it.")
    try:
        from geppetto.tui.run_app import RunApp
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("geppetto"):
            raise
        raise GeppettoError(
            f"The view of a run needs a package that is not installed: {error.name}.",
            hint="pip install 'geppetto[tui]', or leave out --tui",
        ) from None
    script = script_of(request.script)
    folder = script.path.resolve().parent
    wanted = protocol.RunRequest(
        path=str(script.path.resolve()),
        text=script.text,
        root=str(root_of(request, script)),
        params=declared_params(script, request.params),
        profile=request.profile,
        limits=request.limits,
    )
    bus = chosen_bus(folder, request.bus, profile=request.profile)

    async def run() -> tuple[protocol.EndEvent | None, int]:
        async with open_runner(bus) as runner:
            app = RunApp(script.path.name, lambda: runner.start(wanted))
            return await app.run_async(), app.return_code or 0

    end, failed = asyncio.run(run())
    if end is None:
        return failed or exit_codes.CANCELLED
    color = request.color and may_color(sys.stderr.isatty())
    for error in end.errors:
        sys.stderr.write(script_error(error).render(color) + "\n")
    return exit_codes.OF_OUTCOME[end.outcome]
