"""Shows a run to a person: console lines where they belong, and the text of streams as it comes.

Streams that run at the same time take turns: one is live, what the others say is kept until the live
one has ended. So their texts never mix within a line.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypedDict, cast

from geppetto.cli.channel import Channel
from geppetto.cli.spinner import Spinner
from geppetto.json_value import JsonObject, JsonValue
from geppetto.runtime.output import ConsoleLine, Notice, Output, StreamEvent
from geppetto.terminal import harmless

_DIM, _RED, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[0m"
_LONGEST_DETAIL = 100


class Display(Protocol):
    """Takes what a run shows; `finish` when it is over."""

    def __call__(self, output: Output) -> None: ...

    def finish(self) -> None: ...


class _Said(TypedDict, total=False):
    """The parts of a wire event that are shown (see geppetto.events.models)."""

    type: str
    delta: str
    text: str
    result: JsonValue
    error_string: str
    tool_call: dict[str, str]
    tool_result: JsonObject
    meta: dict[str, dict[str, int] | None]


@dataclass(slots=True)
class _Telling:
    """One stream: who started it, what it has said and nobody has seen yet, and how it ended."""

    event: StreamEvent
    began: float
    unseen: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    has_text: bool = False
    ended: str | None = None


class LiveDisplay:
    """Console lines and the text of streams.

    Args:
        out: standard output; `err`: standard error, the same object if both lead to the same place.
        show_streams: whether the text of streams is shown.
        quiet: leave out notices and everything that is decoration.
        spinner: given on a terminal only; with it each stream gets a header and a closing line.
        color: whether the decoration is coloured.
        clock: seconds, for how long streams took.
    """

    def __init__(
        self,
        out: Channel,
        err: Channel,
        *,
        show_streams: bool = True,
        quiet: bool = False,
        spinner: Spinner | None = None,
        color: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._err = err
        self._show_streams = show_streams
        self._quiet = quiet
        self._spinner = None if quiet else spinner
        self._color = color
        self._clock = clock
        self._waiting: dict[str, _Telling] = {}  # started, nothing said yet
        self._telling: dict[str, _Telling] = {}  # in the order of their first words
        self._live: str | None = None
        self._wrote_detail = False

    def __call__(self, output: Output) -> None:
        match output:
            case ConsoleLine():
                self._console(output)
            case StreamEvent():
                if self._show_streams:
                    self._stream(output)
            case Notice():
                if not self._quiet:
                    self._line(self._err, self._styled(_DIM, f"geppetto: {output.text}"))

    def finish(self) -> None:
        """Shows what is still kept back."""
        self._live = None
        self._next_turn(everything=True)
        self._waiting.clear()
        if self._spinner is not None:
            self._spinner.hide()
        self._out.end_line()
        self._out.flush()
        self._err.flush()

    def _console(self, line: ConsoleLine) -> None:
        self._line(self._err if line.level in ("warn", "error") else self._out, line.text)

    def _line(self, channel: Channel, text: str) -> None:
        if self._spinner is not None:
            self._spinner.hide()
        channel.end_line()
        channel.write(text + "\n")
        self._spin()

    # --- streams

    def _stream(self, event: StreamEvent) -> None:
        said = cast(_Said, json.loads(event.payload))
        step_id = event.step_id
        match said.get("type"):
            case "start":
                self._waiting[step_id] = _Telling(event, self._clock())
                self._spin()
            case "partial":
                self._tell(event, "text", said.get("delta", ""))
            case "tool-call":
                call = said.get("tool_call", {})
                self._tell(event, "detail", f"→ {call.get('name')}({_short(call.get('input', ''))})")
            case "tool-result":
                result = said.get("tool_result", {})
                mark = "✗" if result.get("is_error") else "←"
                self._tell(
                    event, "detail", f"{mark} {_short(json.dumps(result['result'], ensure_ascii=False))}"
                )
            case "final":
                self._whole_text(event, said)
                self._end(event, self._closing(event, said))
            case "interrupt":
                self._whole_text(event, said)
                self._end(event, self._closing(event, said, "interrupted"))
            case "error":
                how = f"failed: {_short(said.get('error_string', ''))}"
                self._end(event, self._closing(event, said, how, failed=True), failed=True)
            case _:
                return  # a kind of event that this display does not know

    def _whole_text(self, event: StreamEvent, said: _Said) -> None:
        """Shows the text of a step that did not stream it, if its result is text and not a value."""
        telling = self._find(event)
        text = said.get("text")
        if text and not telling.has_text and isinstance(said.get("result"), str | None):
            self._tell(event, "text", text)

    def _tell(self, event: StreamEvent, kind: str, text: str) -> None:
        if kind == "detail" and self._spinner is None:
            return
        telling = self._telling.get(event.step_id)
        if telling is None:
            telling = self._waiting.pop(event.step_id, None) or _Telling(event, self._clock())
            self._telling[event.step_id] = telling
        telling.has_text = telling.has_text or kind == "text"
        if self._live is None:
            self._live = event.step_id
            self._open(telling)
        if self._live == event.step_id:
            self._write(kind, text)
        else:
            telling.unseen.append((kind, text))

    def _end(self, event: StreamEvent, closing: str, *, failed: bool = False) -> None:
        telling = self._telling.get(event.step_id)
        if telling is None:  # it said nothing
            waiting = self._waiting.pop(event.step_id, None)
            if failed and waiting is not None and self._spinner is not None and self._live is None:
                self._open(waiting)
                self._out.write(closing + "\n")
            self._spin()
            return
        telling.ended = closing
        if self._live == event.step_id:
            self._close(telling)
            self._live = None
            self._next_turn()

    def _next_turn(self, *, everything: bool = False) -> None:
        """Shows what was kept back: the streams that have ended since, then one that goes on."""
        for telling in list(self._telling.values()):
            if telling.unseen:
                self._open(telling)
                for kind, text in telling.unseen:
                    self._write(kind, text)
                telling.unseen.clear()
            if telling.ended is not None:
                self._close(telling)
            elif not everything:
                self._live = telling.event.step_id
                return
        self._spin()

    def _find(self, event: StreamEvent) -> _Telling:
        found = self._telling.get(event.step_id) or self._waiting.get(event.step_id)
        return found or _Telling(event, self._clock())

    # --- what it looks like

    def _open(self, telling: _Telling) -> None:
        if self._spinner is not None:
            self._spinner.hide()
        self._out.end_line()
        if self._spinner is not None:
            place = f" · {telling.event.place}" if telling.event.place else ""
            self._out.write(self._styled(_DIM, f"▸ {telling.event.global_name}{place}") + "\n")

    def _write(self, kind: str, text: str) -> None:
        if kind == "detail":
            self._out.end_line()
            self._out.write(self._styled(_DIM, f"  {text}") + "\n")
        elif self._spinner is None:
            self._out.write(text)
        else:
            # Behind a tool's lines a new paragraph needs no empty lines of its own.
            shown = harmless(text)  # what a model says
            self._out.write(shown.lstrip("\n") if self._wrote_detail else shown)
        self._wrote_detail = kind == "detail"

    def _close(self, telling: _Telling) -> None:
        del self._telling[telling.event.step_id]
        self._out.end_line()
        if telling.ended:
            self._out.write(telling.ended + "\n")

    def _closing(self, event: StreamEvent, said: _Said, how: str = "", *, failed: bool = False) -> str:
        if self._spinner is None:
            return ""
        usage = said.get("meta", {}).get("usage") or {}
        tokens = usage.get("output_tokens")
        facts = [
            how,
            f"{tokens} tokens" if tokens is not None else "",
            f"{self._clock() - self._find(event).began:.1f} s",
        ]
        return self._styled(_RED if failed else _DIM, "  " + " · ".join(fact for fact in facts if fact))

    def _spin(self) -> None:
        """Turns while streams are awaited and none is speaking."""
        if self._spinner is None:
            return
        if self._live is not None or not self._waiting:
            self._spinner.hide()
            return
        first = next(iter(self._waiting.values())).event
        others = f" and {len(self._waiting) - 1} more" if len(self._waiting) > 1 else ""
        self._spinner.show(f"waiting for {first.global_name}{others}")

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._color else text


def _short(text: str) -> str:
    """Some text on one line, cut where it gets long."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 1] + "…"
