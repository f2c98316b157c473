"""Errors of a script, told in terms of the user's own source."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from geppetto.json_value import JsonObject, JsonValue
from geppetto.runtime.compiled import CompiledModule
from geppetto.runtime.output import Place
from geppetto.runtime.rewrite import plain_throws
from geppetto.runtime.script import ModuleError
from geppetto.runtime.source import OriginalFile
from geppetto.terminal import harmless

_FRAME = re.compile(
    r"^\s*at (?:(?:async )?(?P<function>.*?) \()?(?:async )?(?P<url>\S+?):(?P<line>\d+):(?P<column>\d+)\)?$"
)
_EVAL_HEAD = re.compile(
    r"^(?P<url>[^\n]*?):(?P<line>\d+): (?P<message>[^\n]*)\n(?P<source>[^\n]*)\n(?P<caret> *)\^"
)
_IMPORTED = re.compile(r"^(?:\(0 , )?(?P<module>[\w$]+_\d+)\.(?P<name>[\w$]+)\)?(?= is not )")
_CONTEXT_LINES = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One call in a stack, in the user's source."""

    function: str
    place: Place


@dataclass(frozen=True, slots=True)
class CodeFrame:
    """Some lines of a source around a place."""

    first_line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScriptError:
    """An error that made a run fail.

    Attributes:
        name: the class of the error, such as ``TypeError``, or ``Limit``.
        message: what happened.
        context: how it reached the end of the script, such as ``in a timer``; empty for a plain throw.
        place: where in the user's source, if known.
        frames: the calls that led there, innermost first, user code only.
        code_frame: the source around the place.
        hint: what to do about it.
        code: a stable name for programs, such as ``unhandled-rejection`` or ``limit.heap``.
        cause: the error this one was made from.
    """

    name: str
    message: str
    context: str = ""
    place: Place | None = None
    frames: tuple[Frame, ...] = ()
    code_frame: CodeFrame | None = None
    hint: str | None = None
    code: str | None = None
    cause: ScriptError | None = None

    def headline(self) -> str:
        """The error without its place; of one line, unless its message has more."""
        first, *rest = (f"{self.name}: {self.message}" if self.message else self.name).split("\n")
        return "\n".join([f"{first} ({self.context})" if self.context else first, *rest])

    def render(self, color: bool = False) -> str:
        """The error as text for a terminal: headline, place, code frame, frames, hint; no final newline."""
        red, dim, bold, plain = ("\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m") if color else ("",) * 4
        out = [f"{bold}{red}{harmless(self.headline())}{plain}"]
        if self.place is not None:
            out.append(f"{dim}  --> {plain}{self.place}")
            if self.code_frame is not None:
                out.extend(self._render_code(red, dim, plain))
        for frame, times in _runs(self.frames[1:]):
            repeated = f" ×{times}" if times > 1 else ""
            function = harmless(frame.function) or "<anonymous>"
            out.append(f"{dim}    at {function} ({frame.place}){repeated}{plain}")
        if self.cause is not None:
            out.append("Caused by " + self.cause.render(color))
        if self.hint:
            out.append(f"{bold}Hint:{plain} {harmless(self.hint)}")
        return "\n".join(out)

    def _render_code(self, red: str, dim: str, plain: str) -> Iterable[str]:
        assert self.code_frame is not None and self.place is not None
        width = len(str(self.code_frame.first_line + len(self.code_frame.lines) - 1))
        for number, line in enumerate(self.code_frame.lines, self.code_frame.first_line):
            marked = number == self.place.line
            start, shown = _window(line, self.place.column - 1 if marked else 0)
            yield f"{red if marked else dim}{'>' if marked else ' '} {number:>{width}} |{plain} {harmless(shown)}"
            if marked:
                before = harmless(shown[: self.place.column - 1 - start])
                pad = "".join("\t" if character == "\t" else " " for character in before)
                yield f"{dim}  {'':>{width}} |{plain} {pad}{red}^{plain}"


def _runs(frames: tuple[Frame, ...]) -> Iterable[tuple[Frame, int]]:
    """Each frame with how often it follows itself: a recursion is told once."""
    for frame, group in groupby(frames):
        yield frame, len(list(group))


