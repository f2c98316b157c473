"""The names both ends of a bus agree on: topics, metadata keys, event types.

Nothing here imports pydantic, so that code which only moves messages stays quick to load.
"""

import json
from typing import Final, Literal, TypeAlias

EventType: TypeAlias = Literal["start", "partial", "tool-call", "tool-result", "final", "error", "interrupt"]

TERMINAL_TYPES: Final[frozenset[str]] = frozenset({"final", "error", "interrupt"})
"""The event types that end a step's stream; nothing follows one of these."""

# Keys of Message.metadata.
SEQUENCE_NUMBER: Final = "sequence_number"
STEP_ID: Final = "step_id"
EVENT_TYPE: Final = "event_type"


def step_topic(step_id: str) -> str:
    """The topic that lives as long as one started step."""
    return f"step.{step_id}"


def chat_topic(session_id: str) -> str:
    """The topic of one chat session."""
    return f"chat-{session_id}"


def peer_topic(name: str) -> str:
    """The topic on which one process is told something by others."""
    return f"peer.{name}"


def queue_topic(name: str) -> str:
    """The topic of a work queue: a message is for one reader of one group, and goes when that has acked it."""
    return f"queue.{name}"


def before_delta(partial: bytes) -> bytes | None:
    """What comes before the delta in a partial event that ends with it, as ours do; None for others.

    Partials of one stream differ in their delta alone, as a rule: whoever reads many need not read the rest again.
    """
    start = partial.rfind(b',"delta":"')  # inside a JSON string the quotes would have backslashes
    if start < 0:
        return None
    shared = partial[: start + len(b',"delta":')]
    try:
        return shared if isinstance(json.loads(partial[len(shared) : -1]), str) else None
    except ValueError:
        return None
