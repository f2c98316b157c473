"""Whatever runs scripts: this machine's child processes, or workers behind a bus."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import RunRequest


class Runner(Protocol):
    """Starts runs and ends them. Belongs to the event loop it is used in.

    ``RunSupervisor`` is one, ``geppetto.workers.client.RemoteRunner`` the other. Leaving it as a context
    manager closes it.
    """

    def start(self, request: RunRequest) -> RunHandle:
        """Starts a run, or queues it. Returns at once; what goes wrong later is in the run's end event.

        Raises:
            GeppettoError: the runner is closed.
        """
        ...

    def run(self, run_id: str) -> RunHandle | None:
        """A run that goes on or waits; None if there is none of this id (any more)."""
        ...

    @property
    def runs(self) -> Sequence[RunHandle]:
        """The runs that go on or wait, oldest first."""
        ...

    def warm_up(self) -> None:
        """Makes ready, in the background, what the first run would have to wait for."""
        ...

    async def close(self) -> None:
        """Cancels every run; returns within a few seconds, whatever they do."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
