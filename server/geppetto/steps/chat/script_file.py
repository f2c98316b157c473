"""A YAML or JSON file as a tree of values that know where they stand, for errors that say so."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias, cast

from geppetto.json_value import JsonValue
from geppetto.steps.errors import ErrorKind, StepError

if TYPE_CHECKING:
    from yaml.nodes import Node as YamlNode

Keys: TypeAlias = tuple[str | int, ...]


class ScriptError(StepError):
    """A script file that cannot be played; the message names the file, the line and the place in it.

    Attributes:
        line: counted from 1; None where it is not known.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message, kind=ErrorKind.SCRIPT)
        self.line = line


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    lines: Mapping[Keys, int]


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file, with its place."""

    value: JsonValue
    keys: Keys
    source: _Source

    @property
    def place(self) -> str:
        """Such as `responses[0].stream[2].error`."""
        shown = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.keys)
        return shown.removeprefix(".")

    @property
    def line(self) -> int | None:
        for length in range(len(self.keys), -1, -1):
            if (line := self.source.lines.get(self.keys[:length])) is not None:
                return line
        return None

    def fail(self, problem: str) -> NoReturn:
        """Raise a ScriptError about this value."""
        where = f"{self.source.name}:{self.line}" if self.line else self.source.name
        place = f"{self.place}: " if self.place else ""
        raise ScriptError(f"{where}: {place}{problem}", line=self.line)

    def wrong(self, needed: str) -> NoReturn:
        value = self.value
        if value is None:
            found = "nothing"
        elif isinstance(value, str | bool | int | float):
            found = json.dumps(value if not isinstance(value, str) else value[:40], ensure_ascii=False)
        else:
            found = {list: "a list", dict: "a mapping"}.get(type(value), f"a {type(value).__name__}")
        quote = ": put it in quotes" if needed == "text" and isinstance(value, bool | int | float) else ""
        self.fail(f"{needed} is needed here, not {found}{quote}")

    def child(self, key: str | int) -> "Node":
        value = cast("dict[str | int, JsonValue]", self.value)[key]
        return Node(value, (*self.keys, key), self.source)

    def mapping(self, allowed: Sequence[str]) -> dict[str, "Node"]:
        """The entries of a mapping; a key that is not allowed is an error with a suggestion."""
        if not isinstance(self.value, dict):
            self.wrong("a mapping")
        for key in self.value:
            if key not in allowed:
                Node(None, (*self.keys, key), self.source).unknown(key, "key", allowed)
        return {key: self.child(key) for key in self.value}

    def items(self) -> Iterator["Node"]:
        if not isinstance(self.value, list):
            self.wrong("a list")
        return (self.child(index) for index in range(len(self.value)))

    def text(self) -> str:
        return self.value if isinstance(self.value, str) else self.wrong("text")

    def number(self, minimum: float = 0.0) -> float:
        value = self.value
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not minimum <= value < float("inf")
        ):
            self.wrong(f"a number from {minimum:g}")
        return float(value)

    def count(self, minimum: int) -> int:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            self.wrong(f"a whole number from {minimum}")
        return value

    def seconds(self) -> float:
        """A number of seconds, or text such as "20ms" or "1.5s"."""
        if not isinstance(self.value, str):
            return self.number()
        digits, factor = (self.value[:-2], 1e-3) if self.value.endswith("ms") else (self.value[:-1], 1.0)
        try:
            seconds = float(digits) * factor if self.value.endswith("s") else -1.0
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            self.fail(
                f'{json.dumps(self.value)} is not a time; allowed: seconds, such as 0.5, "500ms" or "0.5s"'
            )
        return seconds

    def choice(self, allowed: Sequence[str]) -> str:
        value = self.text()
        if value not in allowed:
            self.unknown(value, "value", allowed)
        return value

    def unknown(self, value: str, what: str, allowed: Sequence[str]) -> NoReturn:
        close = difflib.get_close_matches(str(value), allowed, n=1)
        meant = f", did you mean {close[0]}?" if close else ";"
        self.fail(
            f"{json.dumps(value, ensure_ascii=False)} is not a known {what}{meant} allowed: {', '.join(allowed)}"
        )

    def json_text(self) -> str:
        try:
            return json.dumps(self.value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            self.fail(
                f"this cannot be said in JSON: {error} (a date or a special number has to be in quotes)"
            )


def value_node(value: JsonValue, name: str) -> Node:
    """The root of a value that comes from no file; `name` stands for it in errors."""
    return Node(value, (), _Source(name, {}))


def read_script_file(path: Path) -> Node:
    """The root of a file: JSON if its name ends in .json, YAML otherwise.

    Raises:
        ScriptError: it cannot be read, or is not YAML or JSON.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScriptError(f"there is no script file {path}") from None
    except OSError as error:
        raise ScriptError(f"{path}: the script file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path}: the script file is not UTF-8 text (byte {error.start})") from error
    return _parse_json(text, path) if path.suffix.lower() == ".json" else _parse_yaml(text, path)


def _parse_json(text: str, path: Path) -> Node:
    import yaml

    try:
        value = cast(JsonValue, json.loads(text))
    except (json.JSONDecodeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        where = f"{path}:{line}" if line else str(path)
        raise ScriptError(f"{where}: this is not JSON: {reason}", line=line) from error
    try:
        # JSON is near enough to YAML for its parser to know the lines.
        lines = _lines(text, path)
    except (yaml.YAMLError, RecursionError):
        # Where it is not (tabs, for one), errors say the place without the line.
        lines = {}
    return Node(value, (), _Source(str(path), lines))


def _parse_yaml(text: str, path: Path) -> Node:
    import yaml

    try:
        lines = _lines(text, path)
        value = cast(JsonValue, yaml.safe_load(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        where, reason = f"{path}:{line}" if line else str(path), error.problem or error.context
        raise ScriptError(f"{where}: this is not YAML: {reason}", line=line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: an impossible date, for one.
        raise ScriptError(f"{path}: this is not YAML: {error}") from error
    if value is None:
        raise ScriptError(f"{path}: the script file is empty; it needs a list of responses")
    return Node(value, (), _Source(str(path), lines))


def _lines(text: str, path: Path) -> dict[Keys, int]:
    import yaml

    lines: dict[Keys, int] = {}
    root = yaml.compose(text, yaml.SafeLoader)
    if root is not None:
        _find_lines(root, (), lines, set(), path)
    return lines


def _find_lines(node: "YamlNode", keys: Keys, lines: dict[Keys, int], seen: set[int], path: Path) -> None:
    from yaml.nodes import MappingNode, SequenceNode

    lines.setdefault(keys, node.start_mark.line + 1)
    if id(node) in seen:
        # An alias: going on would take for ever in a recursive file.
        return
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            _find_lines(item, (*keys, index), lines, seen, path)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            name, line = key.value, key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str" and key.tag != "tag:yaml.org,2002:merge":
                raise ScriptError(f"{path}:{line}: keys are text: put this one in quotes", line=line)
            if (*keys, name) in lines:
                raise ScriptError(f"{path}:{line}: the key {json.dumps(name)} is here twice", line=line)
            lines[(*keys, name)] = line
            _find_lines(value, (*keys, name), lines, seen, path)
