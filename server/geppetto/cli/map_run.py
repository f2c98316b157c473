"""What `geppetto map` does, with its progress and its summary."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from geppetto.cli import exit_codes
from geppetto.cli.errors import show
from geppetto.cli.params import UsageError
from geppetto.cli.signals import on_end_signals
from geppetto.cli.workspace import workspace_around
from geppetto.json_value import JsonObject
from geppetto.runs.protocol import RunRequest
from geppetto.runs.supervisor import RunsOptions
from geppetto.runtime.script import ModuleError, read_source
from geppetto.workers.choose import chosen_bus, open_runner
from geppetto.workers.mapping.inputs import count_inputs, read_inputs
from geppetto.workers.mapping.results import Line, Results
from geppetto.workers.mapping.run import Mapping, run_mapping

_CONCURRENCY_BEHIND_A_BUS = 32
_SAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class MapRequest:
    """What was asked for; see the options of the command."""

    script: Path
    inputs: Path
    out: Path | None
    concurrency: int | None
    bus: str | None
    params: JsonObject
    key: str | None
    parses: bool
    retry_failed: bool
    profile: str | None
    root: Path | None
    quiet: bool
    limits: dict[str, float | None]


def map_to_end(request: MapRequest) -> int:
    """Does all that is left to do; returns the exit code.

    Raises:
        GeppettoError: it cannot begin, or cannot go on.
    """
    if request.retry_failed and request.out is None:
        raise UsageError("--retry-failed needs --out.")
    try:
        text = read_source(request.script).text
    except ModuleError as error:
        raise UsageError(str(error)) from None
    folder = request.script.resolve().parent
    bus = chosen_bus(folder, request.bus, profile=request.profile)
    concurrency = request.concurrency or (os.cpu_count() or 2 if bus is None else _CONCURRENCY_BEHIND_A_BUS)
    mapping = Mapping(
        RunRequest(
            path=str(request.script),
            text=text,
            root=str(workspace_around(request.script, request.root)),
            profile=request.profile,
            limits=request.limits,
        ),
        _params(request.script.name, text, request.params),
        concurrency,
        request.key,
        request.parses,
    )
    with (
        _opened(request.inputs) as (inputs, count),
        Results(request.out, retry_failed=request.retry_failed) as results,
    ):
        finished = asyncio.run(_map(request, mapping, inputs, count, results, bus))
        if not request.quiet:
            _sum_up(request, results, finished=finished)
        if not finished:
            return exit_codes.CANCELLED
        return exit_codes.SCRIPT_ERROR if results.failed else exit_codes.OK


async def _map(
    request: MapRequest,
    mapping: Mapping,
    inputs: BinaryIO,
    count: int | None,
    results: Results,
    bus: str | None,
) -> bool:
    """Returns whether everything is done, and nobody stopped it."""
    stopped = asyncio.Event()
    on_end_signals(stopped.set)
    options = RunsOptions(at_once=mapping.concurrency, warm=min(mapping.concurrency, 4))
    async with open_runner(bus, options=options) as runner:
        with _progress(request, results, count) as on_result:
            runner.warm_up()
            work = asyncio.create_task(
                run_mapping(mapping, read_inputs(inputs), runner, results, on_result, _Notices())
            )
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if work.done():
                work.result()
                return True
            work.cancel()
            await asyncio.wait({work})
            return False


def _params(script: str, text: str, common: JsonObject) -> Callable[[JsonObject], JsonObject]:
    """Makes a run's params of an input's: with those for all runs, as the script declares them."""
    if "@param" not in text:
        return lambda given: {**common, **given}
    from geppetto.runs.header import read_header
    from geppetto.runs.params import bind

    header = read_header(text)
    return lambda given: bind(script, header, {**common, **given})


@contextlib.contextmanager
def _opened(path: Path) -> Generator[tuple[BinaryIO, int | None]]:
    """The inputs, and how many there are if that can be told."""
    if str(path) == "-":
        yield sys.stdin.buffer, None
        return
    try:
        with path.open("rb") as file:
            count = count_inputs(file) if path.is_file() else None
            if count is not None:
                file.seek(0)
            yield file, count
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UsageError(f"{path}: {error.strerror}.") from None


@contextlib.contextmanager
def _progress(request: MapRequest, results: Results, count: int | None) -> Generator[Callable[[Line], None]]:
    """Shows how far it is, on standard error; gives what is to be told every result."""
    prints = request.out is None and sys.stdout.isatty()
    if request.quiet or prints:
        yield lambda line: None
        return
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield _said_now_and_then(results, count)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        SpinnerColumn(),
        TextColumn(request.script.name, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[red]{task.fields[failed]}"),
        TextColumn("[dim]{task.fields[spent]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    spent = _Spent()
    with bar:
        task = bar.add_task("", total=count, completed=results.done, failed="", spent="")

        def told(line: Line) -> None:
            spent.add(line)
            failed = f"{results.failed} failed" if results.failed else ""
            bar.update(task, completed=results.done, failed=failed, spent=str(spent))

        yield told


def _said_now_and_then(results: Results, count: int | None) -> Callable[[Line], None]:
    clock = asyncio.get_running_loop().time
    said = clock()

    def told(line: Line) -> None:
        nonlocal said
        if clock() - said >= _SAY_SECONDS:
            said = clock()
            of = "" if count is None else f" of {count}"
            sys.stderr.write(f"geppetto: {results.done}{of} done, {results.failed} failed\n")
            sys.stderr.flush()

    return told


class _Notices:
    """Says what Geppetto has to say of the runs; the same for many runs is said once."""

    _MOST = 100

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._said and len(self._said) < self._MOST:
            self._said.add(text)
            sys.stderr.write(f"geppetto: {text}\n")
            sys.stderr.flush()


class _Spent:
    """Tokens and money of the results so far."""

    def __init__(self) -> None:
        self._tokens = 0
        self._dollars = 0.0

    def add(self, line: Line) -> None:
        for name in ("inputTokens", "outputTokens"):
            self._tokens += cast(int, line.get(name, 0))
        self._dollars += cast(float, line.get("costUsd", 0.0))

    def __str__(self) -> str:
        if not self._tokens:
            return ""
        return f"{self._tokens:,} tokens" + (f", ${self._dollars:.2f}" if self._dollars else "")


def _sum_up(request: MapRequest, results: Results, *, finished: bool) -> None:
    """Lists what failed, and says how to go on."""
    err = sys.stderr
    for failure in results.failures:
        err.write(f"{request.inputs}:{failure.line}: {failure.reason}\n")
    if results.failed > len(results.failures):
        err.write(f"… and {results.failed - len(results.failures)} more\n")
    good = results.done - results.failed
    said = f"{good} done" + (f", {results.failed} failed" if results.failed else "")
    if request.out is not None:
        said += f": {request.out}"
    err.flush()
    if not finished:
        show(f"stopped; {said}", hint="The same command goes on." if request.out else None)
        return
    hint = "--retry-failed does the failed ones again." if results.failed and request.out else None
    if results.failed:
        show(said, hint=hint)
    else:
        err.write(f"geppetto: {said}\n")
        err.flush()
