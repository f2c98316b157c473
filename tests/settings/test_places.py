import json
import tomllib

from geppetto.settings.places import LONGEST_STATEMENT, key_lines, line_of
from hypothesis import given
from hypothesis import strategies as st

TEXT = '''\
# a comment
profile = "x"

[chat] # another
model = "m"  # [not.a.table]
"quoted key" = 1
stop = [
  "a = 1",
  # inside
  "[b]",
]
script = """
[chat]
model = "no"
"""
a.b.c = 1
inline = { x = { y = 1 }, z = 2 }

[profiles.work.chat]
model = "w"
[[list]]
one = 1
[[list]]
one = 1
'''


def test_every_form_of_key() -> None:
    assert key_lines(TEXT) == {
        ("profile",): 2,
        ("chat",): 4,
        ("chat", "model"): 5,
        ("chat", "quoted key"): 6,
        ("chat", "stop"): 7,
        ("chat", "script"): 12,
        ("chat", "a"): 16,
        ("chat", "a", "b"): 16,
        ("chat", "a", "b", "c"): 16,
        ("chat", "inline"): 17,
        ("chat", "inline", "x"): 17,
        ("chat", "inline", "x", "y"): 17,
        ("chat", "inline", "z"): 17,
        ("profiles",): 19,
        ("profiles", "work"): 19,
        ("profiles", "work", "chat"): 19,
        ("profiles", "work", "chat", "model"): 20,
        ("list",): 21,
        ("list", 0): 21,
        ("list", 0, "one"): 22,
        ("list", 1): 23,
        ("list", 1, "one"): 24,
    }
    assert key_lines(TEXT.replace("\n", "\r\n")) == key_lines(TEXT)


def test_the_nearest_known_place_around_a_path() -> None:
    lines = key_lines(TEXT)
    assert line_of(lines, ("chat", "stop", 1)) == 7
    assert line_of(lines, ("chat", "missing")) == 4
    assert line_of(lines, ("nowhere",)) is None
    assert line_of(lines, ()) is None


def test_an_endless_statement_costs_the_lines_after_it_and_no_more() -> None:
    text = "a = 1\nb = [\n" + "1,\n" * LONGEST_STATEMENT * 50 + "]\nc = 1\n"
    tomllib.loads(text)
    assert key_lines(text) == {("a",): 1}


values = st.one_of(
    st.integers(-99, 99).map(str),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    ),
    st.lists(st.integers(0, 9), max_size=4).map(lambda row: "[\n" + "".join(f"  {n},\n" for n in row) + "]"),
    st.just('"""\n[x]\ny = 1\n"""'),
)
names = st.text("abcxyz", min_size=1, max_size=3)


@given(
    st.dictionaries(
        names, st.dictionaries(names, st.tuples(values, st.integers(0, 2)), max_size=4), max_size=4
    )
)
def test_every_key_of_any_file_is_found_where_it_was_written(
    tables: dict[str, dict[str, tuple[str, int]]],
) -> None:
    text = ""
    expected: dict[tuple[str, ...], int] = {}
    for table, keys in tables.items():
        expected[(table,)] = text.count("\n") + 1
        text += f"[{table}]\n"
        for key, (value, blanks) in keys.items():
            text += "\n" * blanks + "# note\n" * blanks
            expected[table, key] = text.count("\n") + 1
            text += f"{key} = {value}\n"
    tomllib.loads(text)
    assert key_lines(text) == expected
