"""Asks the client to ask again."""

import asyncio

from geppetto.lsp.params import capability
from geppetto.lsp.server import GeppettoServer


class Refresher:
    """Sends one refresh request, again and again while there is news, but never before the last one was answered.

    Args:
        what: the request is `workspace/WHAT/refresh`.
        seconds: the least time between two.
    """

    def __init__(self, server: GeppettoServer, what: str, seconds: float) -> None:
        self._server = server
        self._what = what
        self._seconds = seconds
        self._is_due = False
        self._is_running = False

    def soon(self) -> None:
        """Something has changed."""
        self._is_due = True
        supported = capability(self._server.client, f"workspace.{self._what}.refreshSupport") is True
        if supported and not self._is_running:
            self._is_running = True
            self._server.rpc.run_beside(self._run(), f"refreshing {self._what}")

    async def _run(self) -> None:
        try:
            while self._is_due:
                self._is_due = False
                await self._server.rpc.ask(f"workspace/{self._what}/refresh", None, seconds=30)
                await asyncio.sleep(self._seconds)
        finally:
            self._is_running = False
