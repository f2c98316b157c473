"""What a model may call: definitions, the box that holds them, and a box of Python functions."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.errors import ErrorKind, StepError

ToolHandler: TypeAlias = "Callable[[JsonValue], JsonValue | Awaitable[JsonValue]]"


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as a model sees it; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A model asks for a tool. `input` is the raw text of the arguments, as the model wrote it."""

    id: str
    name: str
    input: str


class ToolBox(Protocol):
    """The tools of a run."""

    def definitions(self) -> list[ToolDefinition]: ...

    async def call(self, name: str, arguments: JsonValue) -> JsonValue:
        """Run a tool of this box. An exception is told to the model, it does not end the step."""
        ...


class PythonTools:
    """A tool box of Python functions. A function that is not async runs in a thread: it may block."""

    def __init__(self) -> None:
        self._tools: dict[str, tuple[ToolDefinition, ToolHandler]] = {}

    def add(self, definition: ToolDefinition, handler: ToolHandler) -> None:
        """Add a tool; a later one of the same name replaces it."""
        self._tools[definition.name] = (definition, handler)

    def definitions(self) -> list[ToolDefinition]:
        return [definition for definition, _ in self._tools.values()]

    async def call(self, name: str, arguments: JsonValue) -> JsonValue:
        _, handler = self._tools[name]
        if inspect.iscoroutinefunction(handler):
            value = handler(arguments)
        else:
            value = await asyncio.to_thread(handler, arguments)
        return await value if inspect.isawaitable(value) else value


class SelectedTools:
    """Some tools of a box, by name."""

    def __init__(self, box: ToolBox | None, names: Sequence[str]) -> None:
        """
        Raises:
            StepError: the box has no tool of one of these names.
        """
        self._box = box
        self._names = frozenset(names)
        known = [definition.name for definition in box.definitions()] if box else []
        for name in names:
            if name not in known:
                there = f"defined are: {', '.join(known)}" if known else "no tool is defined"
                raise StepError(f"there is no tool named {name!r}; {there}", kind=ErrorKind.SETTINGS)

    def definitions(self) -> list[ToolDefinition]:
        return [tool for tool in self._box.definitions() if tool.name in self._names] if self._box else []

    async def call(self, name: str, arguments: JsonValue) -> JsonValue:
        if self._box is None or name not in self._names:
            raise KeyError(name)
        return await self._box.call(name, arguments)
