"""What a run shows in the text itself: lenses above it, hints at the calls, hovers over them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.capabilities import (
    CANCEL_COMMAND,
    CLEAR_COMMAND,
    REPLAY_COMMAND,
    RUN_COMMAND,
    SHOW_COMMAND,
)
from geppetto.lsp.documents.text import Position, Range, Text
from geppetto.lsp.params import position_json, range_json

if TYPE_CHECKING:
    from geppetto.lsp.running.outputs import CallOutput
    from geppetto.lsp.running.run import EditorRun

_MAX_LABEL = 60
_CALLEE_BEFORE = re.compile(r"[\w$.]*$")
_CALLEE_AFTER = re.compile(r"[\w$]*")


def lenses(uri: str, runs: list[EditorRun], *, shows: bool) -> Iterator[JsonValue]:
    """Lenses above a script.

    Args:
        runs: its runs, oldest first.
        shows: whether the last of them shows anything in the text.
    """
    going_on = [run for run in runs if run.handle.end is None]
    yield _lens("Run", RUN_COMMAND, uri)
    if len(going_on) == 1:
        yield _lens("Cancel", CANCEL_COMMAND, going_on[0].id)
    elif going_on:
        yield _lens(f"Cancel {len(going_on)} runs", CANCEL_COMMAND, uri)
    elif runs:
        yield _lens("Replay", REPLAY_COMMAND, uri)
    if runs:
        yield _lens("Show output", SHOW_COMMAND, runs[-1].id)
    if shows and not going_on:
        yield _lens("Clear output", CLEAR_COMMAND, uri)


def hints(run: EditorRun, text: Text, asked: Range) -> Iterator[JsonValue]:
    """Inlay hints at the ends of the lines with the calls: a short tail while it streams, then tokens and time."""
    for output in run.outputs:
        place = _place(run, output, text)
        if place is None or not asked.start.line <= place.line <= asked.end.line:
            continue
        end = text.clamp(Position(place.line, 2**31 - 1))
        yield {
            "position": position_json(end),
            "label": _label(output),
            "tooltip": {"kind": "markdown", "value": markdown(output)},
            "paddingLeft": True,
        }


def hover(run: EditorRun, text: Text, position: Position) -> tuple[str, Range] | None:
    """The output of the call that is written at a position, as Markdown, and the range of what is called."""
    for output in run.outputs:
        place = _place(run, output, text)
        if place is None or place.line != position.line:
            continue
        line = text.line(place.line)
        index = len(text.slice(Range(Position(place.line, 0), place)))
        before = _CALLEE_BEFORE.search(line[:index])
        after = _CALLEE_AFTER.match(line[index:])
        start = place.character - (_units(before[0]) if before else 0)
        end = place.character + (_units(after[0]) if after else 0)
        if start <= position.character <= end:
            return markdown(output), Range(Position(place.line, start), Position(place.line, end))
    return None


def with_hover(theirs: JsonValue, own: tuple[str, Range]) -> JsonValue:
    """TypeScript's hover with the output below."""
    text, span = own
    if isinstance(theirs, dict) and isinstance(contents := theirs.get("contents"), dict):
        joined: JsonObject = {**contents, "value": f"{contents.get('value', '')}\n\n---\n\n{text}"}
        return {**theirs, "contents": joined}
    return {"contents": {"kind": "markdown", "value": text}, "range": range_json(span)}


def markdown(output: CallOutput) -> str:
    """The whole output of a call."""
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall(r"`+", output.text)), 3)
    parts = [f"**{output.name}** · {_numbers(output) or 'running'}"]
    parts += [f"- `{tool.replace('`', ' ')}`" for tool in output.tools]
    if output.problem is not None:
        parts.append(f"\n{output.problem}")
    if output.text:
        cut = "…" if output.is_cut else ""
        parts.append(f"\n{fence}text\n{cut}{output.text}\n{fence}")
    return "\n".join(parts)


def _label(output: CallOutput) -> str:
    flat = " ".join(output.text[-4 * _MAX_LABEL :].split())
    short = flat if len(flat) <= _MAX_LABEL else "…" + flat[-_MAX_LABEL:]
    if output.seconds is None:
        return f"{short} …" if short else "…"
    return " · ".join(
        part for part in (output.problem and f"✗ {output.problem}", short, _numbers(output)) if part
    )


def _numbers(output: CallOutput) -> str:
    if output.seconds is None:
        return ""
    times = f"{output.times} times · " if output.times > 1 else ""
    tokens = f"{output.tokens} tokens · " if output.tokens else ""
    return f"{times}{tokens}{output.seconds:.1f} s"


def _place(run: EditorRun, output: CallOutput, text: Text) -> Position | None:
    place = run.drift.now(output.place)
    return None if place is None else text.clamp(place)


def _lens(title: str, command: str, argument: str) -> JsonObject:
    top = range_json(Range(Position(0, 0), Position(0, 0)))
    return {"range": top, "command": {"title": title, "command": command, "arguments": [argument]}}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
