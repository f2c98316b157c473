"""Workspaces with steps and tools in Python."""

import itertools
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from geppetto.json_value import JsonObject
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.outcome import RunOutcome
from geppetto.runtime.output import ConsoleLine, Notice, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import Cassette, setup_standard
from geppetto.settings.find import FOLDERS_VARIABLE

_numbers = itertools.count(1)

STEPS = '''\
from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Literal, TypeVar

from geppetto.conversation.tree import Conversation
from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.run import StepRun
from geppetto.steps.step import Step
from pydantic import BaseModel, Field
from typing_extensions import TypedDict


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Query(BaseModel):
    """What to count. */ // No end of a comment."""

    text: str = Field(description="The text itself.")
    limit: int | None = 10
    mode: Literal["words", "letters"] = "words"
    colors: list[Color] = []
    pair: tuple[int, str] | None = None
    child: Query | None = None
    when: datetime.date | None = None


@dataclass
class Count:
    word: str
    times: int


class Result(TypedDict):
    counts: dict[str, int]
    best: Count


class WordCount(Step[Query, Result]):
    """Counts words."""

    async def run(self, run: StepRun, input: Query) -> Result:
        counts: dict[str, int] = {}
        for word in input.text.split():
            counts[word] = counts.get(word, 0) + 1
            await run.partial(f"{word} ")
        best = max(counts, key=lambda word: counts[word])
        return {"counts": counts, "best": Count(best, counts[best])}


class Anything(Step[JsonValue, JsonObject]):
    async def run(self, run: StepRun, input: JsonValue) -> JsonObject:
        return {"got": input}


class ByMethod(Step):
    async def run(self, run: StepRun, input: list[int | str]) -> float | None:
        numbers = [each for each in input if isinstance(each, int)]
        return sum(numbers) if numbers else None


Kind = TypeVar("Kind")


class Listing(Step[list[Kind], list[Kind]], Generic[Kind]):
    async def run(self, run: StepRun, input: list[Kind]) -> list[Kind]:
        return input[::-1]


class Days(Listing[datetime.date]):
    pass


class Chatty(Step[str | Conversation, str]):
    async def run(self, run: StepRun, input: str | Conversation) -> str:
        return input if isinstance(input, str) else f"{len(input.thread())} messages"


class Liar(Step[str, int]):
    async def run(self, run: StepRun, input: str) -> int:
        return input


class Prefixed(Step[str, str]):
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    async def run(self, run: StepRun, input: str) -> str:
        return self.prefix + input


class box:
    excited = Prefixed("!")
'''

NAMES = {
    "wordCount": "WordCount",
    "anything": "Anything",
    "byMethod": "ByMethod",
    "days": "Days",
    "chatty": "Chatty",
    "liar": "Liar",
    "excited": "box.excited",
}


@dataclass
class Workspace:
    """A repository whose modules no other test imports by the same name."""

    folder: Path
    module: str
    shown: list[Output] = field(default_factory=list[Output])

    @property
    def env(self) -> dict[str, str]:
        return {FOLDERS_VARIABLE: str(self.folder)}

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def configure(self, **targets: str) -> None:
        """Names steps; a target without a module is of this workspace's own."""
        lines = [
            f'{name} = "{target if ":" in target else f"{self.module}:{target}"}"'
            for name, target in targets.items()
        ]
        self.write("geppetto.toml", "\n".join(["[steps]", *lines, ""]))

    @property
    def said(self) -> list[str]:
        return [
            line for each in self.shown if isinstance(each, ConsoleLine) for line in each.text.split("\n")
        ]

    @property
    def notices(self) -> list[str]:
        return [each.text for each in self.shown if isinstance(each, Notice)]

    async def run(
        self,
        text: str,
        *,
        env: dict[str, str] | None = None,
        cassette: Cassette | None = None,
        params: JsonObject | None = None,
    ) -> RunOutcome:
        self.shown.clear()
        engine = RuntimeEngine(
            root=self.folder, limits=Limits(wall_seconds=60), output=self.shown.append, params=params
        )
        setup = setup_standard(self.folder, env=self.env if env is None else env, cassette=cassette)
        engine.add_setup_function(setup)
        async with engine:
            return await engine.run(Script(self.folder / "test.geppetto.js", text))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    folder = tmp_path / "workspace"
    (folder / ".git").mkdir(parents=True)
    module = f"plugin_test_steps_{next(_numbers)}"
    workspace = Workspace(folder, module)
    workspace.write(f"{module}.py", STEPS)
    workspace.configure(**NAMES)
    paths, modules = [*sys.path], {*sys.modules}
    yield workspace
    sys.path[:] = paths
    for name in {*sys.modules} - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


Run = Callable[..., Awaitable[RunOutcome]]
