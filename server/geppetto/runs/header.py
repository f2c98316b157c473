"""Reads the params that a script declares, in a comment above its first statement, in JSDoc's words::

/**
 * Asks the same question several times.
 * @param {string} question What to ask.
 * @param {integer} [times=3] How often.
 * @param {"short" | "long"} [length="short"] How much to say.
 */
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from geppetto.json_value import JsonValue
from geppetto.runs.params import Header, Param, ParamKind, ParamsError, ParamType, fit

if TYPE_CHECKING:
    from tree_sitter import Node

_DOCUMENTATION = re.compile(r"/\*\*(?!/)(.*?)\*/", re.DOTALL)
_TAG = re.compile(r"^@(\w+)[ \t]*", re.MULTILINE)
_STARS = re.compile(r"^[ \t]*\*?[ \t]?", re.MULTILINE)
_NAME = re.compile(r"[\w$]+")
_LITERAL = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?\d+(?:\.\d+)?|true|false""")
_KINDS: Mapping[str, ParamKind] = {
    "string": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "object": "object",
}
_FUNCTIONS = frozenset({"function_declaration", "generator_function_declaration", "class_declaration"})
_FUNCTION_VALUES = frozenset({"arrow_function", "function_expression", "generator_function", "class"})
_DECLARATIONS = frozenset({"lexical_declaration", "variable_declaration"})
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def read_header(text: str) -> Header:
    """The header of a script.

    Raises:
        ParamsError: a param is declared twice, or its default does not fit its type.
    """
    if "@param" not in text:
        return Header()
    description = ""
    params: dict[str, Param] = {}
    for comment in _leading_documentation(text):
        words, tags = _tags(comment)
        declared = [_param(content) for tag, content in tags if tag in ("param", "arg", "argument")]
        if declared and not params:
            description = words
        for param in declared:
            if param.name in params:
                raise ParamsError(f"The script's header declares the param {param.name} twice")
            params[param.name] = param
    return Header(description, tuple(params.values()))


def _leading_documentation(text: str) -> Iterator[str]:
    """The insides of the documentation comments above the first statement, except for that of a function."""
    from geppetto.runtime.syntax import parse

    # TypeScript's grammar takes JavaScript's comments and functions too.
    comments: list[str] = []
    for node in parse(text, "typescript").children:
        content = (node.text or b"").decode("utf-16-le", "surrogatepass")
        if node.type == "comment":
            comments.append(content)
        elif node.type != "hash_bang_line":
            if _is_function(node) and comments:
                comments.pop()
            break
    for comment in comments:
        if match := _DOCUMENTATION.fullmatch(comment):
            yield _STARS.sub("", match[1])


def _is_function(node: Node) -> bool:
    if node.type == "export_statement":
        inner = node.child_by_field_name("declaration") or node.child_by_field_name("value")
        return inner is not None and (_is_function(inner) or inner.type in _FUNCTION_VALUES)
    if node.type in _FUNCTIONS:
        return True
    if node.type not in _DECLARATIONS:
        return False
    values = [each.child_by_field_name("value") for each in node.named_children]
    return any(value is not None and value.type in _FUNCTION_VALUES for value in values)


def _tags(comment: str) -> tuple[str, list[tuple[str, str]]]:
    """The words before the first tag, and each tag with what follows it."""
    found = list(_TAG.finditer(comment))
    starts = [*(match.start() for match in found), len(comment)]
    return _line(comment[: starts[0]]), [
        (match[1], comment[match.end() : end].strip()) for match, end in zip(found, starts[1:], strict=True)
    ]


def _param(content: str) -> Param:
    written, rest = _bracketed(content, "{")
    named, rest = _bracketed(rest, "[")
    if named is None:
        match = _NAME.match(rest)
        if match is None:
            raise ParamsError(f"The script's header has a @param without a name: {_short(content)}")
        name, default, rest = match[0], None, rest[match.end() :]
    else:
        name, _, default = (part.strip() for part in named.partition("="))
    if _NAME.fullmatch(name) is None:
        raise ParamsError(f"The script's header has a @param with an odd name: {_short(content)}")
    written = (written or "any").strip()
    is_required = named is None and not written.endswith("=")
    of_type = _type(written.removesuffix("=").strip())
    description = re.sub(r"^\s*[-–—]\s+", "", rest)
    return Param(
        name, of_type, is_required, _default(name, of_type, default) if default else None, _line(description)
    )


def _default(name: str, of_type: ParamType, written: str) -> JsonValue:
    if re.fullmatch(r"'(?:[^'\\]|\\.)*'", written):
        written = _as_json(written)
    try:
        value = cast(JsonValue, json.loads(written))
        fitting = of_type.kind != "string" or isinstance(value, str)
    except ValueError:
        value, fitting = written, True
    try:
        return fit(of_type, value if fitting else written)
    except ValueError as error:
        raise ParamsError(
            f"The script's header gives {name} a default that it may not have: it {error}"
        ) from None


def _type(written: str) -> ParamType:
    """A type from its text; what is not understood is any."""
    while written.startswith("(") and _bracketed(written, "(")[1] == "":
        written = written[1:-1].strip()
    if written in _KINDS:
        return ParamType(_KINDS[written], written)
    if written.endswith("[]"):
        return ParamType("array", written, items=_type(written[:-2].strip()))
    if match := re.fullmatch(r"(?:Readonly)?Array\s*<(.*)>", written, re.DOTALL):
        return ParamType("array", written, items=_type(match[1].strip()))
    options = [option.strip() for option in _split(written)]
    if options and all(_LITERAL.fullmatch(option) for option in options):
        choices = tuple(cast(JsonValue, json.loads(_as_json(option))) for option in options)
        return ParamType(_kind_of(choices), written, choices)
    return ParamType("any", written)


def _kind_of(choices: Sequence[JsonValue]) -> ParamKind:
    if all(isinstance(choice, str) for choice in choices):
        return "string"
    if all(isinstance(choice, bool) for choice in choices):
        return "boolean"
    if all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices):
        return "number"
    return "any"


def _as_json(literal: str) -> str:
    """A literal as JSON writes it."""
    return json.dumps(re.sub(r"\\(.)", r"\1", literal[1:-1])) if literal.startswith("'") else literal


def _split(union: str) -> Iterator[str]:
    """The options of a union, at its bars outside of quotes."""
    yield from re.findall(r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^|"'])+""", union)


def _bracketed(text: str, opening: str) -> tuple[str | None, str]:
    """What stands in the brackets that a text begins with, and what follows; None if it begins with none."""
    text = text.lstrip()
    if not text.startswith(opening):
        return None, text
    closing = _CLOSING[opening]
    quotes = '"' if opening == "[" else "\"'"  # a default may be written without quotes: [text=it's]
    depth, quote, is_escaped = 0, "", False
    for index, character in enumerate(text):
        if quote:
            if character == quote and not is_escaped:
                quote = ""
            is_escaped = character == "\\" and not is_escaped
        elif character in quotes:
            quote = character
        elif character == opening:
            depth += 1
        elif character == closing:
            depth -= 1
            if depth == 0:
                return text[1:index], text[index + 1 :].lstrip()
    raise ParamsError(f"The script's header has a @param whose bracket is not closed: {_short(text)}")


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    line = _line(text)
    return line if len(line) <= 60 else f"{line[:60]}…"
