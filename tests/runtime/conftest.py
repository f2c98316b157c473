"""Runs scripts in the real engine and keeps what they show."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from geppetto.runtime.engine import RuntimeEngine, SetupFunction
from geppetto.runtime.limits import Limits
from geppetto.runtime.outcome import RunOutcome
from geppetto.runtime.output import ConsoleLine, Notice, Output, StreamEvent
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard


@dataclass
class Ran:
    """A finished run: its outcome and everything it showed."""

    outcome: RunOutcome
    shown: list[Output] = field(default_factory=list[Output])

    @property
    def lines(self) -> list[str]:
        """The lines of the console, all levels."""
        return [line for out in self.shown if isinstance(out, ConsoleLine) for line in out.text.split("\n")]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(out.payload) for out in self.shown if isinstance(out, StreamEvent)]

    @property
    def notices(self) -> list[str]:
        return [out.text for out in self.shown if isinstance(out, Notice)]

    @property
    def text(self) -> str:
        """All errors as the command line shows them."""
        return "\n".join(error.render() for error in self.outcome.errors)


RunScript = Callable[..., Awaitable[Ran]]


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """Runs a text as ``main.geppetto.js`` (or ``name``) in a fresh engine with the whole API."""

    async def run(
        text: str | None,
        *,
        name: str = "main.geppetto.js",
        limits: Limits | None = None,
        setup: list[SetupFunction] | None = None,
        before: Callable[[RuntimeEngine], None] | None = None,
        params: dict[str, Any] | None = None,
        root: Path | None = None,
    ) -> Ran:
        path = tmp_path / name
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="")
        shown: list[Output] = []
        engine = RuntimeEngine(
            root=root or tmp_path,
            limits=limits or Limits(wall_seconds=30),
            output=shown.append,
            params=params,
        )
        for function in setup if setup is not None else [setup_standard(tmp_path, env={})]:
            engine.add_setup_function(function)
        async with engine:
            if before is not None:
                before(engine)
            outcome = await engine.run(Script(path))
        return Ran(outcome, shown)

    return run
