"""`geppetto run --bus`: a run that workers do, shown as if it were here."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from geppetto.cli import exit_codes
from geppetto.cli.display import Screen, open_screen
from geppetto.cli.errors import may_color, show
from geppetto.cli.output import Display
from geppetto.cli.params import UsageError
from geppetto.cli.recorded import RecordedOutput, script_error
from geppetto.cli.request import RunRequest
from geppetto.cli.signals import on_end_signals
from geppetto.json_value import JsonObject
from geppetto.runs import protocol
from geppetto.runs.handle import RunHandle
from geppetto.runtime.output import Notice
from geppetto.runtime.script import Script
from geppetto.workers.client import RemoteRunner


def submit(request: RunRequest, script: Script, params: JsonObject, root: Path, bus: str) -> int:
    """Has workers do a run, and shows it; returns the exit code.

    Raises:
        UsageError: the request asks for what only this machine can do.
    """
    if request.record is not None or request.replay is not None:
        raise UsageError("Cassettes are recorded and played on this machine.", hint="Add --bus none.")
    wanted = protocol.RunRequest(
        path=str(script.path),
        text=script.text,
        root=str(root),
        params=params,
        profile=request.profile,
        limits=request.limits,
    )
    return asyncio.run(_submit(request, wanted, bus))


async def _submit(request: RunRequest, wanted: protocol.RunRequest, bus: str) -> int:
    async with RemoteRunner(bus) as runner:
        run = runner.start(wanted)

        def interrupt() -> None:
            run.cancel()

        on_end_signals(interrupt)
        screen = open_screen(
            interrupt,
            events=request.events,
            metadata=request.metadata,
            show_streams=request.show_streams,
            quiet=request.quiet,
            color=request.color,
        )
        logger = logging.getLogger("geppetto")
        logger.addHandler(notices := _Notices(screen.display))
        try:
            await _show(run, screen)
        finally:
            logger.removeHandler(notices)
        return _report(run, screen, color=request.color)


async def _show(run: RunHandle, screen: Screen) -> None:
    recorded = RecordedOutput()
    async for event in run.events():
        for output in recorded.outputs(event):
            screen.display(output)
    screen.display.finish()


def _report(run: RunHandle, screen: Screen, *, color: bool) -> int:
    assert run.end is not None
    color = color and may_color(sys.stderr.isatty())
    for error in run.end.errors:
        screen.err.end_line()
        if error.name == "RunError":  # not the script's
            screen.err.flush()
            show(error.message, hint=error.hint)
        else:
            screen.err.write(script_error(error).render(color) + "\n")
    screen.err.flush()
    failure = screen.out.error
    if failure is not None and not isinstance(failure, BrokenPipeError):
        show(f"the output cannot be written: {failure.strerror}.")
        return exit_codes.SCRIPT_ERROR
    return exit_codes.OF_OUTCOME[run.end.outcome]


class _Notices(logging.Handler):
    """Shows warnings, such as that the bus is lost and back, in their place among the output."""

    def __init__(self, display: Display) -> None:
        super().__init__(logging.WARNING)
        self._display = display

    def emit(self, record: logging.LogRecord) -> None:
        self._display(Notice(record.getMessage()))
