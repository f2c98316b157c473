"""The params of a script: what it declares, and what it is given, made to fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias, cast

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue

ParamKind: TypeAlias = Literal["string", "number", "integer", "boolean", "array", "object", "any"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_FORMS: Mapping[ParamKind, str] = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


class ParamsError(GeppettoError):
    """A script's header cannot be understood, or what the script is given does not fit it."""


@dataclass(frozen=True, slots=True)
class ParamType:
    """A type as a header can say it.

    Attributes:
        kind: what values are; any for whatever is not understood.
        label: the type as it is written.
        choices: the only values there are; empty if there are others.
        items: of a list.
    """

    kind: ParamKind
    label: str
    choices: tuple[JsonValue, ...] = ()
    items: ParamType | None = None


@dataclass(frozen=True, slots=True)
class Param:
    """A declared param.

    Attributes:
        is_required: whether it has to be given.
        default: what it is if it is not given; None for nothing.
        description: a sentence or more, in one line.
    """

    name: str
    type: ParamType
    is_required: bool
    default: JsonValue = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """What a script says of itself.

    Attributes:
        description: the header's text before the first tag.
        params: in their order; empty if the script declares none, and then it takes whatever it is given.
    """

    description: str = ""
    params: tuple[Param, ...] = ()


def bind(script: str, header: Header, given: Mapping[str, JsonValue]) -> JsonObject:
    """What a script reads as its params: what it is given, as declared, and its defaults.

    A text that is given for something else is read as that: ``"3"`` as a number, ``"yes"`` as a boolean, a
    list or an object from its JSON. A script that declares nothing takes everything.

    Args:
        script: its name, for the message.

    Raises:
        ParamsError: something is missing, of another type or not declared; the message names all of it.
    """
    if not header.params:
        return dict(given)
    declared = {param.name for param in header.params}
    problems = [_undeclared(name, declared) for name in given if name not in declared]
    values: JsonObject = {}
    for param in header.params:
        if param.name in given:
            try:
                values[param.name] = fit(param.type, given[param.name])
            except ValueError as error:
                problems.append(f"{param.name} {error}")
        elif param.is_required:
            about = f": {param.description}" if param.description else ""
            problems.append(f"{param.name} is missing ({param.type.label}{about})")
        elif param.default is not None:
            values[param.name] = param.default
    if problems:
        raise ParamsError("\n  ".join([f"{script} cannot run with these params:", *problems]))
    return values


def _undeclared(name: str, declared: Iterable[str]) -> str:
    near = get_close_matches(name, declared, n=1)
    return f"{name} is not declared; " + (
        f"did you mean {near[0]}?" if near else "the script takes no such param"
    )


def fit(of_type: ParamType, value: JsonValue) -> JsonValue:
    """A value as its type.

    Raises:
        ValueError: it has another; the message goes on behind the value's name.
    """
    if of_type.choices:
        return _chosen(of_type.choices, value)
    fitted = _read(of_type, value)
    if fitted is None and of_type.kind != "any":
        raise ValueError(f"should be {_form(of_type)}, not {_shown(value)}")
    return fitted


def _read(of_type: ParamType, value: JsonValue) -> JsonValue:
    """The value; None if it is of another type."""
    match of_type.kind:
        case "any":
            return value
        case "string":
            return value if isinstance(value, str) else None
        case "boolean":
            return _boolean(value)
        case "number":
            return _number(value)
        case "integer":
            number = _number(value)
            return int(number) if number is not None and number == int(number) else None
        case "array":
            found = _from_json(value)
            if not isinstance(found, list) or of_type.items is None:
                return None
            return [fit(of_type.items, item) for item in found]
        case "object":
            found = _from_json(value)
            return found if isinstance(found, dict) else None


def _boolean(value: JsonValue) -> bool | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return value if isinstance(value, bool) else None


def _number(value: JsonValue) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = float(value)
        if abs(number) == float("inf"):
            return None
        return int(number) if number == int(number) and abs(number) < 2**53 else number
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _from_json(value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return value
    try:
        return cast(JsonValue, json.loads(value))
    except ValueError:
        return None


def _chosen(choices: tuple[JsonValue, ...], value: JsonValue) -> JsonValue:
    for choice in choices:
        if choice == value and isinstance(choice, bool) == isinstance(value, bool):
            return choice
    for choice in choices:
        if isinstance(value, str) and json.dumps(choice) == value.strip():
            return choice
    raise ValueError(f"should be {' or '.join(map(_shown, choices))}, not {_shown(value)}")


def _form(of_type: ParamType) -> str:
    if of_type.kind == "array" and of_type.label != "array":
        return f"a list ({of_type.label}), in JSON"
    return _FORMS[of_type.kind]


def _shown(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
