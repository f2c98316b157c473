"""`geppetto runs`: the records that runs in the editor leave behind."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geppetto.cli import exit_codes

if TYPE_CHECKING:
    from geppetto.runs.records import RunRecord, RunSummary

runs = typer.Typer(no_args_is_help=True, help="List, show, replay and remove the records of runs.")

_Name = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, its beginning or end, or `last` for the newest.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_COLORS = {"ok": "green", "error": "red", "limit": "yellow", "lost": "red", "running": "cyan"}


@runs.command("list")
def list_runs(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many, newest first.")] = 20,
    as_json: _Json = False,
) -> None:
    """Print the newest runs, one a line.

    - `geppetto runs list`
    - `geppetto runs list --json | jq -r .runId`
    """
    from geppetto.runs.store import RecordStore

    store = RecordStore()
    summaries = store.summaries(count)
    if as_json:
        for summary in summaries:
            typer.echo(summary.model_dump_json())
    elif not summaries:
        typer.echo(f"no runs in {store.folder}", err=True)
    elif sys.stdout.isatty():
        _print_table(summaries)
    else:
        for summary in summaries:
            typer.echo("\t".join(_row(summary)))


@runs.command()
def show(run: _Name = "last", as_json: _Json = False) -> None:
    """Print what ran, how it ended, and what it used. With --json the whole record, as JSON lines."""
    record = _find(run)
    if as_json:
        for line in record.lines():
            typer.echo(line, nl=False)
        return
    head, summary = record.head(), record.summary()
    rows = {
        "run": summary.run_id,
        "script": summary.path,
        "started": f"{summary.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
        "ended": summary.state + ("" if summary.seconds is None else f", after {summary.seconds:.2f} s"),
        "params": _compact(head.request.get("params")),
        "profile": head.request.get("profile"),
        "steps": summary.steps,
        "tokens": f"{summary.input_tokens} in, {summary.output_tokens} out",
        "cost": None if summary.cost_usd is None else f"${summary.cost_usd:.4f}",
        "record": record.path,
    }
    for name, value in rows.items():
        if value not in (None, ""):
            typer.echo(f"{name:<8}  {value}")
    _print_errors(record, err=False)


@runs.command()
def replay(
    run: _Name = "last",
    pace: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="FACTOR", help="1 is as it ran, 2 twice as fast. Default: at once."),
    ] = None,
    events: Annotated[
        Literal["jsonl", "text", "yaml"] | None,
        typer.Option(help="Print the events of all streams; the console goes to standard error."),
    ] = None,
) -> None:
    """Show a run's output again, as it came. Runs nothing, costs nothing.

    - `geppetto runs replay last --pace 1`

    Exit codes are the run's own.
    """
    import asyncio

    raise typer.Exit(asyncio.run(_replay(_find(run), pace, events)))


@runs.command()
def rm(
    run: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Which; see `show`.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every run that has ended.")] = False,
) -> None:
    """Remove records."""
    from geppetto.cli.params import UsageError
    from geppetto.runs.store import RecordStore

    store = RecordStore()
    if bool(run) == everything:
        raise UsageError("Say which runs to remove, or --all.")
    if everything:
        chosen = [record for record in store.records() if not record.goes_on()]
    else:
        chosen = [store.find(name) for name in run or ()]
    for record in chosen:
        record.remove()
        typer.echo(f"removed {record.run_id}")


def _find(name: str) -> "RunRecord":
    from geppetto.runs.store import RecordStore

    return RecordStore().find(name)


async def _replay(
    record: "RunRecord", pace: float | None, events: Literal["jsonl", "text", "yaml"] | None
) -> int:
    import asyncio

    from geppetto.cli.display import open_screen
    from geppetto.cli.recorded import RecordedOutput
    from geppetto.runs.protocol import EndEvent
    from geppetto.runs.replay import replay

    broken = asyncio.Event()
    screen = open_screen(broken.set, events=events)
    recorded = RecordedOutput()
    code = exit_codes.OK
    async for event in replay(record, pace=pace):
        for output in recorded.outputs(event):
            screen.display(output)
        if isinstance(event, EndEvent):
            code = exit_codes.OF_OUTCOME[event.outcome]
        if broken.is_set():
            break
    screen.display.finish()
    _print_errors(record, err=True)
    return code


def _print_errors(record: "RunRecord", *, err: bool) -> None:
    from geppetto.cli.errors import may_color
    from geppetto.cli.recorded import script_error

    end = record.end()
    color = may_color((sys.stderr if err else sys.stdout).isatty())
    for error in () if end is None else end.errors:
        typer.echo(script_error(error).render(color), err=err)


def _print_table(summaries: "list[RunSummary]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("run", "started", "ended", "time", "tokens", "cost"):
        table.add_column(heading, no_wrap=True)
    table.add_column("script", overflow="ellipsis", no_wrap=True)
    for summary in summaries:
        row = _row(summary)
        table.add_row(*row[:2], Text(row[2], style=_COLORS.get(row[2], "")), *row[3:])
    Console().print(table)


def _row(summary: "RunSummary") -> list[str]:
    return [
        summary.run_id,
        f"{summary.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
        summary.state,
        "-" if summary.seconds is None else f"{summary.seconds:.2f}s",
        str(summary.input_tokens + summary.output_tokens),
        "-" if summary.cost_usd is None else f"${summary.cost_usd:.4f}",
        summary.path,
    ]


def _compact(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False) if value else ""
