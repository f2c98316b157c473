"""Tools whose handlers live in the script: the model's calls go to JavaScript and come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue

if TYPE_CHECKING:
    from geppetto.plugins.tools import NamedTools
    from geppetto.steps.tools import ToolBox, ToolDefinition


class ToolFailed(GeppettoError):
    """A handler in the script threw; the message is what it threw."""


class ScriptTools:
    """The tools of a run.

    Attributes:
        python: tools that Python registered before it ran.
        named: tools that a step has only if it names them.
    """

    def __init__(
        self,
        send: Callable[[str], None],
        python_tools: ToolBox | None = None,
        named: NamedTools | None = None,
    ) -> None:
        self._send = send
        self.python = python_tools
        self.named = named
        self._definitions: dict[str, ToolDefinition] = {}
        self._waiting: dict[int, asyncio.Future[JsonValue]] = {}
        self._last = 0

    def define(self, definition: JsonObject) -> None:
        """Takes a definition from the script; a later one of the same name replaces it."""
        from geppetto.steps.tools import ToolDefinition

        name, description = definition.get("name"), definition.get("description")
        parameters = definition.get("parameters")
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise TypeError("a tool has a name and parameters")
        self._definitions[name] = ToolDefinition(name, str(description or ""), parameters)

    def definitions(self) -> list[ToolDefinition]:
        inherited = self.python.definitions() if self.python else []
        return [tool for tool in inherited if tool.name not in self._definitions] + [
            *self._definitions.values()
        ]

    async def call(self, name: str, arguments: JsonValue) -> JsonValue:
        if name not in self._definitions and self.python is not None:
            return await self.python.call(name, arguments)
        self._last += 1
        number = self._last
        answer: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send(json.dumps(["tool", number, name, arguments]))
            return await answer
        finally:
            self._waiting.pop(number, None)

    def answered(self, number: JsonValue, value: JsonValue) -> None:
        """Takes what a handler returned."""
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is not None and not answer.done():
            answer.set_result(value)

    def failed(self, number: JsonValue, message: str) -> None:
        """Takes what a handler threw."""
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is not None and not answer.done():
            answer.set_exception(ToolFailed(message))
