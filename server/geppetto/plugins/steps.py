"""Steps of the user's own: the object that a name means, with its types checked on the way in and out."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from geppetto.json_value import JsonValue
from geppetto.plugins.errors import PluginError
from geppetto.plugins.loading import guarded, load
from geppetto.steps.failing import FailingStep
from geppetto.steps.step import Step

if TYPE_CHECKING:
    from geppetto.events.models import EventMetadata
    from geppetto.plugins.declared import Plugin
    from geppetto.plugins.shapes import Shape
    from geppetto.steps.context import StepContext
    from geppetto.steps.result import StepResult
    from geppetto.steps.run import StepRun


class TypedStep(Step[Any, Any]):
    """A step as scripts see it: takes and gives JSON. It runs the step itself, which may keep what it likes.

    Args:
        name: of the global.
        step: it may be started many times at once.
        read: what the script passed → the step's input; None: by the types that the step declares.
        write: the step's value → JSON; None: as the step's class says it, or else by these types.

    Raises:
        PluginError: the types cannot be said in JSON.
    """

    def __init__(
        self,
        name: str,
        step: Step[Any, Any],
        read: Callable[[JsonValue], Any] | None = None,
        write: Callable[[Any], JsonValue] | None = None,
    ) -> None:
        self.step = step
        self.shapes: tuple[Shape, Shape] | None = None
        if write is None and (read is not None or _overrides(step, "final_result")):
            write = step.final_result
        if read is None or write is None:
            from geppetto.plugins.shapes import step_shapes

            self.shapes = taken, given = step_shapes(step)
            read = read or (lambda value: taken.read(value, name))
            write = write or (lambda value: given.write(value, name))
        self._read, self._write = read, write
        for attribute, default in (("type", name), ("input_type", "unknown"), ("output_type", "unknown")):
            setattr(self, attribute, getattr(step, attribute, default))

    def start(self, ctx: StepContext, input: Any) -> StepResult[Any]:
        self._topics = self._topics or self.step._topics
        if not _overrides(self.step, "start"):
            return super().start(ctx, input)
        # It decides there which other step it is; what that one gives is its own affair.
        self.step._topics = self._topics
        try:
            return self.step.start(ctx, self._read(input))
        except Exception as error:
            return FailingStep(error).start(ctx, None)

    async def run(self, run: StepRun, input: Any) -> Any:
        return await self.step.run(run, self._read(input))

    def describe(self) -> EventMetadata:
        return self.step.describe() if hasattr(self.step, "type") else super().describe()

    def final_text(self, value: Any) -> str:
        return (
            self.step.final_text(value) if _overrides(self.step, "final_text") else _text(self._write(value))
        )

    def final_result(self, value: Any) -> JsonValue:
        return self._write(value)

    def _finish(self, run: StepRun, value: Any) -> None:
        result = self.final_result(value)
        text = run.text or self.final_text(value)
        # Where the text is the value, it need not travel twice.
        run.send_final(text, None if result == text else result)


def _overrides(step: Step[Any, Any], method: str) -> bool:
    """Whether the step's class has its own way."""
    return getattr(cast(type, type(step)), method) is not getattr(Step, method)


class StepLoader:
    """Loads a step when it is first started; what cannot be loaded says why at every start."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._lock = threading.Lock()
        self._loaded: TypedStep | PluginError | None = None

    def load(self) -> TypedStep:
        """
        Raises:
            PluginError: it cannot be had.
        """
        with self._lock:
            if self._loaded is None:
                try:
                    self._loaded = load_step(self._plugin)
                except PluginError as error:
                    self._loaded = error
        if isinstance(self._loaded, PluginError):
            raise self._loaded
        return self._loaded


def load_step(plugin: Plugin) -> TypedStep:
    """The step that a name in the settings, or of a package, means: a subclass of `Step`, or an object of one.

    Raises:
        PluginError: it cannot be imported or made, or is no step.
    """
    found = load(plugin)
    if isinstance(found, type) and issubclass(found, Step):
        cls = cast("type[Step[Any, Any]]", found)
        if inspect.isabstract(cls):
            raise PluginError(
                f"the step {plugin.name}: {plugin.target} has no method run",
                hint=f"{plugin.origin} names it.",
            )
        found = guarded(plugin, cls)
    if not isinstance(found, Step):
        raise PluginError(
            f"the step {plugin.name}: {plugin.target} is {_kind(found)}, and not a geppetto.steps.step.Step",
            hint=f"{plugin.origin} names it.",
        )
    step = cast("Step[Any, Any]", found)
    try:
        return guarded(plugin, lambda: TypedStep(plugin.name, step))
    except PluginError as error:
        said = str(error)
        if said.startswith(f"the step {plugin.name}:"):
            raise
        hint = f"{error.hint or ''} {plugin.origin} names {plugin.target}.".strip()
        raise PluginError(f"the step {plugin.name}: {said}", hint=hint) from error


def _text(value: JsonValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _kind(found: Any) -> str:
    if isinstance(found, type):
        return "another class"
    return "a function" if callable(found) else f"{type(found).__name__}"
