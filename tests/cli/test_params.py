"""Reading params and limits."""

from pathlib import Path

import pytest
from geppetto.cli.params import UsageError, read_limits, read_params

from tests.cli.conftest import Geppetto


def test_text_stands_as_it_is_and_json_is_read() -> None:
    given = ["a=1", "b:=1", "c=x=y:=z", 'd:={"e": [true, null]}', "f=", "g h=i"]
    assert read_params(given) == {
        "a": "1",
        "b": 1,
        "c": "x=y:=z",
        "d": {"e": [True, None]},
        "f": "",
        "g h": "i",
    }


def test_the_later_is_stronger() -> None:
    assert read_params(["a=1", "a=2"]) == {"a": "2"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", '{"n": 1, "day": "2026-01-02"}'),
        ("p.yaml", "n: 1\nday: 2026-01-02\n"),
        ("p.toml", "n = 1\nday = 2026-01-02\n"),
    ],
)
def test_files(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_params(["x=y"], tmp_path / name) == {"n": 1, "day": "2026-01-02", "x": "y"}


@pytest.mark.parametrize("wrong", ["novalue", "=x", ":=1", "a:={", "a:=NaN", "a:=1e999"])
def test_a_malformed_param_is_named(wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong.replace("{", r"\{")):
        read_params([wrong])


@pytest.mark.parametrize("levels", [101, 500, 50_000])
def test_a_param_that_is_nested_too_deeply_is_refused(levels: int) -> None:
    with pytest.raises(UsageError, match="levels deep"):
        read_params([f"a:={'[' * levels}{']' * levels}"])


def test_a_deep_param_arrives(geppetto: Geppetto) -> None:
    deep = f"{'[' * 100}{']' * 100}"
    done = geppetto("run", "-", "-p", f"a:={deep}", stdin="console.log(JSON.stringify(params.a))")
    assert (done.returncode, done.stdout.strip()) == (0, deep), done.stderr


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.json", b"[1]"),
        ("p.json", b"{"),
        ("p.json", b'{"a": NaN}'),
        ("p.json", b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        ("p.json", b"\xff"),
        ("p.yaml", b"a: ["),
        ("p.yaml", b"2026-01-02: a day as a name"),
        ("p.yaml", b"a: .inf"),
        ("p.yaml", b"a: " + b"[" * 5_000 + b"]" * 5_000),
        ("p.toml", b"a"),
        ("p.toml", b"a = nan"),
    ],
)
def test_a_malformed_file_is_named(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=name):
        read_params([], tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_params([], tmp_path / "p.json")


@pytest.mark.parametrize(
    ("option", "text", "name", "value"),
    [
        ("--timeout", "90", "wall_seconds", 90),
        ("--timeout", "1.5m", "wall_seconds", 90),
        ("--timeout", "none", "wall_seconds", None),
        ("--yield-timeout", "500ms", "yield_seconds", 0.5),
        ("--max-memory", "2GiB", "memory_bytes", 2 * 1024**3),
        ("--max-memory", "1.5g", "memory_bytes", 1536 * 1024**2),
        ("--max-heap", "100 MB", "heap_bytes", 100 * 1024**2),
        ("--max-output", "1000", "output_bytes", 1000),
        ("--max-streams", "7", "streams", 7),
        ("--max-cost", "0.25", "cost_usd", 0.25),
    ],
)
def test_limits(option: str, text: str, name: str, value: float | None) -> None:
    assert read_limits({option: text, "--max-tokens": None}) == {name: value}


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--timeout", "0"),
        ("--timeout", "soon"),
        ("--max-memory", "-1"),
        ("--max-memory", "1PiB"),
        ("--max-streams", "1.5"),
    ]
    + [("--max-cost", "inf"), ("--max-cost", "nan"), ("--max-streams", "")],
)
def test_a_malformed_limit_is_named(option: str, text: str) -> None:
    with pytest.raises(UsageError, match=option):
        read_limits({option: text})


DECLARED = """\
/** Greets.
 * @param {string} name Whom.
 * @param {integer} [times=1] How often.
 */
console.log(params.name.repeat(params.times));
"""


def test_declared_params(geppetto: Geppetto, tmp_path: Path) -> None:
    (tmp_path / "greet.geppetto.js").write_text(DECLARED, "utf-8")
    said = geppetto("run", "greet.geppetto.js", "-p", "name=ab", "-p", "times=2")
    assert (said.stdout, said.returncode) == ("abab\n", 0), said.stderr
    said = geppetto("run", "greet.geppetto.js", "-p", "times=two", "-p", "nam=x")
    assert said.returncode == 2 and said.stdout == ""
    for words in (
        "did you mean name?",
        "name is missing (string: Whom.)",
        'a whole number, not "two"',
        "--list-params",
    ):
        assert words in said.stderr
    said = geppetto("run", "-", stdin=DECLARED)
    assert said.returncode == 2 and "name is missing" in said.stderr
    said = geppetto("run", "greet.geppetto.js", "--list-params")
    assert (
        said.returncode == 0
        and "Greets." in said.stdout
        and "(integer, optional, 1 unless given)" in said.stdout
    )
