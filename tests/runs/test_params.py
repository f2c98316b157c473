"""What scripts declare in their headers, and what they are given."""

from __future__ import annotations

import pytest
from geppetto.json_value import JsonValue
from geppetto.runs.header import read_header
from geppetto.runs.params import Header, ParamsError, bind

HEADER = """\
#!/usr/bin/env -S geppetto run
// @ts-check
/**
 * Asks the same question
 * several times.
 *
 * @param {string} question - What to ask: "Why?", for example.
 * @param {integer} [times=3] How often,
 *   but not too often.
 * @param {"short" | 'so |{ long'} [length="short"]
 * @param {boolean} [loud=false]
 * @param {string[]} [tags=["a]", "b"]] Tags.
 * @param {number} [temperature]
 * @param {Map<string, Foo>} [more={"a": [1]}] Anything.
 * @returns nothing
 */
const a = 1;
"""


def declared(header: Header) -> dict[str, tuple[str, bool, JsonValue, str]]:
    return {
        param.name: (param.type.kind, param.is_required, param.default, param.description)
        for param in header.params
    }


def test_a_header_is_read() -> None:
    header = read_header(HEADER)
    assert header.description == "Asks the same question several times."
    assert declared(header) == {
        "question": ("string", True, None, 'What to ask: "Why?", for example.'),
        "times": ("integer", False, 3, "How often, but not too often."),
        "length": ("string", False, "short", ""),
        "loud": ("boolean", False, False, ""),
        "tags": ("array", False, ["a]", "b"], "Tags."),
        "temperature": ("number", False, None, ""),
        "more": ("any", False, {"a": [1]}, "Anything."),
    }
    assert header.params[2].type.choices == ("short", "so |{ long")


@pytest.mark.parametrize(
    "text",
    [
        "/** @param {string} a */\nfunction f(a) {}",
        "/** @param {string} a */\nexport default async function (a) {}",
        "/** @param {string} a */\nexport const f = (a) => a;",
        "/** @param {string} a */\nclass F {}",
        "const a = 1;\n/** @param {string} a */\nb;",
        "/* @param {string} a */\nb;",
        "// @param {string} a\nb;",
        'const text = "/** @param {string} a */";',
    ],
)
def test_other_comments_are_no_headers(text: str) -> None:
    assert read_header(text) == Header()


def test_a_header_may_stand_above_that_of_a_function() -> None:
    text = "/** Says.\n * @param {string} a */\n/** @param {number} b */\nfunction f(b) {}"
    assert list(declared(read_header(text))) == ["a"]


def test_a_header_alone_and_above_what_cannot_be_parsed() -> None:
    assert list(declared(read_header("/** @param {string} a */"))) == ["a"]
    assert list(declared(read_header("/** @param {string} a */\nif (true {\n"))) == ["a"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("@param {string}", "without a name"),
        ("@param {string} [a", "not closed"),
        ("@param {string a", "not closed"),
        ("@param {string} [a b=1]", "odd name"),
        ("@param {number} [a=three]", 'a default that it may not have: it should be a number, not "three"'),
        ("@param {'x'|'y'} [a=z]", 'should be "x" or "y"'),
        ("@param {string} a\n@param {string} a", "a twice"),
    ],
)
def test_what_is_wrong_with_a_header_is_said(header: str, told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        read_header(f"/**\n{header}\n*/\n1;")


def test_what_is_given_is_made_to_fit() -> None:
    given: dict[str, JsonValue] = {
        "question": "7",
        "times": "2",
        "loud": "yes",
        "tags": '["x"]',
        "temperature": "1e-1",
        "more": "as it is",
    }
    assert bind("s", read_header(HEADER), given) == {
        "question": "7",
        "times": 2,
        "length": "short",
        "loud": True,
        "tags": ["x"],
        "temperature": 0.1,
        "more": "as it is",
    }
    assert "temperature" not in bind("s", read_header(HEADER), {"question": ""})
    assert bind("s", Header(), {"anything": [1]}) == {"anything": [1]}


def test_every_problem_is_named_at_once() -> None:
    given: dict[str, JsonValue] = {
        "times": 1.5,
        "length": "mid",
        "loud": "maybe",
        "tags": [1],
        "temperature": True,
        "qestion": "?",
    }
    with pytest.raises(ParamsError) as caught:
        bind("ask.geppetto.js", read_header(HEADER), given)
    assert str(caught.value).split("\n  ") == [
        "ask.geppetto.js cannot run with these params:",
        "qestion is not declared; did you mean question?",
        'question is missing (string: What to ask: "Why?", for example.)',
        "times should be a whole number, not 1.5",
        'length should be "short" or "so |{ long", not "mid"',
        'loud should be true or false, not "maybe"',
        "tags should be text, not 1",
        "temperature should be a number, not true",
    ]


def test_choices_of_other_kinds() -> None:
    header = read_header("/** @param {1 | 2.5 | true | 'x'} a */ 1;")
    for given, read in [(1, 1), ("1", 1), (2.5, 2.5), ("2.5", 2.5), (True, True), ("true", True), ("x", "x")]:
        value = bind("s", header, {"a": given})["a"]
        assert value == read and type(value) is type(read)
    with pytest.raises(ParamsError, match=r'should be 1 or 2\.5 or true or "x", not false'):
        bind("s", header, {"a": False})


def test_a_comment_without_params_declares_none() -> None:
    header = read_header(
        "/** What it is for. */\nconst answer = 42;\n/** @param {string} x */\nfunction f(x) {}\n"
    )
    assert header == Header()
