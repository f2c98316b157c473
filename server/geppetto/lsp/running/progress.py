"""A run as `$/progress`: what it says, its tokens, its time; and a button that cancels it."""

from __future__ import annotations

import asyncio
import contextlib
import time

from geppetto.json_value import JsonObject
from geppetto.lsp.params import capability, shows_runs
from geppetto.lsp.running.run import EditorRun
from geppetto.lsp.server import GeppettoServer

_SECONDS = 0.25
_MAX_TAIL = 60


async def show_progress(server: GeppettoServer, run: EditorRun, token: str | int | None) -> None:
    """Begins, reports until the run ends, and ends.

    Args:
        token: the client's; None to ask for one, if the client can be asked and does not show runs itself.
    """
    rpc = server.rpc
    if token is None:
        if shows_runs(server.client) or capability(server.client, "window.workDoneProgress") is not True:
            return
        token = run.token  # a string: not every client takes numbers
        await rpc.ask("window/workDoneProgress/create", {"token": token}, seconds=30)

    def tell(value: JsonObject) -> None:
        rpc.tell("$/progress", {"token": token, "value": value})

    tell({"kind": "begin", "title": f"Running {run.name}", "cancellable": True})
    last = ""
    while not await _ends_within(run, _SECONDS):
        message = message_of(run)
        if message != last:
            tell({"kind": "report", "message": message, "cancellable": True})
            last = message
            await rpc.drain()
    tell({"kind": "end", "message": message_of(run)})


async def _ends_within(run: EditorRun, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(run.ended.wait(), seconds)
    return run.ended.is_set()


def message_of(run: EditorRun) -> str:
    """A run in a line."""
    end = run.handle.end
    if run.handle.state == "queued":
        return "waiting for other runs to end"
    seconds = time.monotonic() - run.began if end is None else end.seconds
    tail = " ".join(run.tail.split())[-_MAX_TAIL:]
    tokens = f"{run.tally.output_tokens} tokens" if run.tally.output_tokens else ""
    parts = [tail if end is None else end.outcome, tokens, f"{seconds:.1f} s"]
    return " · ".join(filter(None, parts))
