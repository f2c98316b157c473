"""The names both ends of a bus agree on: topics, metadata keys, event types.

Nothing here imports pydantic, so that code which only moves messages stays quick to load.
"""

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
