"""Tools of the user's own: a Python function becomes what a model may call."""

from __future__ import annotations

import inspect
import json
import re
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from geppetto.json_value import JsonObject, JsonValue
from geppetto.plugins.errors import PluginError
from geppetto.plugins.loading import guarded, in_thread, load
from geppetto.steps.tools import PythonTools, ToolBox, ToolDefinition, ToolHandler

if TYPE_CHECKING:
    from geppetto.plugins.declared import Plugin

_ARGUMENTS = re.compile(r"^(?:Args|Arguments|Parameters):\s*\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+)(?: *\([^)]*\))?:\s*(.*)")


class NamedTools:
    """Tools that are loaded when a step first names them; no step is offered one that it does not name."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = {plugin.name: plugin for plugin in plugins}
        self._loaded: dict[str, tuple[ToolDefinition, ToolHandler]] = {}
        self._lock = threading.Lock()

    async def with_named(self, names: JsonValue, box: ToolBox | None) -> ToolBox | None:
        """A box and those tools that a step names. What the box has itself goes first.

        Raises:
            PluginError: a tool cannot be loaded.
        """
        known = {definition.name for definition in box.definitions()} if box is not None else set[str]()
        wanted = [
            name
            for name in (names if isinstance(names, list) else [])
            if isinstance(name, str) and name in self._plugins and name not in known
        ]
        if not wanted:
            return box
        tools = PythonTools()
        for name in wanted:
            tools.add(*await in_thread(lambda name=name: self._load(name)))
        return _Both(box, tools)

    def _load(self, name: str) -> tuple[ToolDefinition, ToolHandler]:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_tool(self._plugins[name])
            return self._loaded[name]


class _Both:
    def __init__(self, first: ToolBox | None, second: ToolBox) -> None:
        self._first = first
        self._second = second
        self._of_second = {definition.name for definition in second.definitions()}

    def definitions(self) -> list[ToolDefinition]:
        return [*(self._first.definitions() if self._first else []), *self._second.definitions()]

    async def call(self, name: str, arguments: JsonValue) -> JsonValue:
        if name in self._of_second:
            return await self._second.call(name, arguments)
        if self._first is None:
            raise KeyError(name)
        return await self._first.call(name, arguments)


def load_tool(plugin: Plugin) -> tuple[ToolDefinition, ToolHandler]:
    """The function that a name means, as a tool: its docstring is what the model is told, its types the schema.

    Raises:
        PluginError: it cannot be imported, or is no function that can be called by names with JSON.
    """
    found = load(plugin)
    if not callable(found) or isinstance(found, type):
        raise PluginError(
            f"the tool {plugin.name}: {plugin.target} is not a function", hint=f"{plugin.origin} names it."
        )
    return guarded(plugin, lambda: tool_of(plugin.name, found))


def tool_of(name: str, function: Callable[..., object]) -> tuple[ToolDefinition, ToolHandler]:
    """A tool made from a function.

    Raises:
        PluginError: its parameters cannot be given by name, or cannot be said in JSON.
    """
    import pydantic
    from pydantic import TypeAdapter
    from pydantic_core import to_json

    unnamed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    if any(each.kind in unnamed for each in inspect.signature(function).parameters.values()):
        raise PluginError(
            f"the tool {name}: a model gives arguments by name, and not every parameter has one"
        )
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, function))
        parameters = cast(JsonObject, adapter.json_schema())
    except pydantic.PydanticUserError as error:
        said = str(error).partition("\n")[0]
        raise PluginError(f"the tool {name}: its parameters cannot be said in JSON: {said}") from error
    description, told = _documentation(function)
    _describe(parameters, told)
    parameters.setdefault("type", "object")
    definition = ToolDefinition(name, description, parameters)

    def call(arguments: JsonValue) -> Any:
        return adapter.validate_json(json.dumps(arguments))

    def as_json(value: object) -> JsonValue:
        told: JsonValue = json.loads(to_json(value, inf_nan_mode="null"))
        return told

    async def call_async(arguments: JsonValue) -> JsonValue:
        return as_json(await cast("Awaitable[object]", call(arguments)))

    def call_blocking(arguments: JsonValue) -> JsonValue:
        return as_json(call(arguments))

    return definition, call_async if inspect.iscoroutinefunction(function) else call_blocking


def _documentation(function: Callable[..., object]) -> tuple[str, dict[str, str]]:
    """What a function's docstring says of it, and of its parameters."""
    text = inspect.getdoc(function) or ""
    section = _ARGUMENTS.search(text)
    if section is None:
        return text, {}
    told: dict[str, str] = {}
    last = ""
    for line in inspect.cleandoc(section[1]).splitlines():
        if not line.startswith(" ") and (match := _ARGUMENT.match(line)):
            last = match[1]
            told[last] = match[2].strip()
        elif last and line.strip():
            told[last] = f"{told[last]} {line.strip()}".strip()
    return (text[: section.start()] + text[section.end() :]).strip(), told


def _describe(parameters: JsonObject, told: dict[str, str]) -> None:
    properties = parameters.get("properties")
    for name, property in (properties if isinstance(properties, dict) else {}).items():
        if isinstance(property, dict) and name in told:
            property.setdefault("description", told[name])
