"""The smallest step there is: twice a number."""

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from geppetto.json_value import JsonValue
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.step import Step

if TYPE_CHECKING:
    from geppetto.steps.run import StepRun


class DoubleStep(Step[JsonValue, float]):
    """Doubles a number: of 21, the final text is "42" and the result 42.

    Fails with the code `invalid_input` on anything but a finite number whose double is finite.
    """

    type = "double"
    input_type = "number"
    output_type = "number"

    async def run(self, run: "StepRun", input: JsonValue) -> float:
        # To Python, a bool is an int; to whoever passes `true`, it is a mistake.
        if isinstance(input, bool) or not isinstance(input, int | float):
            raise _refused(f"a number is needed, not {_shown(input)}")
        if isinstance(input, float) and not math.isfinite(input):
            raise _refused(f"a finite number is needed, not {input}")
        try:
            # As a float, since that is what a number is to JavaScript; 2 * 10**400 would be fine in Python.
            finite = math.isfinite(float(input) * 2)
        except OverflowError:
            finite = False
        if not finite:
            raise _refused("this number is too large to be doubled")
        return input * 2

    def final_text(self, value: float) -> str:
        return number_text(value)

    def final_result(self, value: float) -> JsonValue:
        return value


def number_text(number: float) -> str:
    """A finite number as JavaScript writes it: "42" for 42.0, "1e-7" for 1e-07."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer() and abs(number) < 1e21:
        return str(int(number))
    if abs(number) >= 1e-6 and abs(number) < 1e21:
        return format(Decimal(repr(number)), "f")
    mantissa, _, exponent = repr(number).partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def _refused(why: str) -> StepError:
    return StepError(f"doubleStep: {why}", kind=ErrorKind.INVALID_INPUT)


def _shown(value: JsonValue) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    return {"bool": "a boolean", "list": "an array", "dict": "an object"}.get(type(value).__name__, "this")
