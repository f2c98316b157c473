"""Answering a model's tool calls: whatever goes wrong is an answer to the model, never the end of the step."""

import asyncio
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from geppetto.conversation.models import as_told
from geppetto.events.codec import well_formed
from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.errors import error_text
from geppetto.steps.run import StepRun
from geppetto.steps.tools import ToolBox, ToolDefinition, ToolUse

logger = logging.getLogger(__name__)

MAX_SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call gave: the result, or what went wrong as text, for the event and for the model."""

    use: ToolUse
    arguments: JsonValue
    result: JsonValue
    is_error: bool = False

    @property
    def text(self) -> str:
        """The result as the model reads it."""
        return as_told(self.result)


class _Refused(Exception):
    """The call cannot be made, or its result cannot be used: the message is for the model."""


async def answer_tool_calls(
    run: StepRun, box: ToolBox | None, uses: Sequence[ToolUse], *, timeout: float | None = None
) -> list[ToolOutcome]:
    """Announce the calls, run them at the same time, and tell each result as it comes.

    Args:
        timeout: seconds a single call may take; None waits until the step is cancelled.

    Returns:
        The outcomes in the order of `uses`.
    """
    for use in uses:
        await run.tool_call(use.id, use.name, use.input)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_answer(run, box, use, timeout)) for use in uses]
    return [task.result() for task in tasks]


async def _answer(run: StepRun, box: ToolBox | None, use: ToolUse, timeout: float | None) -> ToolOutcome:
    arguments: JsonValue = None
    try:
        definition = _definition(box, use.name)
        arguments = _parsed(use.input)
        _validate(definition, arguments)
        assert box is not None
        outcome = ToolOutcome(use, arguments, _as_json(await _called(box, use.name, arguments, timeout)))
    except _Refused as refusal:
        outcome = ToolOutcome(use, arguments, str(refusal), is_error=True)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # The handler gave up on something of its own; the step goes on.
        outcome = ToolOutcome(use, arguments, f"{use.name} was cancelled", is_error=True)
    except Exception as error:
        said = f"{use.name} failed: {error_text(error)}"
        logger.info("tool call %s: %s", use.id, said, exc_info=error)
        outcome = ToolOutcome(use, arguments, well_formed(said), is_error=True)
    await run.tool_result(use.id, outcome.result, outcome.is_error)
    return outcome


async def _called(box: ToolBox, name: str, arguments: JsonValue, timeout: float | None) -> JsonValue:
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            return await box.call(name, arguments)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise _Refused(f"{name} took longer than {timeout:g} s") from error


def _definition(box: ToolBox | None, name: str) -> ToolDefinition:
    definitions = box.definitions() if box else []
    for definition in definitions:
        if definition.name == name:
            return definition
    there = ", ".join(definition.name for definition in definitions)
    raise _Refused(
        f"there is no tool named {name!r}; " + (f"the tools are: {there}" if there else "there are no tools")
    )


def _parsed(text: str) -> JsonValue:
    if not text.strip():
        # Models send nothing at all for a tool without parameters.
        return {}
    try:
        return cast(JsonValue, json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise _Refused(f"the arguments are not JSON: {error}") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _as_json(value: JsonValue) -> JsonValue:
    """The value as it will look on the wire; a handler can return anything, whatever its type says."""
    if isinstance(value, str):
        return well_formed(value)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise _Refused(f"the tool returned something that is not JSON: {error}") from error
    return cast(JsonValue, json.loads(well_formed(text)))


class _Problem(Protocol):
    json_path: str
    message: str


class _Validator(Protocol):
    def iter_errors(self, instance: JsonValue) -> Iterable[_Problem]: ...


def _validate(definition: ToolDefinition, arguments: JsonValue) -> None:
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    try:
        problems = list(_validator(definition.parameters).iter_errors(arguments))
    except (SchemaError, Unresolvable) as error:
        reason = error.message if isinstance(error, SchemaError) else str(error)
        raise _Refused(
            f"the parameters of {definition.name} are not a usable JSON schema: {reason}"
        ) from error
    if problems:
        shown = "; ".join(
            f"{problem.json_path}: {problem.message}" for problem in problems[:MAX_SHOWN_PROBLEMS]
        )
        more = len(problems) - MAX_SHOWN_PROBLEMS
        raise _Refused(
            f"the arguments do not fit the parameters of {definition.name}: {shown}"
            + (f"; and {more} more" if more > 0 else "")
        )


def _validator(schema: JsonObject) -> _Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from jsonschema_specifications import REGISTRY  # pyright: ignore[reportMissingTypeStubs]

    kind = validator_for(schema, default=Draft202012Validator)
    kind.check_schema(schema)
    # The explicit registry keeps a `$ref` from reaching for the network.
    return cast(_Validator, kind(schema, registry=REGISTRY))
