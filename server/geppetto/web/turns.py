"""What was said in a conversation: turns that answer one another, so a tree, with one thread on show."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from uuid import uuid4

from pydantic import BaseModel

from geppetto.conversation.answer import TextPart, ToolPart, answer_messages, text_of
from geppetto.conversation.models import ChatMessage
from geppetto.conversation.tree import AnyMessage
from geppetto.errors import GeppettoError

Status: TypeAlias = Literal["done", "streaming", "interrupted", "error"]


class TurnMeta(BaseModel):
    """What is known of an answer besides its text. `seconds` from the question to the end, `cost` in US dollars."""

    engine: str = ""
    profile: str = ""
    stop_reason: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None


@dataclass
class Turn:
    """A question or an answer. `created` is in seconds since 1970."""

    role: Literal["user", "assistant"]
    parent: str = ""
    id: str = field(default_factory=lambda: uuid4().hex)
    status: Status = "done"
    parts: list[TextPart | ToolPart] = field(default_factory=list[TextPart | ToolPart])
    error: str = ""
    note: str = ""
    """What there is to know while it is waited for. Not kept."""
    meta: TurnMeta = field(default_factory=TurnMeta)
    created: float = field(default_factory=time.time)

    @property
    def text(self) -> str:
        """All that was said, without the tool calls."""
        return text_of(self.parts)


class UnknownTurn(GeppettoError):
    """The conversation has no such turn, or not one of that kind."""


class TurnTree:
    """Every turn of a conversation. `head` is the last turn of the thread on show, "" when there is none."""

    def __init__(self, turns: list[Turn], head: str) -> None:
        self.by_id = {turn.id: turn for turn in turns}
        self._below: dict[str, list[Turn]] = {}
        for turn in turns:
            self._below.setdefault(turn.parent, []).append(turn)
        self.head = head if head in self.by_id else (turns[-1].id if turns else "")

    def get(self, id: str, role: Literal["user", "assistant"] | None = None) -> Turn:
        """The turn with this id.

        Raises:
            UnknownTurn: there is none, or it has another role.
        """
        turn = self.by_id.get(id)
        if turn is None or role not in (None, turn.role):
            raise UnknownTurn("This message is not there any more: load the page again.")
        return turn

    def add(self, turn: Turn) -> None:
        """Add a turn under its parent, and show the thread that ends with it."""
        self.by_id[turn.id] = turn
        self._below.setdefault(turn.parent, []).append(turn)
        self.head = turn.id

    def thread(self, to: str | None = None) -> list[Turn]:
        """From the first turn to `to`, by default to the end of the thread on show."""
        line = list(self._upwards(self.head if to is None else to))
        return line[::-1]

    def siblings(self, turn: Turn) -> list[Turn]:
        """The versions of a turn, itself included, oldest first."""
        return self._below[turn.parent]

    def show(self, turn: Turn) -> None:
        """Show the thread that goes through a turn, to the newest turn below it."""
        at = turn
        while below := self._below.get(at.id):
            at = below[-1]
        self.head = at.id

    def messages(self, to: str) -> list[AnyMessage]:
        """What a model is told: the thread to a turn, with the tool calls of its answers and what they gave."""
        messages: list[AnyMessage] = []
        for turn in self.thread(to):
            if turn.role == "assistant":
                messages += answer_messages(turn.parts)
            elif turn.text.strip():
                messages.append(ChatMessage(id=turn.id, role="user", text=turn.text))
        return messages

    def _upwards(self, id: str) -> Iterator[Turn]:
        while id:
            turn = self.by_id[id]
            yield turn
            id = turn.parent
