"""Typed reads out of parameters that a client sent: the shape is checked where it is used, and nowhere else."""

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.text import Edit, Position, Range
from geppetto.lsp.errors import InvalidParams

_MAX_UINTEGER = 2**31 - 1


def as_object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise InvalidParams(f"{what} should be an object")
    return value


def as_list(value: JsonValue, what: str) -> list[JsonValue]:
    if not isinstance(value, list):
        raise InvalidParams(f"{what} should be a list")
    return value


def as_string(value: JsonValue, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidParams(f"{what} should be a string")
    return value


def as_number(value: JsonValue, what: str) -> int:
    """An unsigned integer of the protocol."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidParams(f"{what} should be a whole number, 0 or more")
    return min(value, _MAX_UINTEGER)


def document_uri(params: JsonObject) -> str:
    return as_string(as_object(params.get("textDocument"), "textDocument").get("uri"), "textDocument.uri")


def version_in(params: JsonObject) -> int | None:
    """A document's version; anything but a number is none."""
    version = as_object(params.get("textDocument"), "textDocument").get("version")
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def as_position(value: JsonValue, what: str = "position") -> Position:
    position = as_object(value, what)
    return Position(
        as_number(position.get("line"), f"{what}.line"),
        as_number(position.get("character"), f"{what}.character"),
    )


def as_range(value: JsonValue, what: str = "range") -> Range:
    asked = as_object(value, what)
    return Range(
        as_position(asked.get("start"), f"{what}.start"), as_position(asked.get("end"), f"{what}.end")
    )


def as_edits(value: JsonValue) -> list[Edit]:
    edits: list[Edit] = []
    for change in as_list(value, "contentChanges"):
        change = as_object(change, "a content change")
        asked = change.get("range")
        text = as_string(change.get("text"), "a content change's text")
        edits.append(Edit(None if asked is None else as_range(asked), text))
    return edits


def position_json(position: Position) -> JsonObject:
    return {"line": position.line, "character": position.character}


def range_json(span: Range) -> JsonObject:
    return {"start": position_json(span.start), "end": position_json(span.end)}


def edit_json(edit: Edit) -> JsonObject:
    return {"text": edit.text} if edit.range is None else {"range": range_json(edit.range), "text": edit.text}


def capability(capabilities: JsonValue, path: str) -> JsonValue:
    """A value deep inside of a client's capabilities, None where the path ends early."""
    for key in path.split("."):
        if not isinstance(capabilities, dict):
            return None
        capabilities = capabilities.get(key)
    return capabilities


def shows_runs(capabilities: JsonObject) -> bool:
    """Whether the client draws runs itself, from their events."""
    return capability(capabilities, "experimental.geppettoRuns") is True
