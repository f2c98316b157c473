"""doubleStep: numbers in, numbers out, and a clear refusal of everything else."""

import json
import math

import pytest
from geppetto.steps.double import DoubleStep, number_text
from geppetto.steps.errors import StepError
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("number", "text", "result"),
    [(21, "42", 42), (21.0, "42", 42), (0.1, "0.2", 0.2), (-3, "-6", -6), (2**40, "2199023255552", 2**41)],
)
async def test_the_double(listener, number, text, result):
    assert await DoubleStep().start(listener.context(), number).result() == result
    final = listener.check()
    assert listener.types == ["start", "final"]
    assert (final.text, final.result) == (text, result)
    assert (final.step.input_type, final.step.output_type) == ("number", "number")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "a finite number is needed, not nan"),
        (math.inf, "a finite number is needed, not inf"),
        ("21", "a number is needed, not the text '21'"),
        (True, "a number is needed, not a boolean"),
        (None, "a number is needed, not nothing"),
        ([21], "a number is needed, not an array"),
        ({"n": 1}, "a number is needed, not an object"),
        (1e308, "too large to be doubled"),
        (10**400, "too large to be doubled"),
    ],
)
async def test_what_cannot_be_doubled(listener, value, said):
    with pytest.raises(StepError):
        await DoubleStep().start(listener.context(), value).result()
    error = listener.check()
    assert said in error.error_string
    assert error.code == "invalid_input"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e-7, "1e-7"), (1.5e-7, "1.5e-7"), (1e-6, "0.000001"), (0.00001234, "0.00001234"), (-0.0, "0"),
        (1e21, "1e+21"), (1e20, "100000000000000000000"), (1.5e300, "1.5e+300"), (123456.789, "123456.789"),
    ],
)  # fmt: skip
def test_numbers_read_as_in_javascript(number, text):
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_is_that_number(number):
    assert float(json.loads(number_text(number))) == number
