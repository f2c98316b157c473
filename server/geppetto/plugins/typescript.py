"""JSON schemas, as pydantic makes them, in TypeScript."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

from geppetto.json_value import JsonObject, JsonValue

_REFERENCE = "#/$defs/"
ANYTHING = "JsonValue"
"""How pydantic names what may be any JSON."""

_PRIMITIVES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def type_name(definition: str) -> str:
    """The name of a definition, such as `Box[int]`, as TypeScript allows one."""
    name = re.sub(r"\W+", "_", definition, flags=re.ASCII).strip("_") or "Type"
    return f"_{name}" if name[0].isdigit() else name


def type_of(schema: JsonValue, scope: str = "") -> str:
    """The type that a schema describes.

    Args:
        scope: goes before the names of definitions, such as `wordCount.`.
    """
    if not isinstance(schema, dict):
        return "never" if schema is False else "JsonValue"
    if schema.get("$ref") == f"{_REFERENCE}{ANYTHING}":
        return "JsonValue"
    if isinstance(reference := schema.get("$ref"), str):
        return scope + type_name(reference.removeprefix(_REFERENCE))
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if isinstance(values := schema.get("enum"), list):
        return _union([json.dumps(value, ensure_ascii=False) for value in values])
    for key in ("anyOf", "oneOf"):
        if isinstance(members := schema.get(key), list):
            return _union([type_of(member, scope) for member in members])
    if isinstance(members := schema.get("allOf"), list):
        return " & ".join(_grouped(type_of(member, scope)) for member in members)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _union([type_of({**schema, "type": each}, scope) for each in kind])
    if kind == "array":
        return _array(schema, scope)
    if kind == "object":
        return _object(schema, scope)
    return _PRIMITIVES.get(str(kind), "JsonValue")


def declaration(name: str, schema: JsonValue) -> str:
    """A definition by its own name: an interface if it is one of an object, otherwise an alias."""
    documented = documentation(_words(schema))
    own = type_name(name)
    if isinstance(schema, dict) and schema.get("type") == "object" and "properties" in schema:
        return f"{documented}interface {own} {_members(schema, '')}"
    return f"{documented}type {own} = {type_of(schema)};"


def documentation(text: str) -> str:
    """A documentation comment with its line end; empty if there is nothing to say."""
    text = text.replace("*/", "*\\/").strip()
    if not text:
        return ""
    lines = "".join(f" * {line}".rstrip() + "\n" for line in text.splitlines())
    return f"/**\n{lines} */\n"


def indented(text: str) -> str:
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def _words(schema: JsonValue) -> str:
    if not isinstance(schema, dict):
        return ""
    words = str(schema.get("description") or "")
    if "default" in schema and schema["default"] is not None:
        words += f"\n@default {json.dumps(schema['default'], ensure_ascii=False)}"
    return words.strip()


def _array(schema: JsonObject, scope: str) -> str:
    items = schema.get("items", True)
    first = schema.get("prefixItems")
    if not isinstance(first, list):
        return f"{_grouped(type_of(items, scope))}[]"
    required = schema.get("minItems")
    members = [
        type_of(member, scope)
        if not isinstance(required, int) or number < required
        else f"{_grouped(type_of(member, scope))}?"
        for number, member in enumerate(first)
    ]
    if "items" in schema and items is not False:
        members.append(f"...{_grouped(type_of(items, scope))}[]")
    return f"[{', '.join(members)}]"


def _object(schema: JsonObject, scope: str) -> str:
    if "properties" in schema:
        return _members(schema, scope)
    more = schema.get("additionalProperties", True)
    if isinstance(patterns := schema.get("patternProperties"), dict):
        more = cast(JsonValue, {"anyOf": list(patterns.values())})
    if more is False:
        return "{}"
    return f"{{ [name: string]: {type_of(more, scope)} }}"


def _members(schema: JsonObject, scope: str) -> str:
    properties = cast("Mapping[str, JsonValue]", schema.get("properties") or {})
    required = cast("Sequence[str]", schema.get("required") or [])
    text = ""
    for name, member in properties.items():
        key = name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else json.dumps(name)
        type_ = type_of(member, scope)
        said = f"{key}: {type_};" if name in required else f"{key}?: {type_} | undefined;"
        text += documentation(_words(member)) + said + "\n"
    return f"{{\n{indented(text)}}}" if text else "{}"


def _union(members: Sequence[str]) -> str:
    return " | ".join(dict.fromkeys(members)) or "never"


def _grouped(type_: str) -> str:
    """A type where a postfix may follow."""
    depth = 0
    for character in type_:
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and character in "|&":
            return f"({type_})"
    return type_
