"""What was measured, for people (`RESULTS.md`) and for programs (`history.jsonl`)."""

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

from benchmarks import questions
from benchmarks.harness import REPOSITORY, Row

HISTORY = REPOSITORY / "benchmarks" / "history.jsonl"
RESULTS = REPOSITORY / "benchmarks" / "RESULTS.md"


def record(
    question: str, title: str, rows: list[Row], versions: dict[str, str], on: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """One entry of the history; `seconds` is what it took to measure."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, timeout=10
    )
    return {
        "question": question,
        "title": title,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "commit": commit.stdout.strip(),
        "machine": on,
        "versions": versions,
        "seconds": round(seconds),
        "rows": [row.as_json() for row in rows],
    }


def save(entry: dict[str, Any]) -> None:
    """Adds to the history and writes the table anew, with the latest answer to each question that is still asked."""
    with HISTORY.open("a", encoding="utf-8") as history:
        history.write(json.dumps(entry) + "\n")
    latest: dict[str, dict[str, Any]] = {}
    for line in HISTORY.read_text("utf-8").splitlines():
        earlier = json.loads(line)
        latest[earlier["question"]] = earlier
    RESULTS.write_text(_document([latest[name] for name in questions.names() if name in latest]), "utf-8")


def show(entry: dict[str, Any]) -> str:
    """The answer for a terminal."""
    lines = [f"\n{entry['question']}: {entry['title']}"]
    for row in entry["rows"]:
        mark = {True: "  ok", False: "  MISSED", None: ""}[row["met"]]
        target = f"  (target {row['target']}{mark})" if row["target"] else ""
        note = f"  {row['note']}" if row["note"] else ""
        lines.append(
            f"  {row['name']:<44} {_number(row['median']):>10} {row['unit']:<9}{_spread(row)}{target}{note}"
        )
    versions = "".join(f", {name} {version}" for name, version in entry["versions"].items())
    lines.append(f"  ({entry['seconds']} s{versions})")
    return "\n".join(lines)


def _document(entries: list[dict[str, Any]]) -> str:
    parts = [
        "# Results",
        "Written by `make bench`; see [performance.md](../docs/performance.md) for what is measured and why. "
        "Medians, with the least and the most in brackets; absolute figures belong to the machine named, ratios travel. "
        "The command above a table measures every row of it again.",
    ]
    for entry in entries:
        on = entry["machine"]
        versions = "".join(f", {name} {version}" for name, version in entry["versions"].items())
        took = f", {entry['seconds']} s" if "seconds" in entry else ""
        load = "" if on["load"] is None else f", load {on['load']} at the start"
        parts.append(
            f"## {entry['title']}\n\n"
            f"`make bench ONLY={entry['question']}` · {entry['date']} UTC · {entry['commit']} · {on['processor']}, "
            f"{on['cores']} cores, {on['system']}{load}{took}; Python {on['python']}{versions}"
        )
        table = ["| measure | median | spread | target | |", "|---|---:|---|---|---|"]
        for row in entry["rows"]:
            mark = {True: "met", False: "**missed**", None: ""}[row["met"]]
            target = f"{row['target']} {mark}".strip()
            figure = f"{_number(row['median'])} {row['unit']}".strip()
            table.append(f"| {row['name']} | {figure} | {_spread(row)} | {target} | {row['note']} |")
        parts.append("\n".join(table))
    return "\n\n".join(parts) + "\n"


def _spread(row: dict[str, Any]) -> str:
    if len(row["series"]) < 2:
        return ""
    return f"[{_number(min(row['series']))} – {_number(max(row['series']))}]"


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"
