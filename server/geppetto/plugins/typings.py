"""Typings of the steps in Python: what editors complete and check, made from the types in Python."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from geppetto.json_value import JsonValue
from geppetto.plugins.errors import PluginError
from geppetto.plugins.steps import load_step
from geppetto.plugins.tools import load_tool
from geppetto.plugins.typescript import ANYTHING, declaration, documentation, indented, type_of

if TYPE_CHECKING:
    from geppetto.plugins.declared import Declared, Plugin
    from geppetto.plugins.shapes import Shape
    from geppetto.steps.step import Step

HEAD = (
    "// Steps written in Python, as geppetto.toml or installed packages name them. Made from their types.\n"
)


@dataclass(frozen=True, slots=True)
class Typings:
    """Typings, and what they depend on.

    Attributes:
        text: a `.d.ts` file for scripts that have `geppetto.d.ts`; empty if there are no steps.
        problems: what cannot be used, and why, a message each.
        files: the Python files outside of installed packages that were imported, or tried.
        untrusted: folders whose Python code may not run; their steps accept and give everything.
    """

    text: str = ""
    problems: list[str] = field(default_factory=list[str])
    files: list[str] = field(default_factory=list[str])
    untrusted: list[str] = field(default_factory=list[str])


def make_typings(declared: Declared) -> Typings:
    """Imports all steps and tools that are trusted, and writes the typings of the steps.

    What cannot be loaded has typings too, which accept everything: the message about it is enough.
    """
    texts: list[str] = []
    problems = list(declared.problems)
    before = set(sys.modules)
    files: list[str] = []
    for plugin in declared:
        try:
            if plugin.kind == "tool":
                load_tool(plugin)
            else:
                texts.append(_typings_of(plugin))
        except PluginError as error:
            said = f"{str(error).rstrip('.')}. {error.hint or ''}".rstrip()
            if plugin.trusted and said not in problems:
                problems.append(said)
            if error.file is not None:
                files.append(error.file)
            if plugin.kind == "step":
                texts.append(_unknown(plugin, said))
    folders = [plugin.folder for plugin in declared if plugin.folder is not None]
    for name in sys.modules.keys() - before:
        file = getattr(sys.modules[name], "__file__", None)
        if isinstance(file, str) and any(Path(file).is_relative_to(folder) for folder in folders):
            files.append(file)
    text = f"{HEAD}\n" + "\n".join(texts) if texts else ""
    return Typings(text, problems, sorted(set(files)), _untrusted(declared))


def _typings_of(plugin: Plugin) -> str:
    loaded = load_step(plugin)
    assert loaded.shapes is not None
    taken, given = loaded.shapes
    input_type, output_type, definitions = _types(plugin.name, taken, given)
    said = f"{_documentation(loaded.step)}\n\n{_origin(plugin, loaded.step)}"
    text = f"{documentation(said)}declare const {plugin.name}: Step<{input_type}, {output_type}>;\n"
    if definitions:
        inner = "\n".join(declaration(name, schema) + "\n" for name, schema in definitions.items())
        text += f"declare namespace {plugin.name} {{\n{indented(inner)}}}\n"
    return text


def _types(name: str, taken: Shape, given: Shape) -> tuple[str, str, dict[str, JsonValue]]:
    """The types of the input and the value, and the definitions that they name."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        schemas, everything = TypeAdapter.json_schemas(
            [("in", "validation", taken.adapter), ("out", "serialization", given.adapter)]
        )
    except PydanticInvalidForJsonSchema as error:
        said = str(error).partition("\n")[0]
        raise PluginError(f"the step {name}: its types cannot be said in JSON: {said}") from error
    definitions = {**cast("dict[str, JsonValue]", everything.get("$defs", {}))}
    definitions.pop(ANYTHING, None)
    input_schema = cast(JsonValue, schemas["in", "validation"])
    output_schema = _without_null(cast(JsonValue, schemas["out", "serialization"]))
    scope = f"{name}."
    input_type = "ChatInput" if taken.takes_conversation else type_of(input_schema, scope)
    return input_type, type_of(output_schema, scope), definitions


def _without_null(schema: JsonValue) -> JsonValue:
    """A step whose value is None gives scripts its text."""
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "null":
        return {"type": "string"}
    if isinstance(members := schema.get("anyOf"), list):
        return {**schema, "anyOf": [_without_null(member) for member in members]}
    return schema


def _documentation(step: Step[Any, Any]) -> str:
    own = vars(type(step)).get("__doc__")
    return inspect.cleandoc(own) if isinstance(own, str) else ""


def _origin(plugin: Plugin, step: Step[Any, Any]) -> str:
    """Where its code is."""
    try:
        file, line = inspect.getsourcefile(type(step)), inspect.getsourcelines(type(step))[1]
    except (OSError, TypeError):
        return f"In Python: `{plugin.target}`."
    return f"In Python: `{plugin.target}`, {file}:{line}."


def _unknown(plugin: Plugin, why: str) -> str:
    return f"{documentation(why)}declare const {plugin.name}: Step<any, any>;\n"


def _untrusted(declared: Declared) -> list[str]:
    return sorted({str(plugin.folder) for plugin in declared if not plugin.trusted})


def named(declared: Declared) -> Typings:
    """Typings that only say which steps there are, without importing anything."""
    texts: list[str] = []
    for plugin in declared.steps.values():
        texts.append(_unknown(plugin, f"In Python: `{plugin.target}`. Its types are not known."))
    text = f"{HEAD}\n" + "\n".join(texts) if texts else ""
    return Typings(text, list(declared.problems), untrusted=_untrusted(declared))
