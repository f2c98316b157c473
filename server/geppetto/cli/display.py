"""Chooses what shows a run: a person's view, live on a terminal, or its events for programs."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from geppetto.cli.channel import Channel, is_same_file, to_descriptor
from geppetto.cli.errors import may_color
from geppetto.cli.output import Display, LiveDisplay
from geppetto.cli.request import EventsForm
from geppetto.cli.spinner import Spinner


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a run is shown: its display, standard output, and where errors go."""

    display: Display
    out: Channel
    err: Channel


def open_screen(
    on_broken: Callable[[], None] | None = None,
    *,
    events: EventsForm | None = None,
    metadata: bool | None = None,
    show_streams: bool = True,
    quiet: bool = False,
    color: bool = True,
) -> Screen:
    """Standard output and standard error; one channel serves both if they lead to the same place.

    To be called in an event loop. The options are those of ``geppetto run``.

    Args:
        on_broken: called when nobody reads standard output any more.
    """
    loop = asyncio.get_running_loop()
    stdout, stderr = sys.stdout.fileno(), sys.stderr.fileno()
    out = Channel(to_descriptor(stdout), schedule=loop.call_soon, on_broken=on_broken)
    err = out if is_same_file(stdout, stderr) else Channel(to_descriptor(stderr), schedule=loop.call_soon)
    if events is not None:
        from geppetto.cli.events_output import EventsDisplay

        return Screen(EventsDisplay(out, err, events, metadata=metadata, quiet=quiet), out, err)
    spinner = (
        Spinner(out, loop.call_later) if os.isatty(stdout) and os.environ.get("TERM") != "dumb" else None
    )
    color = color and may_color(spinner is not None)
    live = LiveDisplay(out, err, show_streams=show_streams, quiet=quiet, spinner=spinner, color=color)
    return Screen(live, out, err)
