"""Scripts run in the real engine, recorded and played."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from geppetto.resources import cache_dir
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.output import ConsoleLine, Output, StreamEvent
from geppetto.runtime.script import Script
from geppetto.runtime.setup import Cassette, setup_standard

KEY = "sk-planted-0123456789abcdef"


@dataclass
class Ran:
    kind: str
    shown: list[Output]
    errors: str

    @property
    def lines(self) -> list[str]:
        return [out.text for out in self.shown if isinstance(out, ConsoleLine)]

    @property
    def streams(self) -> list[list[dict[str, Any]]]:
        """The events of each stream, in order, without the ids that are new in every run."""
        streams: dict[str, list[dict[str, Any]]] = {}
        for out in self.shown:
            if isinstance(out, StreamEvent):
                event = json.loads(out.payload)
                streams.setdefault(event["step"].pop("step_id"), []).append(event)
                del event["meta"]["message_id"], event["meta"]["parent_id"]
        return list(streams.values())


@dataclass
class Workspace:
    folder: Path
    tools: list[str] = field(default_factory=list[str])

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    async def run(self, cassette: Cassette | None = None, script: str | None = None) -> Ran:
        if script is not None:
            self.write("main.geppetto.js", script)
        shown: list[Output] = []
        engine = RuntimeEngine(root=self.folder, output=shown.append, limits=Limits(wall_seconds=30))
        engine.add_setup_function(setup_standard(self.folder, env={}, cassette=cassette))
        async with asyncio.timeout(60), engine:
            outcome = await engine.run(Script(self.folder / "main.geppetto.js"))
        return Ran(outcome.kind, shown, "\n".join(error.render() for error in outcome.errors))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("GEPPETTO_CACHE_DIR", str(tmp_path / "cache"))
    cache_dir.cache_clear()
    folder = tmp_path / "work"
    (folder / ".git").mkdir(parents=True)
    yield Workspace(folder)
    cache_dir.cache_clear()


Run = Callable[..., Awaitable[Ran]]
