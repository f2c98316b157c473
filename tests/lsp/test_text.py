"""The text layer against a model that keeps one list of UTF-16 code units and does everything the slow way."""

import re

import pytest
from geppetto.lsp.documents.text import Edit, Position, Range, Text
from hypothesis import given, settings
from hypothesis import strategies as st

PIECES = st.sampled_from(
    [
        "a",
        "bc",
        "\n",
        "\r",
        "\r\n",
        "\n\r",
        "😀",
        "é",
        "\u2028",
        "\u2029",
        "\f",
        "\v",
        "\x85",
        "\x1c",
        "日本",
        "\ufeff",
        "\0",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
POSITIONS = st.builds(Position, st.integers(0, 9), st.integers(0, 9) | st.just(2**31 - 1))
EDITS = st.builds(Edit, st.none() | st.builds(Range, POSITIONS, POSITIONS), TEXTS)


class Model:
    """A text as UTF-16 code units."""

    def __init__(self, text: str) -> None:
        self.text = text

    def bounds(self) -> list[tuple[int, int]]:
        """The offsets of each line's start and end, without the terminator, in code units."""
        starts_and_ends: list[tuple[int, int]] = []
        start = 0
        for match in re.finditer(r"\r\n|\r|\n", self.text):
            starts_and_ends.append((start, match.start()))
            start = match.end()
        starts_and_ends.append((start, len(self.text)))
        return [(self.units(a), self.units(b)) for a, b in starts_and_ends]

    def units(self, index: int) -> int:
        return len(self.text[:index].encode("utf-16-le")) // 2

    def offset(self, position: Position) -> int:
        bounds = self.bounds()
        if position.line >= len(bounds):
            return self.units(len(self.text))
        start, end = bounds[position.line]
        offset = min(start + position.character, end)
        while offset not in {self.units(index) for index in range(len(self.text) + 1)}:
            offset -= 1
        return offset

    def apply(self, edit: Edit) -> None:
        if edit.range is None:
            self.text = edit.text
            return
        start, end = sorted((self.offset(edit.range.start), self.offset(edit.range.end)))
        units = self.text.encode("utf-16-le")
        self.text = (units[: 2 * start] + edit.text.encode("utf-16-le") + units[2 * end :]).decode(
            "utf-16-le"
        )


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.lists(EDITS, max_size=8), POSITIONS)
def test_edits_agree_with_the_model(start: str, edits: list[Edit], probe: Position) -> None:
    text, model = Text(start), Model(start)
    for edit in edits:
        before, old = text, str(text)
        text, _ = text.edited([edit])
        model.apply(edit)
        assert str(text) == model.text
        assert str(before) == old, "a snapshot changed"
    assert str(Text(start).edited(edits)[0]) == model.text, "in one go it comes out differently"
    assert text.offset_at(probe) == model.offset(probe)
    assert text.position_at(text.offset_at(probe)) == text.clamp(probe)
    assert len(text) == model.units(len(model.text))
    assert [text.line(number) for number in range(text.line_count)] == re.split(r"\r\n|\r|\n", model.text)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.lists(EDITS, max_size=5))
def test_cleaned_edits_come_to_the_same_text(start: str, edits: list[Edit]) -> None:
    text, cleaned = Text(start).edited(edits)
    assert str(Text(start).edited(cleaned)[0]) == str(text)
    assert Text(start).edited(cleaned)[1] == cleaned, "a cleaned edit is clean"


@given(TEXTS, POSITIONS, POSITIONS)
def test_slices(start: str, one: Position, other: Position) -> None:
    text, model = Text(start), Model(start)
    first, last = sorted((model.offset(one), model.offset(other)))
    expected = start.encode("utf-16-le")[2 * first : 2 * last].decode("utf-16-le")
    assert text.slice(Range(one, other)) == expected


@pytest.mark.parametrize("half", ["\ud83d", "\ude00", "a\ud83db", "\ude00\ud83d"])
def test_half_a_pair_is_replaced(half: str) -> None:
    text = Text(half)
    assert "\ufffd" in str(text)
    str(text).encode("utf-8")
    assert len(text) == len(half)


def test_two_halves_make_a_character() -> None:
    assert str(Text("\ud83d\ude00")) == "😀"


def test_negative_positions_are_the_start() -> None:
    assert Text("abc\n").clamp(Position(-1, 5)) == Position(0, 0)
    assert Text("abc\n").clamp(Position(0, -5)) == Position(0, 0)
