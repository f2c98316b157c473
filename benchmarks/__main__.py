"""`python -m benchmarks [question …]`: measures, prints, and writes the results down."""

import argparse
import importlib
import pkgutil
import sys

from benchmarks import questions, report
from benchmarks.harness import Bench, machine


def main() -> int:
    known = [found.name for found in pkgutil.iter_modules(questions.__path__)]
    parser = argparse.ArgumentParser(prog="make bench", description="Measure side by side, print ratios.")
    parser.add_argument("only", nargs="*", metavar="question", help=f"some of: {', '.join(known)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender has its turn")
    parser.add_argument("--no-save", action="store_true", help="print only")
    options = parser.parse_args()
    unknown = [name for name in options.only if name not in known]
    if unknown:
        parser.error(f"there is no question {unknown[0]!r}; there are {', '.join(known)}")
    missed = False
    for name in options.only or known:
        question = importlib.import_module(f"benchmarks.questions.{name}")
        bench = Bench(rounds=options.rounds)
        on = machine()
        rows = question.measure(bench)
        entry = report.record(name, question.TITLE, rows, bench.versions, on)
        print(report.show(entry), flush=True)
        if not options.no_save:
            report.save(entry)
        missed = missed or any(row.met is False for row in rows)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
