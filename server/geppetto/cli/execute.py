"""Runs one script to its end and shows it; in the child of the guard, or in the command's own process."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Protocol

from geppetto.cli import exit_codes
from geppetto.cli.display import Screen, open_screen
from geppetto.cli.errors import may_color, show, show_error
from geppetto.cli.request import RunRequest
from geppetto.cli.workspace import workspace_around
from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.garbage import collect_seldom
from geppetto.runtime.limits import Limits, effective_limits
from geppetto.runtime.outcome import RunOutcome
from geppetto.runtime.output import Notice
from geppetto.runtime.script import ModuleError, Script, read_source, source_from_bytes
from geppetto.runtime.setup import setup_standard
from geppetto.steps.cassettes.use import close_cassette, open_cassette
from geppetto.workers.choose import chosen_bus


class Keeper(Protocol):
    """Who keeps the limits that belong to the process and not to the script."""

    def begin(self, *, memory_bytes: int | None, seconds: float | None) -> None:
        """Told the limits in force before V8 is started."""
        ...

    def started(self) -> None:
        """Told when V8 has taken what it needs for itself."""
        ...


def execute(request: RunRequest, keeper: Keeper | None = None) -> int:
    """Runs the script; returns the exit code. Errors are shown, not raised."""
    collect_seldom()
    try:
        script = script_of(request.script)
        params = declared_params(script, request.params)
        root = root_of(request, script)
        folder = script.path.resolve().parent if script.text is None else Path.cwd()
        if (bus := chosen_bus(folder, request.bus, profile=request.profile)) is not None:
            from geppetto.cli.submit import submit

            return submit(request, script, params, root, bus)
        limits = effective_limits(folder, request.profile, request.limits)
        if keeper is not None:
            keeper.begin(memory_bytes=limits.memory_bytes, seconds=limits.wall_seconds)
    except GeppettoError as error:
        show_error(error)
        return exit_codes.USAGE
    try:
        return asyncio.run(_Session(request, script, params, root, folder, limits, keeper).run())
    except GeppettoError as error:
        show_error(error)
        return exit_codes.USAGE


class _Session:
    def __init__(
        self,
        request: RunRequest,
        script: Script,
        params: JsonObject,
        root: Path,
        folder: Path,
        limits: Limits,
        keeper: Keeper | None,
    ) -> None:
        self._request = request
        self._script = script
        self._params = params
        self._root = root
        self._folder = folder
        self._limits = limits
        self._keeper = keeper
        self._loop: asyncio.AbstractEventLoop
        self._engine: RuntimeEngine

    async def run(self) -> int:
        self._loop = asyncio.get_running_loop()
        request = self._request
        screen = open_screen(
            self._interrupt,
            events=request.events,
            metadata=request.metadata,
            show_streams=request.show_streams,
            quiet=request.quiet,
            color=request.color,
        )
        colors = request.color and may_color(sys.stdout.isatty())
        self._engine = RuntimeEngine(
            root=self._root, limits=self._limits, output=screen.display, params=self._params, colors=colors
        )
        cassette = open_cassette(record=request.record, replay=request.replay, pace=request.pace)
        self._engine.add_setup_function(setup_standard(self._folder, request.profile, cassette=cassette))
        await self._engine.start()
        if self._keeper is not None:
            self._keeper.started()
        self._listen_to_signals()
        outcome = await self._engine.run(self._script)
        if not outcome.engine_lost:
            await self._engine.close()
        if cassette is not None and (said := close_cassette(cassette)):
            screen.display(Notice(said))
        screen.display.finish()
        code = self._report(outcome, screen)
        if outcome.engine_lost:
            # Its thread spins in V8 for ever, and Python's own end would wait for it.
            sys.stdout.flush()
            os._exit(code)
        return code

    def _interrupt(self) -> None:
        self._engine.interrupt()

    def _listen_to_signals(self) -> None:
        """Interrupts the streams at the first signal; what a second one does is the guard's business."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is None or signal.getsignal(number) == signal.SIG_IGN:  # as nohup wants it
                continue
            try:
                self._loop.add_signal_handler(number, self._interrupt)
            except NotImplementedError:  # Windows
                signal.signal(number, self._interrupt_from_signal)

    def _interrupt_from_signal(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._interrupt)

    def _report(self, outcome: RunOutcome, screen: Screen) -> int:
        err = screen.err
        color = self._request.color and may_color(sys.stderr.isatty())
        for error in outcome.errors:
            err.end_line()
            err.write(error.render(color) + "\n")
        err.flush()
        failure = screen.out.error
        if failure is not None and not isinstance(failure, BrokenPipeError):
            show(f"the output cannot be written: {failure.strerror}.")
            return exit_codes.SCRIPT_ERROR
        return exit_codes.OF_OUTCOME[outcome.kind]


def script_of(name: str) -> Script:
    """The script of a name on the command line; `-` is standard input, read here, and so is a pipe, such as `<(…)`.

    Raises:
        ModuleError: what was read is no text.
    """
    if name != "-":
        path = Path(name)
        # A pipe can be read once, and a run looks at its script more than once.
        return (
            Script(path, read_source(path).text) if path.is_fifo() or path.is_char_device() else Script(path)
        )
    if sys.stdin.isatty():
        sys.stderr.write("geppetto: reading a script from the terminal; Ctrl-D ends it\n")
    return Script(Path("<stdin>"), source_from_bytes(sys.stdin.buffer.read(), "<stdin>").text)


def declared_params(script: Script, given: JsonObject) -> JsonObject:
    """The params, made to fit what the script declares, if it does."""
    try:
        text = script.read()
    except ModuleError:
        return given  # the run will say it, with the place
    if "@param" not in text:
        return given
    from geppetto.runs.header import read_header
    from geppetto.runs.params import ParamsError, bind

    try:
        return bind(script.path.name, read_header(text), given)
    except ParamsError as error:
        hint = (
            None
            if script.text is not None
            else f"geppetto run {script.path} --list-params shows what it takes."
        )
        raise ParamsError(str(error), hint=hint) from None


def root_of(request: RunRequest, script: Script) -> Path:
    """The workspace: what was given, or the nearest folder that looks like one, or the current one."""
    given = None if request.root is None else Path(request.root)
    return Path.cwd() if given is None and script.text is not None else workspace_around(script.path, given)
