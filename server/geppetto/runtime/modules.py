"""A script and all it imports, from files to what V8 runs: reading, compiling, wrapping.

A plain script runs as it is, inside an async function that opens on its first line. TypeScript and
scripts with imports become CommonJS first. Imports resolve to files inside the workspace only.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from geppetto.json_value import JsonValue
from geppetto.runtime.compiled import CompiledModule
from geppetto.runtime.imports import JAVASCRIPT, TYPESCRIPT, import_edits, required, resolve
from geppetto.runtime.output import Place
from geppetto.runtime.rewrite import async_edits
from geppetto.runtime.script import ModuleError, Script, read_source, source_from_bytes
from geppetto.runtime.source import Edit, OriginalFile

_AWAIT = re.compile(r"\bawait\b")
_MAY_AWAIT = frozenset({"for_in_statement", "using_declaration"})
_AWAIT_NAME = "await".encode("utf-16-le")
_FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "method_definition",
        "generator_function",
        "generator_function_declaration",
    }
)


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
    main = script.path if script.path.suffix not in (*TYPESCRIPT, *JAVASCRIPT) else script.path.resolve()
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
    # With slashes on every system: editors join it to the URI of a folder.
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _module(
    unit: str, path: Path, original: OriginalFile, compiled: str, mappings: str, root: Path
) -> CompiledModule:
    edits = sorted([*async_edits(compiled, unit), *import_edits(compiled)], key=lambda edit: edit.offset)
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
        top_level_await=_has_top_level_await(compiled),
    )
    for specifier, offset in required(compiled):
        try:
            module.requires[specifier] = resolve(specifier, path, root)
        except ModuleError as error:
            place = module.place_of_specifier(specifier, offset)
            raise ModuleError(str(error), place=place, source=original, hint=error.hint) from None
    return module


def _url(path: Path) -> str:
    # As bytes: on Linux a name need not be UTF-8.
    return (
        f"file://{quote(os.fsencode(path.as_posix()))}"
        if path.is_absolute()
        else f"geppetto:{quote(os.fsencode(path))}"
    )


def _place_of_specifier(module: CompiledModule, specifier: str) -> Place | None:
    for found, offset in required(module.compiled):
        if found == specifier:
            return module.place_of_specifier(specifier, offset)
    return None


def _has_top_level_await(compiled: str) -> bool:
    if not _AWAIT.search(compiled):
        return False
    from geppetto.runtime.syntax import parse

    pending = [parse(compiled, "javascript")]
    while pending:
        node = pending.pop()
        if node.type == "await_expression" or (node.type == "identifier" and node.text == _AWAIT_NAME):
            return True  # outside an async function the grammar takes ``await (x)`` for a call
        if node.type in _MAY_AWAIT and any(child.type == "await" for child in node.children):
            return True
        if node.type == "ERROR":
            return True  # let V8 be the judge
        pending.extend(child for child in node.children if child.type not in _FUNCTIONS)
    return False
