"""A run's child process: ``python -m geppetto.runs.host``, speaking frames over standard input and output.

It makes itself ready (isolate, prelude, imports) before it says hello, runs one script, and ends. It ends
too when its supervisor does: at the end of its standard input and, on Linux, by the kernel's hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NoReturn

from geppetto import __version__
from geppetto.runs.ahead import import_modules
from geppetto.runs.frames import FrameError, frame, read_message
from geppetto.runs.outbox import Outbox
from geppetto.runs.process import bound_memory
from geppetto.runtime.garbage import collect_seldom
from geppetto.runtime.parent import die_with_parent

if TYPE_CHECKING:
    from geppetto.json_value import JsonObject, JsonValue
    from geppetto.runs.protocol import Run, RunRequest, Wire
    from geppetto.runtime.engine import RuntimeEngine
    from geppetto.runtime.isolate import Isolate
    from geppetto.runtime.outcome import RunOutcome
    from geppetto.steps.cassettes.play import Player
    from geppetto.steps.cassettes.record import Recorder

_LAST_FLUSH_SECONDS = 0.5

_QUIET_SECONDS = 0.05
"""How long nothing may be asked for before the time is used to make ready what many runs need."""
_IDLE_SECONDS = 0.5
"""The same for what takes long to import, and few runs need."""


async def serve(protocol_in: int, protocol_out: int, *, forked: bool) -> int:
    """Says hello, runs what is asked for, tells how it went; returns the exit code."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(protocol_in, "rb", 0)
    )
    transport, pipe = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(protocol_out, "wb", 0)
    )
    outbox = Outbox(asyncio.StreamWriter(transport, pipe, None, loop))
    isolate = _warm_up()
    from geppetto.runs.endings import end_of
    from geppetto.runs.protocol import PROTOCOL_VERSION, Hello, Run

    _tell(outbox, Hello(protocol=PROTOCOL_VERSION, version=__version__, pid=os.getpid()))
    await outbox.flush()
    asked = asyncio.ensure_future(read_message(reader))
    if not await _comes_within(_QUIET_SECONDS, asked):
        await _show_an_object(isolate)
    if not forked and not await _comes_within(_IDLE_SECONDS, asked):
        _import_sdks_ahead()
    message = await asked
    if message is None:
        return 0  # not needed after all
    outcome = await _run(Run.model_validate(message), isolate, outbox, reader)
    _tell(outbox, end_of(outcome))
    await outbox.flush()
    return 0


async def _comes_within(seconds: float, message: asyncio.Future[JsonObject | None]) -> bool:
    await asyncio.wait({message}, timeout=seconds)
    return message.done()


def _warm_up() -> Isolate:
    """Makes ready what every run needs: it imports nothing late."""
    import_modules()
    from geppetto.runtime.engine import new_isolate

    return new_isolate()


async def _show_an_object(isolate: Isolate) -> None:
    """Has the isolate load what shows objects, which it does when the first is logged. This one nobody sees."""
    isolate.serve_sync_requests(_unheard)
    await isolate.evaluate("console.log({})")
    await isolate.drain()


async def _unheard(method: str, arguments: list[JsonValue]) -> JsonValue:
    return None


def _import_sdks_ahead() -> None:
    """Imports the SDKs of the services that the settings of this folder name.

    In a thread that nobody waits for: a run that comes meanwhile begins, and its steps wait only if they need one.
    """
    from geppetto.errors import GeppettoError
    from geppetto.settings.load import load_settings
    from geppetto.steps.services import import_sdks, sdks_of

    try:
        sdks = sdks_of(load_settings(Path.cwd()).steps)
    except GeppettoError:
        return  # the run that needs them will say so
    Thread(target=import_sdks, args=(sdks,), name="import ahead", daemon=True).start()


def _tell(outbox: Outbox, message: Wire) -> None:
    outbox.put_frame(frame(message.model_dump_json().encode()))


