"""`python -m benchmarks [question …]`: measures, prints, and writes the results down."""

import argparse
import difflib
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

from benchmarks import questions, report
from benchmarks.harness import Bench, MissingPeer, machine


def main(arguments: Sequence[str] | None = None) -> int:
    known = questions.names()
    parser = argparse.ArgumentParser(prog="make bench", description="Measure side by side, print ratios.")
    parser.add_argument("only", nargs="*", metavar="question", help=f"some of: {', '.join(known)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender has its turn")
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args(arguments)
    for name in options.only:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            parser.error(f"there is no question {name!r}{meant} There are: {', '.join(known)}")
    names: list[str] = options.only or known
    missed: list[str] = []
    unanswered: list[str] = []
    began = time.perf_counter()
    for name in names:
        entry = ask(name, options.rounds)
        if entry is None:
            unanswered.append(name)
            continue
        print(report.show(entry), flush=True)
        if not options.no_save:
            report.save(entry)
        missed += [f"{name}: {row['name']}" for row in entry["rows"] if row["met"] is False]
    print(
        f"\n{len(names) - len(unanswered)} of {len(names)} questions in {time.perf_counter() - began:.0f} s"
    )
    for each in missed:
        print(f"  missed: {each}")
    if unanswered:
        print(f"  not answered, see above: {', '.join(unanswered)}")
    return 1 if missed or unanswered else 0


def ask(name: str, rounds: int) -> dict[str, Any] | None:
    """The answer to a question for the history. None when there is none: why has been printed, others can go on."""
    on = machine()
    began = time.perf_counter()
    try:
        question = importlib.import_module(f"benchmarks.questions.{name}")
        bench = Bench(rounds=rounds)
        rows = question.measure(bench)
    except MissingPeer as missing:
        print(f"\n{name}: not measured: {missing}", flush=True)
        return None
    except Exception:
        print(f"\n{name}: failed", flush=True)
        traceback.print_exc()
        return None
    seconds = time.perf_counter() - began
    return report.record(name, question.TITLE, rows, bench.versions, on, seconds)


if __name__ == "__main__":
    sys.exit(main())
