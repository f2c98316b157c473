"""The line on which each key of a TOML text stands, which the parser of the standard library does not tell."""

import tomllib
from collections.abc import Mapping
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

LONGEST_STATEMENT = 200
"""Lines. Looking for the end costs the square of this; no setting of ours is longer."""


def key_lines(text: str) -> dict[KeyPath, int]:
    """Every key path of a valid TOML text with its line, from 1. Elements of an array of tables count from 0.

    A TOML text is a row of statements, and every statement is a valid text by itself. So the parser itself
    finds where one ends: at the first line with which it parses. After a statement that is unreasonably long
    no more lines are told.
    """
    lines: dict[KeyPath, int] = {}
    tables: dict[KeyPath, int] = {}
    table: KeyPath = ()
    statement = ""
    start = 1
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            if number - start < LONGEST_STATEMENT:
                continue  # a value of several lines goes on
            return lines
        head = statement.lstrip()
        if head.startswith("["):
            table = _header_path(parsed)
            if head.startswith("[["):
                element = tables[table] = tables.get(table, -1) + 1
                table += (element,)
            _note(lines, table, start)
        else:
            _note_values(lines, table, parsed, start)
        statement, start = "", number + 1
    return lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a path, or of the nearest thing around it that has one."""
    return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)


def _header_path(parsed: object) -> KeyPath:
    """The path of `[a.b]` or `[[a.b]]`, which parse as {"a": {"b": {}}} and {"a": {"b": [{}]}}."""
    path: KeyPath = ()
    while isinstance(parsed, dict) and parsed:
        ((key, parsed),) = parsed.items()  # pyright: ignore[reportUnknownVariableType]
        path += (str(key),)  # pyright: ignore[reportUnknownArgumentType]
    return path


def _note(lines: dict[KeyPath, int], path: KeyPath, line: int) -> None:
    for n in range(1, len(path) + 1):
        lines.setdefault(path[:n], line)


def _note_values(lines: dict[KeyPath, int], table: KeyPath, values: Mapping[str, object], line: int) -> None:
    for key, value in values.items():
        _note(lines, (*table, key), line)
        if isinstance(value, dict):
            _note_values(lines, (*table, key), value, line)  # pyright: ignore[reportUnknownArgumentType]