async def _run(asked: Run, isolate: Isolate, outbox: Outbox, reader: asyncio.StreamReader) -> RunOutcome:
    from geppetto.errors import GeppettoError
    from geppetto.runs.protocol import Bounds
    from geppetto.runtime.engine import RuntimeEngine
    from geppetto.runtime.errors import ScriptError
    from geppetto.runtime.limits import effective_limits
    from geppetto.runtime.outcome import RunOutcome
    from geppetto.runtime.output import Notice
    from geppetto.runtime.script import Script
    from geppetto.runtime.setup import setup_standard
    from geppetto.steps.cassettes.use import close_cassette

    request = asked.request
    path = Path(request.path)
    folder = path.parent if asked.settings_folder is None else Path(asked.settings_folder)
    try:
        limits = effective_limits(folder, request.profile, request.limits)
        engine = RuntimeEngine(
            root=Path(request.root) if request.root else path.parent,
            limits=limits,
            output=outbox.show,
            params=request.params,
        )
        cassette = _open_cassette(request)
        engine.add_setup_function(setup_standard(folder, request.profile, cassette=cassette))
        await engine.start(isolate)
        unused = 0 if limits.memory_bytes is None else bound_memory(limits.memory_bytes)
    except GeppettoError as error:
        return RunOutcome("error", (ScriptError("Error", str(error), hint=error.hint, code="settings"),))
    _tell(
        outbox,
        Bounds(memory_bytes=limits.memory_bytes, unused_bytes=unused, wall_seconds=limits.wall_seconds),
    )
    await outbox.flush()
    listening = asyncio.create_task(_listen(reader, engine))
    _end_when_terminated(outbox)
    outcome = await engine.run(Script(path, request.text))
    listening.cancel()
    if cassette is not None:
        try:
            if said := close_cassette(cassette):
                outbox.show(Notice(said))
        except GeppettoError as error:
            failed = ScriptError("Error", str(error), hint=error.hint, code="cassette")
            return replace(outcome, kind="error", errors=(*outcome.errors, failed))
    return outcome  # the engine is not closed: the process ends, which is faster


def _open_cassette(request: RunRequest) -> Recorder | Player | None:
    from geppetto.steps.cassettes.use import open_cassette

    use = request.cassette
    if use is None:
        return None
    path = str(Path(request.path).parent / use.path)
    return open_cassette(
        record=path if use.mode == "record" else None,
        replay=path if use.mode == "replay" else None,
        pace=use.pace,
    )


async def _listen(reader: asyncio.StreamReader, engine: RuntimeEngine) -> None:
    """Takes a cancellation from the supervisor, and its end for the end."""
    while True:
        try:
            message = await read_message(reader)
        except FrameError:
            message = None
        if message is None:
            os._exit(1)  # nobody is there to be told anything
        if message.get("kind") == "cancel":
            engine.interrupt()


def _end_when_terminated(outbox: Outbox) -> None:
    """At SIGTERM sends what waits and ends, whatever the script does."""
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(outbox.flush(), _LAST_FLUSH_SECONDS)
        os._exit(128 + signal.SIGTERM)

    with contextlib.suppress(NotImplementedError):  # Windows: to terminate is to kill
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGTERM, lambda: ending.append(asyncio.create_task(end()))
        )


def main(arguments: Sequence[str]) -> None:
    """Runs one script for the supervisor, whose process id is the argument."""
    if not arguments or not stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.exit("This is a part of Geppetto that it starts by itself. To run a script: geppetto run FILE")
    die_with_parent(int(arguments[0]))
    live(forked=False)


def live(*, forked: bool) -> NoReturn:
    """Serves the supervisor at standard input and output, and ends this process.

    Args:
        forked: from a process that had imported what there is to import.
    """
    # The protocol gets descriptors of its own: whatever else writes to standard output must not break it.
    protocol_in, protocol_out = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    collect_seldom()
    code = 1
    try:
        code = asyncio.run(serve(protocol_in, protocol_out, forked=forked))
    except ConnectionError:
        code = 1  # the supervisor is gone
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        # Without tearing down V8: that takes time, and a wedged isolate never ends.
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
