"""The harness of the benchmarks, with questions that measure nothing. No speed is measured here."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks import peers, questions, report
from benchmarks.harness import Bench, MissingPeer, Row, Series, exponent, need


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where results go: not into the repository."""
    monkeypatch.setattr(report, "HISTORY", tmp_path / "history.jsonl")
    monkeypatch.setattr(report, "RESULTS", tmp_path / "RESULTS.md")
    return tmp_path


def ask(monkeypatch: pytest.MonkeyPatch, **measures) -> int:
    """Runs all questions of a benchmark that has these."""
    for name, measure in measures.items():
        module = SimpleNamespace(TITLE=f"How is {name}?", measure=measure)
        monkeypatch.setitem(sys.modules, f"benchmarks.questions.{name}", module)
    monkeypatch.setattr(questions, "names", lambda: [*measures])
    return command.main([])


def fast(bench: Bench) -> list[Row]:
    bench.versions["node"] = "v99"
    return [Row("speed", "×", Series((1.0, 2.0, 9.0)), "<= 3")]


def test_a_question_that_does_not_exist_is_refused_with_what_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["helo"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "there is no question 'helo'; did you mean 'hello'?" in said
    assert "language_server" in said


def test_answers_are_printed_and_written_with_peers_commands_and_seconds(
    monkeypatch: pytest.MonkeyPatch, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(monkeypatch, fast=fast) == 0
    assert "1 of 1 questions in" in capsys.readouterr().out
    entry = json.loads((written / "history.jsonl").read_text())
    assert entry["rows"][0]["series"] == [1.0, 2.0, 9.0]
    assert entry["versions"] == {"node": "v99"}
    assert entry["seconds"] == 0
    results = (written / "RESULTS.md").read_text()
    assert "`make bench ONLY=fast`" in results
    assert "node v99" in results
    assert "| speed | 2 × | [1 – 9] | <= 3 met |  |" in results


def test_a_missing_peer_says_what_to_install_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lonely(bench: Bench) -> list[Row]:
        need("no-such-program", "it: apt-get install nothing")
        return []

    def broken(bench: Bench) -> list[Row]:
        raise ValueError("out of luck")

    assert ask(monkeypatch, lonely=lonely, broken=broken, fast=fast) == 1
    said = capsys.readouterr()
    assert (
        "lonely: not measured: no-such-program was not found; install it: apt-get install nothing" in said.out
    )
    assert "ValueError: out of luck" in said.err
    assert "not answered, see above: lonely, broken" in said.out
    assert "How is fast?" in (written / "RESULTS.md").read_text()


def test_a_missed_target_is_named_and_fails(
    monkeypatch: pytest.MonkeyPatch, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(monkeypatch, slow=lambda bench: [Row("speed", "×", Series((4.0,)), "<= 3")]) == 1
    assert "missed: slow: speed" in capsys.readouterr().out
    assert "**missed**" in (written / "RESULTS.md").read_text()


def test_the_table_has_the_latest_answer_to_each_question_that_is_still_asked(
    monkeypatch: pytest.MonkeyPatch, written: Path
) -> None:
    ask(monkeypatch, gone=fast, kept=fast)
    ask(monkeypatch, kept=lambda bench: [Row("speed", "×", Series((7.0,)))])
    results = (written / "RESULTS.md").read_text()
    assert results.count("How is kept?") == 1
    assert "| speed | 7 × |" in results
    assert "How is gone?" not in results


def test_peers_that_cannot_be_installed_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(peers, "_INSTALLED", tmp_path / "peers")
    with pytest.raises(MissingPeer, match="no network"):
        peers.bin_folder.__wrapped__()


def test_contenders_take_turns() -> None:
    turns: list[str] = []

    def contender(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    taken = Bench().take_turns({name: lambda name=name: contender(name) for name in "AB"}, rounds=2)
    assert turns == ["A", "B", "A", "B", "A", "B"]
    assert taken["A"].values == (3.0, 5.0)
    assert taken["B"].over(taken["A"]).values == (4 / 3, 6 / 5)


def test_exponents() -> None:
    once, tenfold, hundredfold = Series((1.0, 2.0)), Series((10.0, 20.0)), Series((100.0, 200.0))
    assert exponent((10, 100), once, tenfold).values == pytest.approx((1, 1))
    assert exponent((10, 100), once, hundredfold).median == pytest.approx(2)
    assert exponent((10, 1000), once, tenfold).median == pytest.approx(0.5)
