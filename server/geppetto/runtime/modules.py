"""From a file to what V8 runs: reading, compiling by the native TypeScript compiler, wrapping.

A plain script runs as it is, inside an async function that opens on its first line. TypeScript and
scripts with imports become CommonJS first. Imports resolve to files inside the workspace only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonValue
from geppetto.runtime.output import Place
from geppetto.runtime.rewrite import async_edits, enclosing_function
from geppetto.runtime.source import (
    Edit,
    EditMap,
    LineIndex,
    OriginalFile,
    apply_edits,
    text_from,
    utf16_length,
    v8_line_index,
)
from geppetto.runtime.sourcemap import SourceMap

_MODULE_SYNTAX = re.compile(r"\b(?:import|export)\b")
_DYNAMIC_IMPORT = re.compile(
    r"""Promise\.resolve\(\)\.then\(\(\) => __importStar\(require\(("[^"\n]*"|'[^'\n]*')\)\)\)"""
)
_REQUIRE = re.compile(r"\brequire\b")
_AWAIT = re.compile(r"\bawait\b")
_TYPESCRIPT = (".ts", ".mts", ".cts")
_JAVASCRIPT = (".js", ".mjs", ".cjs")
_TRIED = ("", *_TYPESCRIPT, *_JAVASCRIPT, ".geppetto.ts", ".geppetto.js", ".json")
_MAX_SOURCE_BYTES = 64 * 1024 * 1024


class ModuleError(GeppettoError):
    """A script or module that cannot be loaded; carries the place of the import or the mistake."""

    def __init__(
        self,
        message: str,
        *,
        name: str = "Error",
        place: Place | None = None,
        source: OriginalFile | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.place = place
        self.source = source


@dataclass(frozen=True)
class CompiledModule:
    """A module ready for V8, and the way back from V8's positions to its author's.

    Attributes:
        unit: a short name unique in the run.
        url: the name V8 knows it by.
        original: the file as written.
        compiled: JavaScript made by the compiler, or the original text if there was nothing to compile.
        mappings: the source map from ``compiled`` to ``original``; empty if they are the same.
        edits: what was changed in ``compiled`` to get the text that runs.
        requires: specifier → the file it resolves to.
        top_level_await: whether the body has to be awaited.
    """

    unit: str
    url: str
    original: OriginalFile
    compiled: str
    mappings: str
    edits: tuple[Edit, ...]
    requires: dict[str, Path]
    top_level_await: bool

    @property
    def _opening(self) -> str:
        keyword = "async function" if self.top_level_await else "function"
        return f"{keyword} (require, module, exports, __geppettoAsync) {{"

    def define(self, requires: dict[str, str]) -> str:
        """The source that defines this module in the prelude; ``requires`` maps specifiers to units."""
        text = apply_edits(self.compiled, list(self.edits))
        options = f"{json.dumps(self.top_level_await)}, {json.dumps(requires)}"
        head = f"__geppetto.define({json.dumps(self.unit)}, {self._opening}"
        return f"{head}{text}\n}}, {options})\n//# sourceURL={self.url}"

    @cached_property
    def _head_length(self) -> int:
        return len(f"__geppetto.define({json.dumps(self.unit)}, {self._opening}")

    @cached_property
    def _running_index(self) -> LineIndex:
        return v8_line_index(apply_edits(self.compiled, list(self.edits)))

    @cached_property
    def _compiled_index(self) -> LineIndex:
        return v8_line_index(self.compiled)

    @cached_property
    def _edit_map(self) -> EditMap:
        return EditMap(self.edits)

    @cached_property
    def _source_map(self) -> SourceMap:
        return SourceMap.parse(self.mappings)

    def is_wrapper(self, line: int, column: int) -> bool:
        """Whether a position of V8's (from 0) is in text that was put in to wrap an async function."""
        if line == 0:
            column -= self._head_length
        return self._edit_map.is_inserted(self._running_index.offset(line, column))

    def function_name(self, line: int, column: int) -> str:
        """The name of the async function around a position of V8's (from 0); V8 sees a nameless arrow there."""
        if line == 0:
            column -= self._head_length
        return enclosing_function(
            self.compiled, self._edit_map.origin(self._running_index.offset(line, column))
        )

    def is_past_end(self, line: int, column: int) -> bool:
        """Whether a position of V8's (from 0) lies behind the user's text, in the wrapper."""
        last, width = self._running_index.position(self._running_index.length)
        return line > last or (line == last and column > width + (self._head_length if last == 0 else 0))

    def place_of_generated(self, line: int, column: int) -> Place:
        """The author's place of a position in the text that ran; line and column from 0."""
        if line == 0:
            column -= self._head_length
        return self.place_of_compiled(self._edit_map.origin(self._running_index.offset(line, column)))

    def place_of_compiled(self, offset: int) -> Place:
        """The author's place of an offset in ``compiled``."""
        return self.original.place(self._origin(offset))

    def place_of_specifier(self, specifier: str, offset: int) -> Place:
        """The author's place of a specifier that ``compiled`` has at an offset.

        A source map knows only where the import statement begins; the specifier stands behind that.
        """
        origin = self._origin(offset)
        behind = text_from(self.original.text, origin)
        found = min((at for quote in "'\"" if (at := behind.find(quote + specifier + quote)) >= 0), default=0)
        return self.original.place(origin + utf16_length(behind[:found]))

    def _origin(self, offset: int) -> int:
        if not self.mappings:
            return offset
        return self.original.v8_index.offset(*self._source_map.origin(*self._compiled_index.position(offset)))


@dataclass(frozen=True)
class Script:
    """What to run: a file, or a text that stands for one (unsaved, standard input).

    Attributes:
        path: where it is or would be; relative imports and image paths start from its folder.
        text: its text; None to read the file.
    """

    path: Path
    text: str | None = None


def read_source(path: Path, name: str | None = None) -> OriginalFile:
    """Reads a script.

    Raises:
        ModuleError: it does not exist, is a folder, is not UTF-8 text, or is too large.
    """
    shown = name or str(path)
    try:
        size = path.stat().st_size
        if size > _MAX_SOURCE_BYTES:
            limit = _MAX_SOURCE_BYTES // 1024 // 1024
            raise ModuleError(f"{shown} is {size:,} bytes long; a script may have {limit} MiB")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModuleError(f"{shown} does not exist") from None
    except IsADirectoryError:
        raise ModuleError(f"{shown} is a folder, not a script") from None
    except OSError as error:
        raise ModuleError(f"{shown} cannot be read: {error.strerror or error}") from error
    return source_from_bytes(data, shown)


def source_from_bytes(data: bytes, name: str) -> OriginalFile:
    """The script in some bytes; refuses what is not UTF-8 text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModuleError(
            f"{name} is not a text file: byte {error.object[error.start]:#04x} at offset {error.start} is not UTF-8"
        ) from None
    if "\0" in text:
        raise ModuleError(f"{name} is not a text file: it has a zero byte at offset {text.index(chr(0))}")
    return OriginalFile(name, text)


@dataclass(frozen=True)
class Program:
    """A script and all it imports, dependencies in any order.

    Attributes:
        main: the unit to start with.
        modules: every JavaScript module.
        data: JSON modules, by unit.
        units: file → unit.
    """

    main: str
    modules: tuple[CompiledModule, ...]
    data: dict[str, JsonValue]
    units: dict[Path, str]

    def definitions(self) -> list[tuple[CompiledModule, str]]:
        """Each module with the source that defines it."""
        return [
            (module, module.define({spec: self.units[path] for spec, path in module.requires.items()}))
            for module in self.modules
        ]


async def load_program(script: Script, root: Path, first_unit: int = 0) -> Program:
    """Reads and compiles a script and everything it imports.

    Args:
        root: the workspace; imports may not leave it.
        first_unit: the number of the first unit, so that several programs can share an isolate.

    Raises:
        ModuleError: something is missing, outside the workspace, not text, or not valid TypeScript.
    """
    from geppetto.runtime.compiler import compile_modules

    root, main, original = _opened(script, root)
    units: dict[Path, str] = {main: f"m{first_unit}"}
    modules: list[CompiledModule] = []
    data: dict[str, JsonValue] = {}
    level: list[tuple[Path, OriginalFile]] = [(main, original)]
    while level:
        following: list[tuple[Path, OriginalFile]] = []
        for (path, file), compiled in zip(level, await compile_modules(level), strict=True):
            module = _module(units[path], path, file, compiled.text, compiled.mappings, root)
            modules.append(module)
            for specifier, target in module.requires.items():
                if target in units:
                    continue
                units[target] = f"m{first_unit + len(units)}"
                place = _place_of_specifier(module, specifier)
                try:
                    imported = read_source(target, _shown(target, root))
                    if target.suffix == ".json":
                        data[units[target]] = json.loads(imported.text)
                    else:
                        following.append((target, imported))
                except ModuleError as error:
                    raise ModuleError(str(error), place=place, source=file, hint=error.hint) from error
                except ValueError as error:
                    message = f"{_shown(target, root)} is not valid JSON: {error}"
                    raise ModuleError(message, place=place, source=file) from error
        level = following
    return Program(units[main], tuple(modules), data, units)


def _opened(script: Script, root: Path) -> tuple[Path, Path, OriginalFile]:
    """The workspace and the script's path, both resolved, and its text."""
    root = root.resolve()
    main = script.path if script.path.suffix not in (*_TYPESCRIPT, *_JAVASCRIPT) else script.path.resolve()
    original = (
        read_source(main, str(script.path))
        if script.text is None
        else source_from_bytes(script.text.encode("utf-8", "surrogatepass"), str(script.path))
    )
    if not original.text.strip():
        hint = "'geppetto init' writes a first script."
        raise ModuleError(f"{script.path} is empty: there is nothing to run", hint=hint)
    return root, main, original


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def needs_compiler(path: Path, text: str) -> bool:
    """Whether V8 cannot run a file as it stands: TypeScript, or import and export."""
    if path.suffix in _TYPESCRIPT:
        return True
    if not _MODULE_SYNTAX.search(text):
        return False
    from geppetto.runtime.syntax import parse, walk

    return any(
        node.type in ("import_statement", "export_statement", "import")
        for node in walk(parse(text, "javascript"))
    )


def _module(
    unit: str, path: Path, original: OriginalFile, compiled: str, mappings: str, root: Path
) -> CompiledModule:
    edits = sorted([*async_edits(compiled, unit), *_import_edits(compiled)], key=lambda edit: edit.offset)
    if compiled.startswith("#!"):
        edits.insert(0, Edit(0, 2, "//"))
    module = CompiledModule(
        unit=unit,
        url=_url(path),
        original=original,
        compiled=compiled,
        mappings=mappings,
        edits=tuple(edits),
        requires={},
        top_level_await=bool(_AWAIT.search(compiled)) and _has_top_level_await(compiled),
    )
    for specifier, offset in _required(compiled):
        try:
            module.requires[specifier] = _resolve(specifier, path, root)
        except ModuleError as error:
            place = module.place_of_specifier(specifier, offset)
            raise ModuleError(str(error), place=place, source=original, hint=error.hint) from None
    return module


def _import_edits(compiled: str) -> list[Edit]:
    """Dynamic imports, as the compiler writes them, go to the prelude, which can await the module."""
    return [
        Edit(
            utf16_length(compiled[: match.start()]),
            utf16_length(match[0]),
            f"require.import({match[1]}).then(__importStar)",
        )
        for match in _DYNAMIC_IMPORT.finditer(compiled)
    ]


def _url(path: Path) -> str:
    return "file://" + quote(path.as_posix()) if path.is_absolute() else "geppetto:" + quote(str(path))


def _required(compiled: str) -> list[tuple[str, int]]:
    """The specifiers that ``require`` is called with, and where."""
    if not _REQUIRE.search(compiled):
        return []
    from geppetto.runtime.syntax import parse, walk

    found: list[tuple[str, int]] = []
    for node in walk(parse(compiled, "javascript")):
        if node.type != "call_expression":
            continue
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None or arguments is None or _node_text(function) != "require":
            continue
        named = arguments.named_children
        if len(named) == 1 and named[0].type == "string":
            found.append((_string_value(_node_text(named[0])), named[0].start_byte // 2))
    return found


def _node_text(node: object) -> str:
    data = getattr(node, "text", None)
    return data.decode("utf-16-le", "surrogatepass") if isinstance(data, bytes) else ""


def _string_value(literal: str) -> str:
    body = literal[1:-1]
    return re.sub(r"\\(.)", r"\1", body)


def _has_top_level_await(compiled: str) -> bool:
    from geppetto.runtime.syntax import parse

    functions = {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "method_definition",
        "generator_function",
        "generator_function_declaration",
    }
    pending = [parse(compiled, "javascript")]
    while pending:
        node = pending.pop()
        if node.type == "await_expression" or (node.type == "identifier" and _node_text(node) == "await"):
            return True  # outside an async function the grammar takes ``await (x)`` for a call
        if node.type == "for_in_statement" and any(child.type == "await" for child in node.children):
            return True
        if node.type == "ERROR":
            return True  # let V8 be the judge
        pending.extend(child for child in node.children if child.type not in functions)
    return False


def _place_of_specifier(module: CompiledModule, specifier: str) -> Place | None:
    for found, offset in _required(module.compiled):
        if found == specifier:
            return module.place_of_specifier(specifier, offset)
    return None


def _resolve(specifier: str, importer: Path, root: Path) -> Path:
    if not specifier.startswith(("./", "../")):
        raise ModuleError(
            f"Cannot import '{specifier}': only relative files (./ or ../) and JSON can be imported",
            hint="Scripts have no packages and no Node modules; the Geppetto API is global and needs no import.",
        )
    wanted = importer.parent / specifier
    for candidate in _candidates(wanted):
        if candidate.is_file():
            real = candidate.resolve()
            if not real.is_relative_to(root):
                raise ModuleError(
                    f"Cannot import '{specifier}': {real} is outside the workspace {root}",
                    hint="Move the file into the workspace, or name a wider one with --root.",
                )
            if real.suffix not in (*_TYPESCRIPT, *_JAVASCRIPT, ".json"):
                raise ModuleError(
                    f"Cannot import '{specifier}': only .js, .ts and .json files can be imported"
                )
            return real
    raise ModuleError(
        f"Cannot find '{specifier}' from {importer.name}",
        hint=f"Looked for {wanted} with the endings {', '.join(ending for ending in _TRIED if ending)}.",
    )


def _candidates(wanted: Path) -> Sequence[Path]:
    found = [wanted.with_name(wanted.name + ending) for ending in _TRIED]
    if wanted.suffix in _JAVASCRIPT:  # TypeScript's habit: './x.js' may mean './x.ts'
        found.append(wanted.with_suffix(wanted.suffix.replace("js", "ts")))
    return [*found, *(wanted / f"index{ending}" for ending in (*_TYPESCRIPT, *_JAVASCRIPT))]
