"""Errors that made a run fail, as diagnostics at their places."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.documents.store import Document
from geppetto.lsp.documents.text import Position, Range, Text
from geppetto.lsp.documents.uris import uri_of
from geppetto.lsp.features.findings import SOURCE
from geppetto.lsp.params import capability, position_json, range_json
from geppetto.lsp.running.drift import Drift
from geppetto.runs.protocol import RunError, SourcePlace

_ERROR = 1
_WORD = re.compile(r"[\w$]+")
_MAX_FRAMES = 5


def same_file(one: str, other: str) -> bool:
    """Whether two paths mean one file, also through links."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def diagnostics(
    errors: Sequence[RunError], document: Document, path: str, drift: Drift, client: JsonObject
) -> list[JsonValue]:
    """The diagnostics of a script that has failed.

    Args:
        path: the script's, as the run knows it.
        drift: how the text has changed since it was run.
        client: its capabilities.
    """
    spans = ((error, _span(error, document.text, path, drift)) for error in errors)
    return [_diagnostic(error, span, client) for error, span in spans if span is not None]


def diagnostics_elsewhere(
    errors: Sequence[RunError], path: str, root: str, client: JsonObject
) -> dict[str, list[JsonValue]]:
    """Those of the files that a script imports, by their paths.

    Args:
        root: the workspace of the run, from which it names the files.
    """
    found: dict[str, list[JsonValue]] = {}
    for error in errors:
        if error.place is None or same_file(error.place.file, path):
            continue
        file = os.path.join(os.path.realpath(root), error.place.file)
        if not os.path.isfile(file):
            continue
        start = _position(error.place)
        line = ""
        if error.code_frame is not None:
            number = error.place.line - error.code_frame.first_line
            if 0 <= number < len(error.code_frame.lines):
                line = error.code_frame.lines[number]
        span = Range(start, Position(start.line, start.character + _width(line, start)))
        found.setdefault(file, []).append(_diagnostic(error, span, client))
    return found


def _diagnostic(error: RunError, span: Range, client: JsonObject) -> JsonObject:
    related = (
        capability(client, "textDocument.publishDiagnostics.relatedInformation") is True
        or capability(client, "textDocument.diagnostic.relatedInformation") is True
    )
    diagnostic: JsonObject = {
        "range": range_json(span),
        "severity": _ERROR,
        "code": error.code or "run-error",
        "source": SOURCE,
        "message": message_of(error),
    }
    if related and (information := list(_related(error))):
        diagnostic["relatedInformation"] = information
    return diagnostic


def message_of(error: RunError) -> str:
    """The error in a sentence or two."""
    text = f"{error.name}: {error.message}" if error.name not in ("Limit", "RunError") else error.message
    if error.context:
        first, *rest = text.split("\n")
        text = "\n".join([f"{first} ({error.context})", *rest])
    return f"{text}\n{error.hint}" if error.hint else text


def _span(error: RunError, text: Text, path: str, drift: Drift) -> Range | None:
    """Where an error belongs in the script: at its own place, or at the call that led out of the script."""
    places = [error.place, *(frame.place for frame in error.frames)]
    here = next((place for place in places if place is not None and same_file(place.file, path)), None)
    start = Position(0, 0) if here is None else drift.now(_position(here))
    if start is None:
        return None
    start = text.clamp(start)
    width = _width(text.line(start.line), start)
    return text.clamp_range(Range(start, Position(start.line, start.character + width)))


def _width(line: str, start: Position) -> int:
    """Of the word that starts there."""
    word = _WORD.match(line.encode("utf-16-le")[2 * start.character :].decode("utf-16-le", "replace"))
    return len(word[0].encode("utf-16-le")) // 2 if word else 1


def _related(error: RunError) -> Iterator[JsonValue]:
    for frame in error.frames[1 : _MAX_FRAMES + 1]:
        place = position_json(_position(frame.place))
        yield {
            "location": {"uri": uri_of(frame.place.file), "range": {"start": place, "end": place}},
            "message": f"called by {frame.function or 'the script'}",
        }


def _position(place: SourcePlace) -> Position:
    return Position(max(place.line - 1, 0), max(place.column - 1, 0))
