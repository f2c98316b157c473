"""`geppetto worker`: does the runs that others submit to a bus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from geppetto.workers.worker import WorkerOptions


def worker(
    bus: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The bus: nats://host:4222 or redis://host:6379/0. Default: the setting bus.url.",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", "-c", min=1, help="Runs at once. Default: one for each core."),
    ] = None,
    folder: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Whose settings and keys runs get, found from there upwards."),
    ] = Path(),
    drain: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="How long runs may take to end when the worker is asked to end: 30s, 10m."
        ),
    ] = "30s",
    claim_after: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="After how long without a sign of life another worker takes a run. The same for all workers.",
        ),
    ] = "30s",
    dead_letters: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append jobs that are given up, as JSON lines; params included."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell of problems only.")] = False,
) -> None:
    """Do the runs that others submit to a bus, until told to stop.

    - `nats-server -js -sd /var/lib/nats`
    - `geppetto worker --bus nats://localhost:4222`
    - `geppetto run hello.geppetto.js --bus nats://localhost:4222`

    Scripts come over the bus; settings and keys are the worker's own. Start as many workers as you like, anywhere.
    Ctrl-C or SIGTERM lets the runs end (--drain), then puts the rest back into the queue; a second one does that at once.
    """
    import asyncio
    import logging
    import os
    import sys

    from geppetto.cli.params import UsageError, read_time
    from geppetto.workers.choose import chosen_bus
    from geppetto.workers.worker import WorkerOptions

    url = chosen_bus(folder, bus)
    if url is None:
        raise UsageError(
            "Which bus? Say --bus URL, or set bus.url.", hint="geppetto worker --bus nats://localhost:4222"
        )
    if not folder.is_dir():
        raise UsageError(f"--folder {folder}: there is no such folder.")
    options = WorkerOptions(
        concurrency=concurrency or os.cpu_count() or 2,
        settings_folder=str(folder.resolve()),
        drain_seconds=read_time("--drain", drain),
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    logging.getLogger("geppetto").setLevel(logging.WARNING if quiet else logging.INFO)
    asyncio.run(_work(url, options, read_time("--claim-after", claim_after), dead_letters))


async def _work(url: str, options: WorkerOptions, claim_after: float, dead_letters: Path | None) -> None:
    import logging

    from geppetto.cli.signals import on_end_signals
    from geppetto.events.dead_letters import DeadLetterLog
    from geppetto.events.transports.broker import address
    from geppetto.workers.worker import Worker, open_bus

    bus = await open_bus(url, claim_after=claim_after)
    try:
        worker = Worker(bus, options, DeadLetterLog(dead_letters))
        on_end_signals(worker.drain)
        logging.getLogger(__name__).info(
            "worker %s takes runs from %s, %d at once", worker.name, address(url), options.concurrency
        )
        await worker.run()
        logging.getLogger(__name__).info("worker %s has ended after %d runs", worker.name, worker.done)
    finally:
        await bus.close()
