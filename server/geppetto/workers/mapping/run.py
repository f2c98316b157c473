"""Runs a script over many inputs, several at a time, and writes what each came to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import (
    ConsoleEvent,
    EndEvent,
    NoticeEvent,
    RunError,
    RunRequest,
    StartedEvent,
    StepEvent,
)
from geppetto.runs.runner import Runner
from geppetto.workers.mapping.inputs import Input
from geppetto.workers.mapping.results import Line, Results, as_json, result_line

_NOT_THE_SCRIPTS: Final = ("run.bus", "run.lost")
"""Codes of errors that say nothing about the input: it is to be tried again."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """What is done for each input.

    Attributes:
        request: the run, without params of its own.
        params: makes the params of a run from those of an input; raises GeppettoError if they do not fit.
        concurrency: how many runs at a time.
        key: the param that names an input in its result; None for none.
        parses: whether what the script prints is JSON, and goes into the result as such.
    """

    request: RunRequest
    params: Callable[[JsonObject], JsonObject]
    concurrency: int
    key: str | None = None
    parses: bool = False


async def run_mapping(
    mapping: Mapping,
    inputs: Iterable[Input],
    runner: Runner,
    results: Results,
    on_result: Callable[[Line], None],
    on_notice: Callable[[str], None],
) -> None:
    """Does every input that has no result yet. To stop it, cancel it: then nothing that goes on has a result.

    Raises:
        GeppettoError: it cannot go on; the same call does the rest.
    """
    rest = (each for each in inputs if not results.has(each))

    async def work() -> None:
        for input in rest:
            line = await _result(mapping, input, runner, on_notice)
            results.add(line)
            on_result(line)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(mapping.concurrency):
                group.create_task(work())
    except ExceptionGroup as errors:
        stopped = errors.subgroup(GeppettoError)
        raise (errors if stopped is None else next(_leaves(stopped))) from None


async def _result(mapping: Mapping, input: Input, runner: Runner, on_notice: Callable[[str], None]) -> Line:
    try:
        if input.params is None:
            raise GeppettoError(input.problem)
        params = mapping.params(input.params)
    except GeppettoError as error:
        facts: JsonObject = {"message": str(error), "code": "map.input"}
        return result_line(input, "error", {"error": facts})
    run = runner.start(mapping.request.model_copy(update={"params": params}))
    try:
        output, end = await _follow(run, on_notice)
    finally:
        run.cancel()
    if end.outcome == "cancelled":
        raise GeppettoError(f"The run of line {input.line} was cancelled from outside")
    for problem in end.errors:
        if problem.code in _NOT_THE_SCRIPTS:
            raise GeppettoError(problem.message, hint=problem.hint)
    return _line(mapping, input, output, end)


async def _follow(run: RunHandle, on_notice: Callable[[str], None]) -> tuple[str, EndEvent]:
    """What a run printed, or the text of its last stream if it printed nothing; and how it ended."""
    printed: list[str] = []
    text = ""
    async for event in run.events():
        match event:
            case StartedEvent():  # perhaps anew, after a worker died
                printed.clear()
                text = ""
            case ConsoleEvent(level="log" | "info" | "debug"):
                printed.append(event.text)
            case StepEvent(event={"type": "final", "text": str(said)}):
                text = said
            case NoticeEvent():
                on_notice(event.text)
            case _:
                pass
    return "\n".join(printed) if printed else text, await run.wait()


def _line(mapping: Mapping, input: Input, output: str, end: EndEvent) -> Line:
    facts: JsonObject = {}
    outcome = end.outcome
    if mapping.key is not None and input.params is not None:
        facts["key"] = input.params.get(mapping.key)
    value: JsonValue = output
    error: JsonObject | None = _error(end.errors[0]) if end.errors else None
    if mapping.parses and outcome == "ok":
        try:
            value = as_json(output)
        except ValueError as problem:
            outcome = "error"
            error = {"message": f"the output is not JSON: {problem}", "code": "map.output"}
    facts["output"] = value
    if error is not None:
        facts["error"] = error
    facts["seconds"] = round(end.seconds, 3)
    facts["inputTokens"], facts["outputTokens"] = end.input_tokens, end.output_tokens
    if end.cost_usd is not None:
        facts["costUsd"] = end.cost_usd
    return result_line(input, outcome, facts)


def _error(error: RunError) -> JsonObject:
    facts: JsonObject = {
        "message": error.message if error.name == "RunError" else f"{error.name}: {error.message}"
    }
    if error.code is not None:
        facts["code"] = error.code
    if (place := error.place) is not None:
        facts["place"] = f"{place.file}:{place.line}:{place.column}"
    return facts


def _leaves(group: ExceptionGroup[GeppettoError]) -> Iterator[GeppettoError]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
