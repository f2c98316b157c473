"""The extension's types are those of the models."""

from __future__ import annotations

import subprocess
from pathlib import Path

from geppetto.resources import tsc_path

from tests.house.typescript import FILE, typescript

USE = """
import type { EndEvent, RunEvent, RunRequest } from "./protocol.gen";

export function tell(event: RunEvent): string {
  switch (event.kind) {
    case "queued": return `${event.ahead} ahead`;
    case "started": return `${event.pid}`;
    case "console": return `${event.level}: ${event.text}`;
    case "notice": return event.text;
    case "step": return `${event.name} at ${event.place?.line ?? "?"}: ${event.event.step.type}`;
    case "delta": return event.delta;
    case "event": return event.event.type === "final" ? event.event.text : event.event.meta.engine;
    case "gap": return `${event.events} left out`;
    case "end": return ended(event);
  }
}

const ended = (end: EndEvent): string => `${end.outcome} ${end.seconds.toFixed(1)} ${end.errors[0]?.cause?.message}`;
export const request: RunRequest = { path: "/w/a.js", params: { n: 1, list: ["a", null] } };
"""


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == typescript(), "run: python -m tests.house.typescript"


def test_the_types_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "protocol.gen.ts").write_text(typescript(), encoding="utf-8")
    (tmp_path / "use.ts").write_text(USE, encoding="utf-8")
    options = [
        "--ignoreConfig",
        "--noEmit",
        "--strict",
        "--target",
        "esnext",
        "--module",
        "esnext",
        "--types",
        "",
    ]
    checked = subprocess.run(
        [tsc_path(), *options, "use.ts"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (checked.stdout, checked.returncode) == ("", 0)
