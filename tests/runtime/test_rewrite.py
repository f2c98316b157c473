"""Async functions are wrapped in place, and every position of the wrapped text leads back."""

import pytest
from geppetto.runtime.rewrite import async_edits
from geppetto.runtime.source import Edit, EditMap, apply_edits, utf16_length
from hypothesis import given
from hypothesis import strategies as st


def rewritten(text: str) -> str:
    return apply_edits(text, async_edits(text, "m0"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "const f = async (a) => a",
            "const f = (__geppetto1, ...__geppettoArgs) => __geppettoAsync(async (a) => a, "
            '"m0@10", __geppettoArgs, __geppetto1)',
        ),
        (
            "const f = async (a = 1, b) => {}",
            'const f = (...__geppettoArgs) => __geppettoAsync(async (a = 1, b) => {}, "m0@10", __geppettoArgs)',
        ),
        (
            "async function f(a, [b], ...c) { await a }",
            "\v\v\v\v\v function f(__geppetto1, __geppetto2) { return __geppettoAsync(async\v(a, [b], ...c) =>\v "
            '{ await a }, "m0@0", arguments) }',
        ),
        (
            "async function f() { 'use strict' } // behind",
            '\v\v\v\v\v function f() { "use strict"; return __geppettoAsync(async\v() =>\v '
            "{ 'use strict' }, \"m0@0\", arguments) } // behind",
        ),
        (
            "const o = { async m() { return super.m() } }",
            "const o = { \v\v\v\v\v m() { return __geppettoAsync(async\v() =>\v "
            '{ return super.m() }, "m0@12", arguments) } }',
        ),
        (
            "class A { async m() {} static async s() {} }",
            "class A { ;\v\v\v\v m() { return __geppettoAsync(async\v() =>\v "
            '{}, "m0@10", arguments) } static \v\v\v\v\v s() { return __geppettoAsync(async\v() =>\v '
            '{}, "m0@23", arguments) } }',
        ),
    ],
)
def test_each_kind_of_async_function_is_wrapped(before: str, after: str) -> None:
    assert rewritten(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "async function* numbers() { yield 1 }",
        "class A { async *numbers() { yield 1 } }",
        "const async = 1; const o = { async, async: 2, async() {} }",
        "for await (const x of y) {}",
        "// async () => 1\nconst s = 'async () => 1'",
        "async(1, 2)",
        "broken = async (a => {",
    ],
)
def test_what_only_looks_like_an_async_function_is_left_alone(text: str) -> None:
    assert rewritten(text) == text


def test_lines_never_move() -> None:
    text = "const a = async () => {\n  await 1;\n};\nclass B {\n  async c(\n    d = 1,\n  ) {\n    return d;\n  }\n}\n"
    assert rewritten(text).count("\n") == text.count("\n")
    for before, after in zip(text.split("\n"), rewritten(text).split("\n"), strict=True):
        assert before.split("async")[0].rstrip("(){};,") in after


def test_every_position_of_the_rewritten_text_leads_back() -> None:
    text = "const é = '😀', f = async (x) => { await marker1(x) }; class A { async m() { marker2() } }"
    made = rewritten(text)
    edits = EditMap(tuple(async_edits(text, "m0")))
    for marker in ("marker1", "marker2", "class A", "await"):
        assert edits.origin(utf16_length(made[: made.index(marker)])) == utf16_length(
            text[: text.index(marker)]
        )


@given(st.text(alphabet="ab😀\n é", max_size=40), st.data())
def test_an_edit_map_inverts_any_insertions(text: str, data: st.DataObject) -> None:
    length = utf16_length(text)
    # Offsets in the middle of a surrogate pair are no positions of a program.
    starts = [utf16_length(text[:index]) for index in range(len(text) + 1)]
    offsets = sorted(set(data.draw(st.lists(st.sampled_from(starts), max_size=5))))
    edits = [
        Edit(offset, 0, data.draw(st.text(alphabet="xyz", min_size=1, max_size=4))) for offset in offsets
    ]
    made = apply_edits(text, edits)
    back = EditMap(tuple(edits))
    assert utf16_length(made) == length + sum(len(edit.text) for edit in edits)
    shift = 0
    remaining = list(edits)
    for offset in starts:
        while remaining and remaining[0].offset <= offset:
            shift += len(remaining.pop(0).text)
        assert back.origin(offset + shift) == offset
