"""Reads `--param`, `--params-file` and the sizes and numbers of limits; shows what params a script declares."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from geppetto.errors import GeppettoError
from geppetto.json_value import MOST_LEVELS, JsonObject, JsonValue, is_nested_deeper

if TYPE_CHECKING:
    from geppetto.runtime.script import Script

_PARAM = re.compile(r"(?P<name>[^=:]+?)(?P<typed>:?)=(?P<value>.*)", re.DOTALL)
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgt]?)(?:i?b)?", re.IGNORECASE)
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

_Number = TypeVar("_Number", int, float)


class UsageError(GeppettoError):
    """The command line says something that cannot be done."""


def read_params(assignments: Iterable[str], file: Path | None = None) -> JsonObject:
    """The params of a script: those of the file, then the assignments, the later the stronger.

    An assignment is `name=text`, or `name:=json` for anything but text: `count:=3`, `tags:=["a","b"]`.

    Raises:
        UsageError: an assignment or the file is malformed.
    """
    params = {} if file is None else _read_file(file)
    for assignment in assignments:
        match = _PARAM.fullmatch(assignment)
        if match is None:
            raise UsageError(
                f"--param {assignment}: a name and a value are needed.",
                hint="Write name=text, or name:=json for a number, a list and so on.",
            )
        if match["typed"]:
            try:
                params[match["name"]] = _json(match["value"])
            except ValueError as error:
                raise UsageError(
                    f"--param {assignment}: the value is not JSON ({error}).",
                    hint=f"For text, write {match['name']}={match['value']}",
                ) from None
        else:
            params[match["name"]] = match["value"]
    return params


def list_params(script: "Script") -> str:
    """What a script says of itself and its params, for a person.

    Raises:
        GeppettoError: it cannot be read, or its header cannot be understood.
    """
    from geppetto.runs.header import read_header

    header = read_header(script.read())
    if not header.params:
        return f"{script.path} declares no params; it takes any."
    lines = [header.description] if header.description else []
    width = max(len(param.name) for param in header.params)
    for param in header.params:
        default = (
            "" if param.default is None else f", {json.dumps(param.default, ensure_ascii=False)} unless given"
        )
        needed = "required" if param.is_required else f"optional{default}"
        lines.append(f"  {param.name:<{width}}  {param.description}".rstrip())
        lines.append(f"  {'':<{width}}  ({param.type.label}, {needed})")
    name = "-" if script.path == Path("<stdin>") else script.path
    example = next((param.name for param in header.params if param.is_required), header.params[0].name)
    return "\n".join([*lines, "", f"geppetto run {name} -p {example}=…"])


def read_limits(options: Mapping[str, str | None]) -> dict[str, float | None]:
    """Limits by their names in `geppetto.runtime.limits.Limits`, from the options that were given.

    Raises:
        UsageError: a value is malformed; names the option.
    """
    limits: dict[str, float | None] = {}
    for option, text in options.items():
        if text is None:
            continue
        name, parse, form = _LIMITS[option]
        try:
            limits[name] = None if text.strip().lower() == "none" else parse(text.strip())
        except ValueError:
            raise UsageError(f"{option} {text}: {form}; none lifts the limit.") from None
    return limits


def read_time(option: str, text: str) -> float:
    """Seconds, from a time such as 90, 90s, 2m or 500ms.

    Raises:
        UsageError: it is malformed; names the option.
    """
    try:
        return _seconds(text.strip())
    except ValueError:
        raise UsageError(f"{option} {text}: {_TIME_FORM}.") from None


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    return _positive(int(float(match["number"]) * _UNITS[match["unit"].lower()]) if match else 0)


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    return _positive(float(match["number"]) * _SECONDS[(match["unit"] or "s").lower()] if match else 0.0)


def _count(text: str) -> int:
    return _positive(int(text))


def _money(text: str) -> float:
    return _positive(float(text))


def _positive(number: _Number) -> _Number:
    if not 0 < number < float("inf"):
        raise ValueError
    return number


_SIZE_FORM = "not a size, such as 512MiB or 2GiB"
_TIME_FORM = "not a time, such as 90, 90s, 2m or 500ms"
_COUNT_FORM = "not a whole number above zero"
_LIMITS: Mapping[str, tuple[str, Callable[[str], float], str]] = {
    "--timeout": ("wall_seconds", _seconds, _TIME_FORM),
    "--yield-timeout": ("yield_seconds", _seconds, _TIME_FORM),
    "--max-memory": ("memory_bytes", _size, _SIZE_FORM),
    "--max-heap": ("heap_bytes", _size, _SIZE_FORM),
    "--max-output": ("output_bytes", _size, _SIZE_FORM),
    "--max-streams": ("streams", _count, _COUNT_FORM),
    "--max-tokens": ("tokens", _count, _COUNT_FORM),
    "--max-cost": ("cost_usd", _money, "not an amount of dollars above zero"),
}


def _read_file(file: Path) -> JsonObject:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"--params-file {file}: {error.strerror}.") from None
    try:
        value = _parse(file, data)
    except ValueError as error:  # JSON's, TOML's and Unicode's errors are ValueErrors
        raise UsageError(f"--params-file {file}: {error}.") from None
    if not isinstance(value, dict):
        raise UsageError(f"--params-file {file}: one object is needed, with a name for each value.")
    return cast(JsonObject, value)


def _parse(file: Path, data: bytes) -> object:
    match file.suffix.lower():
        case ".toml":
            import tomllib

            # Dates have no JSON form; as text they are what a script expects.
            return _plain(lambda: tomllib.loads(data.decode()))
        case ".yaml" | ".yml":
            import yaml

            try:
                return _plain(lambda: yaml.safe_load(data))
            except yaml.YAMLError as error:
                raise ValueError(str(error)) from None
        case _:
            return _json(data)


def _json(text: str | bytes) -> JsonValue:
    return _plain(lambda: json.loads(text))


def _plain(read: Callable[[], object]) -> JsonValue:
    """What was read, if a script can get it as JSON.

    Raises:
        ValueError: it cannot.
    """
    try:
        value = cast(JsonValue, json.loads(json.dumps(read(), default=str, allow_nan=False)))
        is_too_deep = is_nested_deeper(value)
    except RecursionError:
        value, is_too_deep = None, True
    except TypeError as error:
        raise ValueError(str(error)) from None  # a name that is no text, such as a date
    if is_too_deep:
        raise ValueError(f"values are nested more than {MOST_LEVELS} levels deep")
    return value