def _window(line: str, column: int, width: int = 160) -> tuple[int, str]:
    """The part of an overlong line around a column, and where it starts."""
    if len(line) <= width:
        return 0, line
    start = max(0, min(column - width // 2, len(line) - width))
    return start, line[start : start + width]


def code_frame(source: OriginalFile, place: Place) -> CodeFrame:
    """The lines of a source around a place, without empty ones at either end."""
    first = max(place.line - 1 - _CONTEXT_LINES, 0)
    end = min(place.line + _CONTEXT_LINES, len(source.lines))
    while first < place.line - 1 and not source.lines[first].strip():
        first += 1
    while end > place.line and not source.lines[end - 1].strip():
        end -= 1
    return CodeFrame(first + 1, tuple(source.lines[first:end]))


def limit_error(name: str, message: str) -> ScriptError:
    """The error of a run that a limit stopped; ``name`` is the limit's."""
    return ScriptError(
        "Limit",
        f"{message} (limit '{name}')",
        code=f"limit.{name}",
        hint=f"Raise it with --{_LIMIT_OPTIONS[name]}, or under [limits] in geppetto.toml.",
    )


_NOT_HERE = (
    "process",
    "fetch",
    "Buffer",
    "global",
    "__dirname",
    "__filename",
    "window",
    "document",
    "alert",
    "prompt",
)

_NO_BUFFER = "Array buffer allocation failed"
"""What V8 says when the system refuses it memory: how a script meets the limit on its process."""

_HINTS = {
    **{
        f"{name} is not defined": f"Scripts have no '{name}', which is Node's or the browser's; params and the Geppetto API "
        "are their way to the world."
        for name in _NOT_HERE
    },
    _NO_BUFFER: "The process may not use more memory (limit 'memory'); --max-memory raises it.",
    "Invalid array length": "V8 makes no longer arrays than this; keep less in one.",
}

_LIMIT_OPTIONS = {
    "wall": "timeout",
    "yield": "yield-timeout",
    "heap": "max-heap",
    "memory": "max-memory",
    "output": "max-output",
    "streams": "max-streams",
    "tokens": "max-tokens",
    "cost": "max-cost",
}


class Sources:
    """The modules of a run, by the names V8 knows them by."""

    def __init__(self) -> None:
        self._by_url: dict[str, CompiledModule] = {}
        self._by_unit: dict[str, CompiledModule] = {}

    def add(self, module: CompiledModule) -> None:
        self._by_url[module.url] = module
        self._by_unit[module.unit] = module

    def resolve(self, url: str, line: int, column: int) -> Place | None:
        """The user's place of a place V8 names (line and column from 1); None outside user code."""
        module = self._by_url.get(url)
        return None if module is None else module.place_of_generated(line - 1, column - 1)

    def code_frame(self, place: Place) -> CodeFrame | None:
        for module in self._by_url.values():
            if module.original.name == place.file:
                return code_frame(module.original, place)
        return None

    def frames(self, stack: str) -> list[Frame]:
        """The frames of a V8 stack text that lie in user code, mapped to it."""
        found: list[Frame] = []
        for named, module, line, column in self._calls(stack):
            function = named or module.function_name(line, column)
            if found and module.is_wrapper(line, column):
                # The body of an async function runs as an arrow inside its wrapper, which has the name.
                found[-1] = replace(found[-1], function=found[-1].function or function)
            else:
                found.append(Frame(function, module.place_of_generated(line, column)))
        return found

    def first_place(self, stack: str) -> Place | None:
        """The place of the innermost frame; unlike its function's name, it takes no syntax tree to tell."""
        for _, module, line, column in self._calls(stack):
            return module.place_of_generated(line, column)
        return None

    def _calls(self, stack: str) -> Iterator[tuple[str | None, CompiledModule, int, int]]:
        """The frames in user code: the function if V8 names it, the module, V8's line and column from 0."""
        for text in stack.split("\n"):
            match = _FRAME.match(text)
            module = None if match is None else self._by_url.get(match["url"])
            if match is not None and module is not None:
                yield match["function"], module, int(match["line"]) - 1, int(match["column"]) - 1

    def wrapped_place(self, place: str) -> Place | None:
        """The place of an async function, from the ``unit@offset`` its wrapper was given."""
        unit, _, offset = place.partition("@")
        module = self._by_unit.get(unit)
        return None if module is None or not offset.isdecimal() else module.place_of_compiled(int(offset))

    def tell_places(self, text: str) -> str:
        """A text in which places of the run's modules, as V8 writes them, are the user's places."""
        for url, module in self._by_url.items():
            if url in text:
                pattern = re.escape(url) + r":(\d+):(\d+)"
                text = re.sub(
                    pattern,
                    lambda m, module=module: str(module.place_of_generated(int(m[1]) - 1, int(m[2]) - 1)),
                    text,
                )
        return text

    def script_error(self, info: JsonValue, *, context: str = "", code: str | None = None) -> ScriptError:
        """The error the prelude described (its ``errorInfo``)."""
        if not isinstance(info, dict):
            return ScriptError("Error", str(info), context=context, code=code)
        frames = tuple(self.frames(_text(info, "stack")))
        place = frames[0].place if frames else self.wrapped_place(_text(info, "place"))
        cause = info.get("cause")
        own_code = info.get("code")
        name, message = _name_and_message(info)
        message = _IMPORTED.sub(self._imported_name, message)
        hint = _text(info, "hint") or _HINTS.get(message)
        if place is None and name == "Thrown":
            places = self._throws_of(message)
            place = places[0] if len(places) == 1 else None
            if len(places) > 1:
                hint = f"It was thrown at one of {', '.join(map(str, places[:5]))}. An Error knows its place; other values do not."
        together = info.get("errors")
        if isinstance(together, list):  # an AggregateError
            message += "".join(f"\n- {': '.join(_name_and_message(part))}" for part in together)
        return ScriptError(
            name,
            self.tell_places(message),
            context=context,
            place=place,
            frames=frames,
            code_frame=self.code_frame(place) if place else None,
            hint=hint,
            code="limit.memory" if message == _NO_BUFFER else own_code if isinstance(own_code, str) else code,
            cause=self.script_error(cause) if isinstance(cause, dict) else None,
        )

    def _imported_name(self, found: re.Match[str]) -> str:
        """What a script imports, as it calls it: V8 says `(0 , lib_js_1.parse)`."""
        module = re.compile(rf"\b{re.escape(found['module'])} = (?:__import\w+\()?require\(")
        if not any(module.search(each.compiled) for each in self._by_url.values()):
            return found[0]
        return "the default export" if found["name"] == "default" else found["name"]

    def _throws_of(self, text: str) -> list[Place]:
        """Where the run's modules may have thrown a value that is no Error, and shows as this text.

        V8 keeps no place with such a value once it was caught, so what is left is to look for it.
        """
        exact: list[Place] = []
        open_to_all: list[Place] = []
        for module in self._by_url.values():
            for offset, literal in plain_throws(module.compiled):
                if literal is None:
                    open_to_all.append(module.place_of_compiled(offset))
                elif literal.strip("'\"`") == text.strip("'\"`"):
                    exact.append(module.place_of_compiled(offset))
        return exact or open_to_all

    def module_error(self, error: ModuleError) -> ScriptError:
        """The error of a script that could not be loaded."""
        frame = code_frame(error.source, error.place) if error.source and error.place else None
        return ScriptError(error.name, str(error), place=error.place, code_frame=frame, hint=error.hint)

    def evaluation_error(self, text: str, module: CompiledModule | None) -> ScriptError:
        """The error mini-racer raised for a script that V8 could not compile or that threw at once.

        Args:
            text: ``URL:LINE: NAME: MESSAGE`` and the line with a caret below it, as mini-racer words it.
            module: the module that was compiled; V8 does not name it in a syntax error.
        """
        head = _EVAL_HEAD.match(text)
        if head is None:
            return ScriptError("Error", text.strip())
        name, _, message = head["message"].partition(": ")
        frames = tuple(self.frames(text))
        place = frames[0].place if frames else None
        if place is None and module is not None:
            line, column = int(head["line"]) - 1, len(head["caret"])
            if module.is_past_end(line, column):
                message = "Unexpected end of input: a bracket, quote or comment is not closed"
            place = module.place_of_generated(line, column)
        frame = self.code_frame(place) if place else None
        return ScriptError(name, message, place=place, frames=frames, code_frame=frame)


class ErrorLog:
    """The errors of a run, in order. A mistake in a handler comes again with every event: it is told once."""

    _MOST = 100

    def __init__(self) -> None:
        self._errors: list[ScriptError] = []
        self._places: dict[str, int] = {}
        self._times: dict[str, int] = {}
        self._left_out = 0

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, error: ScriptError) -> None:
        """Adds an error, however many there are."""
        self._errors.append(error)

    def add_once(self, description: JsonValue, make: Callable[[], ScriptError]) -> None:
        """Adds what ``make`` gives, unless an error of the same description is there, or very many are."""
        key = json.dumps(description)
        if key in self._times:
            self._times[key] += 1
        elif len(self._times) == self._MOST:
            self._left_out += 1
        else:
            self._times[key] = 1
            self._places[key] = len(self._errors)
            self._errors.append(make())

    def all(self) -> tuple[ScriptError, ...]:
        """The errors; one that came again says how often, and the last how many are left out."""
        errors = list(self._errors)
        for key, times in self._times.items():
            if times > 1:
                error = errors[self._places[key]]
                context = f"{error.context}, {times:,} times" if error.context else f"{times:,} times"
                errors[self._places[key]] = replace(error, context=context)
        if self._left_out:
            errors.append(ScriptError("Error", f"{self._left_out:,} more errors are left out"))
        return tuple(errors)


def _name_and_message(info: JsonValue) -> tuple[str, str]:
    if not isinstance(info, dict):
        return "Error", str(info)
    if info.get("name") == "Unhandled":  # not an Error, but some other value
        return "Thrown", _text(info, "text")
    return _text(info, "name") or "Error", _text(info, "message")


def _text(info: JsonObject, key: str) -> str:
    value = info.get(key)
    return value if isinstance(value, str) else ""
