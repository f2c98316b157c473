"""A step for what could not be set up: it fails with the reason as soon as it is started."""

from typing import TYPE_CHECKING

from geppetto.json_value import JsonValue
from geppetto.steps.step import Step

if TYPE_CHECKING:
    from geppetto.steps.run import StepRun


class FailingStep(Step[JsonValue, JsonValue]):
    """Stands in for a step that could not be made, so that the failure arrives as its error event."""

    type = "failing"
    input_type = "unknown"
    output_type = "unknown"

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def run(self, run: "StepRun", input: JsonValue) -> JsonValue:
        raise self._error
