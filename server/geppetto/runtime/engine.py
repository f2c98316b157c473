"""The engine: one isolate, one event loop, one router, and the scripts that run on them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.runtime.inbox import Inbox, Snippet
from geppetto.runtime.isolate import Isolate
from geppetto.runtime.limits import Limits
from geppetto.runtime.outcome import RunOutcome
from geppetto.runtime.output import Notice, Output, OutputSink
from geppetto.runtime.run import Run
from geppetto.runtime.script import Script
from geppetto.runtime.streams import StepBinding

if TYPE_CHECKING:
    from geppetto.events.router import EventRouter
    from geppetto.plugins.tools import NamedTools
    from geppetto.steps.chat.clients import Clients
    from geppetto.steps.tools import ToolBox

SetupFunction = Callable[["RuntimeEngine"], None]
HostCall = Callable[[list[JsonValue]], Awaitable[JsonValue]]


def new_isolate() -> Isolate:
    """An isolate with the prelude loaded, for an engine.

    Raises:
        ResourceError: the prelude is missing.
    """
    from geppetto.resources import prelude_path

    return Isolate(prelude_path().read_text("utf-8"))


class RuntimeEngine:
    """Runs scripts in V8 and streams the events of their steps.

    Use it as an async context manager, or call :meth:`start` and :meth:`close`::

        engine = RuntimeEngine(root=Path("scripts"))
        engine.add_setup_function(setup_standard())
        async with engine:
            outcome = await engine.run(Script(Path("scripts/hello.geppetto.js")))

    Args:
        router: carries the events of steps; an in-memory one is made when the first step starts.
        root: the workspace; imports stay inside it, and relative image paths start at the script's folder.
        limits: what a run may use.
        output: called with everything a run shows, in the event loop; must not block.
        params: what scripts read as ``params``.
        colors: whether the console writes inspected objects with terminal colours.
        tools: tools written in Python that models may call.
    """

    def __init__(
        self,
        router: EventRouter | None = None,
        *,
        root: Path | None = None,
        limits: Limits | None = None,
        output: OutputSink | None = None,
        params: JsonObject | None = None,
        colors: bool = False,
        tools: ToolBox | None = None,
    ) -> None:
        self.root = (root or Path.cwd()).resolve()
        self.limits = limits or Limits()
        self.params = params or {}
        self.colors = colors
        self.python_tools = tools
        self.named_tools: NamedTools | None = None
        self.base_folder = self.root
        self._router = router
        self._owned_router: EventRouter | None = None
        self._clients: Clients | None = None
        self._output = output
        self._setup_functions: list[SetupFunction] = []
        self._installs: list[str] = []
        self._embedding_model: JsonObject | None = None
        self.bindings: dict[str, StepBinding] = {}
        self.calls: dict[str, HostCall] = {}
        self._isolate: Isolate | None = None
        self._run: Run | None = None
        self._inbox = Inbox()
        self._units = 0
        self._notices: list[str] | None = []
        self._closed = False

    # Set-up

    def add_setup_function(self, setup: SetupFunction) -> None:
        """Adds a function that gives scripts something; it is called with the engine by :meth:`start`."""
        self._setup_functions.append(setup)

    def install(self, part: str) -> None:
        """Gives scripts a part of the API: ``conversation``, ``done`` or ``tools``."""
        if part not in self._installs:
            self._installs.append(part)

    def install_embeddings(self, name: str, dimensions: int) -> None:
        """Gives scripts ``embeddings``; register the host call ``embed`` with it."""
        self.install("embeddings")
        self._embedding_model = {"name": name, "dimensions": dimensions}

    def register_step(self, name: str, binding: StepBinding) -> None:
        """Makes a step a global of scripts."""
        self.bindings[name] = binding
        if self._run is not None:
            self._inbox.put(json.dumps(["global", self._step_item(name, binding)]))

    def register_tools(self, tools: NamedTools) -> None:
        """Tools that a step has if it names them; to be called before :meth:`start` ends."""
        self.named_tools = tools

    def register_call(self, name: str, handler: HostCall) -> None:
        """Answers a call of the prelude's, synchronous or not, with a value that JSON can say."""
        self.calls[name] = handler

    # Life

    async def start(self, isolate: Isolate | None = None) -> None:
        """Makes the isolate and calls the set-up functions. Does not run anything yet.

        Args:
            isolate: one that was made ahead of time; it is this engine's from now on.

        Raises:
            GeppettoError: the engine was started before, or the prelude is missing.
        """
        if self._isolate is not None or self._closed:
            raise GeppettoError("This engine was started before: make a new one")
        for setup in self._setup_functions:
            setup(self)
        self._isolate = isolate or new_isolate()
        self._isolate.bound(heap_bytes=self.limits.heap_bytes, yield_seconds=self.limits.yield_seconds)
        boot: JsonObject = {
            "params": self.params,
            "installs": list(self._installs),
            "steps": [self._step_item(name, binding) for name, binding in self.bindings.items()],
            "embeddings": self._embedding_model,
            "inspect": {"colors": self.colors},
        }
        self._inbox.put(json.dumps(["boot", boot]))
        self._run = Run(self, self._isolate, self._inbox)

    async def run(self, script: Script) -> RunOutcome:
        """Runs a script to its end; errors of the script are in the outcome, not raised.

        Cancelling the caller cancels the run's streams and stops the script.

        Raises:
            GeppettoError: the engine is not started, is closed, runs another script, or was lost to an earlier one
                (``RunOutcome.engine_lost``).
        """
        run, early, self._notices = self._current(), self._notices, None
        for text in early or ():
            self.notice(text)
        outcome = await run.run(script, self._units)
        self._units += 1000
        return outcome

    def run_on_loop(self, code: str) -> asyncio.Future[object]:
        """Evaluates a piece of JavaScript in a turn of its own, on the running engine.

        Returns:
            A future of the value of its last expression: None, bool, int, float or str as they are, else opaque.

        Raises:
            GeppettoError: the engine is not started or is closed.
        """
        run = self._current()
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._inbox.put(Snippet(code, future))
        run.wake()
        return future

    def interrupt(self) -> None:
        """Asks the running script to end: its streams are interrupted, then it is stopped.

        The outcome of the run is ``cancelled``. Does nothing when no script runs.
        """
        if self._run is not None:
            self._run.interrupt()

    async def close(self) -> None:
        """Interrupts what still runs, frees the isolate, closes connections to model services. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._run is not None:
            await self._run.close()
        if self._owned_router is not None:
            await self._owned_router.close()
        if self._clients is not None:
            await self._clients.aclose()
        if self._isolate is not None:
            self._isolate.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # For set-up functions

    def clients(self) -> Clients:
        """The connections to model services of this engine's steps; closed with it."""
        if self._clients is None:
            from geppetto.steps.chat.clients import Clients

            self._clients = Clients()
        return self._clients

    def spent(self, input_tokens: int, output_tokens: int, cost: float | None) -> None:
        """Counts for the running script what was used beside its steps, whose events tell it.

        Args:
            cost: in US dollars; None if it is not known.
        """
        if self._run is not None:
            self._run.spent(input_tokens, output_tokens, cost)

    # For the run

    async def router(self) -> EventRouter:
        """The router that carries the events of this engine's steps, running."""
        if self._router is None:
            from geppetto.events.router import EventRouter

            self._router = self._owned_router = EventRouter()
            await self._owned_router.start()
        return self._router

    def show(self, output: Output) -> None:
        """Hands something to whoever watches."""
        if self._output is not None:
            self._output(output)

    def notice(self, text: str) -> None:
        """Says something about the run that is not the script's. What is said before the first run is shown with it."""
        if self._notices is None:
            self.show(Notice(text))
        else:
            self._notices.append(text)

    def _current(self) -> Run:
        if self._run is None or self._closed:
            raise GeppettoError(
                "The engine is not running: call start() first, and do not use it after close()"
            )
        return self._run

    @staticmethod
    def _step_item(name: str, binding: StepBinding) -> JsonObject:
        return {
            "global": name,
            "ref": name,
            "kind": "factory" if binding.factory else "object",
            "inputType": binding.input_type,
            "outputType": binding.output_type,
        }
