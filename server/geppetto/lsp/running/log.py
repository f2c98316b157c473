"""A run in the client's log, for those who know nothing of runs."""

from __future__ import annotations

from collections.abc import Iterator

from geppetto.lsp.running.problems import message_of
from geppetto.runs.protocol import ConsoleEvent, EndEvent, GapEvent, NoticeEvent, QueuedEvent, RunEvent

ERROR, WARNING, INFO, LOG = 1, 2, 3, 4
_KINDS = {"error": ERROR, "warn": WARNING, "debug": LOG}


def log_messages(event: RunEvent, name: str) -> Iterator[tuple[int, str]]:
    """The log's entries for an event: their kinds and texts."""
    match event:
        case QueuedEvent(ahead=ahead):
            yield INFO, f"{name} waits until others have ended; {ahead} wait before it"
        case ConsoleEvent(level=level, text=text):
            yield _KINDS.get(level, INFO), text
        case NoticeEvent(text=text):
            yield WARNING, text
        case GapEvent(characters=characters):
            yield WARNING, f"[{characters} characters of output are left out]"
        case EndEvent():
            for error in event.errors:
                place = f"{error.place.file}:{error.place.line}:{error.place.column}: " if error.place else ""
                yield ERROR, place + message_of(error)
            tokens = f", {event.output_tokens} tokens" if event.output_tokens else ""
            yield INFO, f"{name}: {event.outcome} after {event.seconds:.1f} s{tokens}"
        case _:
            pass
