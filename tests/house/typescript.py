"""Writes the TypeScript types of what runs tell their clients, from the models that define it.

``python -m tests.house.typescript`` writes the file; a test fails when it is out of date.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from geppetto.events import models as events
from geppetto.lsp.running import messages
from geppetto.runs import protocol, records
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

FILE = Path(__file__).parents[2] / "vscode-extension/src/protocol.gen.ts"

READ: Sequence[type[BaseModel]] = (
    *get_args(events.Event),
    *get_args(protocol.RunEvent),
    records.RunSummary,
    messages.RunStarted,
    messages.RunEventParams,
    messages.RunList,
    messages.RunOutput,
    messages.DeclaredParams,
    messages.Profiles,
)
"""What clients read: every field is there, unless its model leaves it out."""

WRITTEN: Sequence[type[BaseModel]] = (
    protocol.RunRequest,
    messages.RunParams,
    messages.DeclaringScript,
    messages.AskedProfiles,
)
"""What clients write: a field with a default may be left out."""

UNIONS = {
    "StreamEvent": get_args(events.Event),
    "LaterEvent": [
        model
        for model in get_args(events.Event)
        if model not in (events.StartEvent, events.PartialEvent)  # they have events of a run's own
    ],
    "RunEvent": get_args(protocol.RunEvent),
}

HEAD = """// Made by `python -m tests.house.typescript` from the models in server/geppetto. Do not edit.

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
"""

_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}

Schema = dict[str, Any]


class AllFields(GenerateJsonSchema):
    """Fields with a default are in what we write too, unless their model leaves them out."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return field.get("serialization_exclude_if") is None


def typescript() -> str:
    """The text of the file."""
    _, read = models_json_schema([(model, "serialization") for model in READ], schema_generator=AllFields)
    _, written = models_json_schema([(model, "validation") for model in WRITTEN])
    definitions: dict[str, Schema] = {**written.get("$defs", {}), **read["$defs"]}
    parts = [
        HEAD,
        *(_interface(name, definitions[name]) for name in sorted(definitions) if name != "JsonValue"),
    ]
    for name, members in UNIONS.items():
        options = "".join(f"\n  | {model.__name__}" for model in members)
        parts.append(f"export type {name} ={options};\n")
    return "\n".join(parts)


def _interface(name: str, schema: Schema) -> str:
    if "properties" not in schema:
        return f"export type {name} = {_type(schema)};\n"
    required = set(schema.get("required", ()))
    about, fields = _documentation(schema.get("description", ""))
    lines = list(_comment(about, ""))
    lines.append(f"export interface {name} {{")
    for key, field in schema["properties"].items():
        lines += _comment(fields.get(key, ""), "  ")
        lines.append(f"  readonly {key}{'' if key in required else '?'}: {_type(field)};")
    return "\n".join([*lines, "}", ""])


def _type(schema: Schema) -> str:
    match schema:
        case {"tsType": str(name)}:
            return name
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"const": value}:
            return json.dumps(value)
        case {"enum": list(values)}:
            return " | ".join(map(json.dumps, values))
        case {"anyOf": list(options)} | {"oneOf": list(options)}:
            return " | ".join(dict.fromkeys(map(_type, options)))
        case {"type": "array", "items": item}:
            inner = _type(item)
            return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
        case {"type": "object", "additionalProperties": dict(value)}:
            return f"{{ readonly [key: string]: {_type(value)} }}"
        case {"type": "object"}:
            return "{ readonly [key: string]: JsonValue }"
        case {"type": str(plain)}:
            return _PLAIN[plain]
        case _:
            return "JsonValue"


def _documentation(docstring: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of the class, and of each attribute by its name on the wire."""
    about, _, attributes = inspect.cleandoc(docstring).partition("\nAttributes:\n")
    fields = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return about, {protocol.to_camel(name): text for name, text in fields}


def _comment(text: str, indent: str) -> Iterator[str]:
    lines = [
        " ".join(line.split())
        for line in re.sub(r"\bNone\b", "null", text.replace("``", "`")).strip().splitlines()
    ]
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
    elif lines:
        yield f"{indent}/**"
        yield from (f"{indent} * {line}".rstrip() for line in lines)
        yield f"{indent} */"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(typescript(), encoding="utf-8")
