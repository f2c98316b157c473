"""`geppetto run`: its options, turned into a request."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from geppetto.cli.options import LIMITS, MaxCost, MaxMemory, MaxTokens, Profile, Root, RunBus, Timeout
from geppetto.cli.request import RunRequest

Runner: TypeAlias = Callable[[RunRequest], int]

_OUTPUT = "Output"
_CASSETTE = "Cassettes"


def run(
    context: typer.Context,
    script: Annotated[str, typer.Argument(metavar="FILE", help="The script; - reads standard input.")],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=TEXT",
            help="What the script reads as params.NAME; NAME:=JSON for anything but text.",
        ),
    ] = None,
    params_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Params from a JSON, YAML or TOML file; --param is stronger."),
    ] = None,
    list_params: Annotated[
        bool, typer.Option("--list-params", help="Show the params that the script declares, and end.")
    ] = False,
    profile: Profile = None,
    root: Root = None,
    bus: RunBus = None,
    events: Annotated[
        Literal["jsonl", "text", "yaml"] | None,
        typer.Option(
            help="Print the events of all streams; the console goes to standard error.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    metadata: Annotated[
        bool | None,
        typer.Option(
            "--metadata/--no-metadata",
            help="With --events: print each event's metadata. Default: for jsonl only.",
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    no_stream: Annotated[
        bool,
        typer.Option(
            "--no-stream", help="Do not show the text of streams, only the console.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="As --no-stream, and no notices either.", rich_help_panel=_OUTPUT),
    ] = False,
    tui: Annotated[
        bool,
        typer.Option(
            "--tui",
            help="Show steps, events and output live on a screen. Without a terminal: as without it.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False,
    no_color: Annotated[
        bool,
        typer.Option("--no-color", help="No colours; NO_COLOR=1 says the same.", rich_help_panel=_OUTPUT),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep what the models are asked, and every event of their answers.",
            rich_help_panel=_CASSETTE,
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Play what was recorded; no model is asked, no key is needed.",
            rich_help_panel=_CASSETTE,
        ),
    ] = None,
    pace: Annotated[
        Literal["live", "fast"],
        typer.Option(
            help="With --replay: as fast as it was recorded, or as it goes.", rich_help_panel=_CASSETTE
        ),
    ] = "fast",
    timeout: Timeout = None,
    yield_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Time without a turn of the event loop. Default: 10s.",
            rich_help_panel=LIMITS,
        ),
    ] = None,
    max_memory: MaxMemory = None,
    max_heap: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Memory of JavaScript objects. Default: 1GiB.", rich_help_panel=LIMITS
        ),
    ] = None,
    max_output: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Console and stream text. Default: 64MiB.", rich_help_panel=LIMITS),
    ] = None,
    max_streams: Annotated[
        str | None,
        typer.Option(
            metavar="COUNT", help="Streams at the same time. Default: 4096.", rich_help_panel=LIMITS
        ),
    ] = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
) -> None:
    """Run a script and stream what the models say.

    - `geppetto run hello.geppetto.js`
    - `geppetto run ask.geppetto.js -p question="Why?" -p count:=3`
    - `geppetto run chat.geppetto.js --events jsonl | jq .type`
    - `geppetto run hello.geppetto.js --bus nats://localhost:4222`
    - `echo 'console.log(1 + 1)' | geppetto run -`

    Ctrl-C interrupts the streams and lets the script finish; a second one kills it.
    Exit codes: 0 fine, 1 script error, 2 usage, 3 limit, 130 cancelled.
    """
    from geppetto.cli.params import UsageError, read_limits, read_params

    if list_params:
        from geppetto.cli.execute import script_of
        from geppetto.cli.params import list_params as listed

        typer.echo(listed(script_of(script)))
        return
    if record is not None and replay is not None:
        raise UsageError("--record and --replay exclude each other.")
    limits = read_limits(
        {
            "--timeout": timeout,
            "--yield-timeout": yield_timeout,
            "--max-memory": max_memory,
            "--max-heap": max_heap,
            "--max-output": max_output,
            "--max-streams": max_streams,
            "--max-tokens": max_tokens,
            "--max-cost": max_cost,
        }
    )
    runner: Runner = context.obj
    if tui and sys.stdin.isatty() and sys.stdout.isatty():
        from geppetto.cli.screen_run import run_on_screen

        runner = run_on_screen
    code = runner(
        RunRequest(
            script=script,
            params=read_params(param or [], params_file),
            profile=profile,
            root=None if root is None else str(root),
            limits=limits,
            events=events,
            metadata=metadata,
            show_streams=not (no_stream or quiet),
            quiet=quiet,
            color=not no_color,
            record=None if record is None else str(record),
            replay=None if replay is None else str(replay),
            pace=pace,
            bus=bus,
        )
    )
    raise typer.Exit(code)
