"""`geppetto map`: runs a script over many inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geppetto.cli.options import MaxCost, MaxMemory, MaxTokens, Profile, Root, RunBus, Timeout

if TYPE_CHECKING:
    from geppetto.cli.map_run import MapRequest


def map_inputs(
    script: Annotated[Path, typer.Argument(metavar="FILE", help="The script.")],
    inputs: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT.jsonl", help="One JSON object a line: the params of a run; - reads standard input."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="OUT.jsonl",
            help="Append the results there, and skip what it has. Default: print them, and do everything.",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", "-c", min=1, help="Runs at once. Default: one for each core; with a bus, 32."
        ),
    ] = None,
    bus: RunBus = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=TEXT",
            help="For every run; an input's own is stronger. NAME:=JSON too.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="NAME", help="The param that names an input, put into its result.")
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="What the script prints is JSON: put the value into the result, not the text."
        ),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Do those again that did not end well; their results go.")
    ] = False,
    profile: Profile = None,
    root: Root = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
    timeout: Timeout = None,
    max_memory: MaxMemory = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
) -> None:
    """Run a script over many inputs, several at a time, and collect what each run prints.

    - `geppetto map classify.geppetto.js tickets.jsonl --out labels.jsonl`
    - `geppetto map classify.geppetto.js tickets.jsonl --out labels.jsonl --bus nats://localhost:4222`
    - `jq -c 'select(.outcome != "ok")' labels.jsonl`

    Each result is one line: `line` (of the input, from 1), `outcome`, `output` (what the script printed with
    console.log; if nothing, the text of its last stream), `error`, time, tokens and cost. Results come in the order in
    which runs end.

    It goes on past failures and lists them at the end. Stopped, by Ctrl-C or by anything else, the same command does the
    rest: no input is lost, none is done twice in the output.
    Exit codes: 0 fine, 1 some failed or it could not go on, 2 usage, 130 stopped.
    """
    from geppetto.cli.map_run import MapRequest, map_to_end
    from geppetto.cli.params import read_limits, read_params

    limits = read_limits(
        {"--timeout": timeout, "--max-memory": max_memory, "--max-tokens": max_tokens, "--max-cost": max_cost}
    )
    request: MapRequest = MapRequest(
        script=script,
        inputs=inputs,
        out=out,
        concurrency=concurrency,
        bus=bus,
        params=read_params(param or []),
        key=key,
        parses=as_json,
        retry_failed=retry_failed,
        profile=profile,
        root=root,
        quiet=quiet,
        limits=limits,
    )
    raise typer.Exit(map_to_end(request))
