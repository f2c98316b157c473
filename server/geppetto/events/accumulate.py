"""The text of a stream so far, put together only when somebody reads it.

Following a stream of n deltas costs O(n) in time and memory. Each read joins the pieces that came
since the read before; like any Python string, the text it returns is a copy.
"""

from geppetto.events.models import Event, PartialEvent
from geppetto.events.wire import TERMINAL_TYPES


class Completion:
    """One stream's text, growing."""

    __slots__ = ("_length", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0

    def append(self, delta: str) -> int:
        """Add a piece. Returns the length in characters with it."""
        self._pieces.append(delta)
        self._length += len(delta)
        return self._length

    def __len__(self) -> int:
        return self._length

    @property
    def text(self) -> str:
        """All pieces, joined."""
        pieces = self._pieces
        if len(pieces) > 1:
            pieces[:] = ("".join(pieces),)
        return pieces[0] if pieces else ""


class Accumulator:
    """Follows any number of streams, told apart by their step id.

    A stream is forgotten at its terminal event; partials that were followed keep their completion.
    A follower that joins late knows only what it has seen.
    """

    def __init__(self) -> None:
        self._streams: dict[str, Completion] = {}

    def follow(self, event: Event) -> Event:
        """Take note of the event, and give a partial its `completion`. Returns the same event."""
        if isinstance(event, PartialEvent):
            stream = self._streams.get(event.step.step_id)
            if stream is None:
                stream = self._streams[event.step.step_id] = Completion()
            event.bind(stream, stream.append(event.delta))
        elif event.type == "start" or event.type in TERMINAL_TYPES:
            self._streams.pop(event.step.step_id, None)
        return event

    def completion(self, step_id: str) -> str:
        """The text so far of a running stream; empty if it has none, or is not running."""
        stream = self._streams.get(step_id)
        return stream.text if stream is not None else ""

    def __len__(self) -> int:
        """The number of streams that have text and are still running."""
        return len(self._streams)
