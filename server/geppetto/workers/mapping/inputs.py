"""The inputs of a map: a file of JSON lines, read one at a time however long it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from geppetto.json_value import MOST_LEVELS, JsonObject, is_nested_deeper

_TOO_DEEP = f"values of this line are nested more than {MOST_LEVELS} levels deep"


@dataclass(frozen=True, slots=True)
class Input:
    """One input.

    Attributes:
        line: its line in the file, from 1.
        digest: of the line, never 0; tells whether the file has changed since.
        params: what it says; None if it cannot be used.
        problem: why it cannot.
    """

    line: int
    digest: int
    params: JsonObject | None
    problem: str = ""


def read_inputs(file: BinaryIO) -> Iterator[Input]:
    """The inputs of a file, in order. Blank lines count as lines, and are no inputs."""
    for number, line in enumerate(file, 1):
        text = line.strip()
        if text:
            yield _input(number, text)


def count_inputs(file: BinaryIO) -> int:
    """How many there are."""
    return sum(1 for line in file if line.strip())


def _input(number: int, text: bytes) -> Input:
    digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) or 1
    try:
        value: object = json.loads(text)
    except ValueError as error:  # also what is not UTF-8
        return Input(number, digest, None, f"this line is not JSON: {error}")
    except RecursionError:
        return Input(number, digest, None, _TOO_DEEP)
    if not isinstance(value, dict):
        return Input(number, digest, None, "this line is not an object, so it cannot be params")
    params = cast(JsonObject, value)
    if is_nested_deeper(params, MOST_LEVELS + 1):  # the line itself is one
        return Input(number, digest, None, _TOO_DEEP)
    return Input(number, digest, params)
