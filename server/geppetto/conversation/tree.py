"""A conversation: messages that answer one another, so a tree."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from pydantic import JsonValue

from geppetto.conversation.errors import ConversationError
from geppetto.conversation.models import (
    ChatMessage,
    ToolResultMessage,
    ToolUseMessage,
    now,
)

AnyMessage = ChatMessage | ToolUseMessage | ToolResultMessage
M = TypeVar("M", bound=AnyMessage)


class Conversation:
    """Messages by id, in the order in which they came. A message's parent is always there before it."""

    def __init__(self, messages: Iterable[AnyMessage] = ()) -> None:
        self._messages: dict[str, AnyMessage] = {}
        self._children: dict[str, list[str]] = {}
        for message in messages:
            self.add(message)

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def messages(self) -> tuple[AnyMessage, ...]:
        """All messages of all branches, in the order in which they came."""
        return tuple(self._messages.values())

    @property
    def last(self) -> AnyMessage | None:
        """The message that came last, whatever its branch."""
        return self._messages[next(reversed(self._messages))] if self._messages else None

    def get(self, id: str) -> AnyMessage:
        """The message with this id; ConversationError if there is none."""
        try:
            return self._messages[id]
        except KeyError:
            raise ConversationError(f'no message has the id "{id}"') from None

    def add(self, message: M) -> M:
        """Add a message under the parent that it names; with none it is a root.

        Raises:
            ConversationError: the id is taken, or the parent is unknown.
        """
        if message.id in self._messages:
            raise ConversationError(f'two messages have the id "{message.id}"')
        if message.parent_id and message.parent_id not in self._messages:
            raise ConversationError(f'the parent "{message.parent_id}" of message "{message.id}" is unknown')
        self._messages[message.id] = message
        self._children.setdefault(message.parent_id, []).append(message.id)
        return message

    def append(self, message: M) -> M:
        """Add a message as the answer to the last one, whatever parent it names. Gives it as added."""
        last = self.last
        return self.add(message.model_copy(update={"parent_id": last.id if last else ""}))

    def children(self, id: str = "") -> tuple[AnyMessage, ...]:
        """The messages that answer this one, in order; without an id the roots."""
        if id:
            self.get(id)
        return tuple(self._messages[child] for child in self._children.get(id, ()))

    def branches(self) -> tuple[AnyMessage, ...]:
        """The last message of each branch: those that nothing answers."""
        return tuple(message for message in self._messages.values() if message.id not in self._children)

    def thread(self, to: str | None = None) -> list[AnyMessage]:
        """The line of messages from a root to `to`, or to the last message: what a model is shown."""
        at = self.get(to) if to is not None else self.last
        line: list[AnyMessage] = []
        while at is not None:
            line.append(at)
            at = self._messages[at.parent_id] if at.parent_id else None
        return line[::-1]

    def update_metadata(self, id: str, metadata: Mapping[str, JsonValue]) -> AnyMessage:
        """Set these keys of a message's metadata, and its `last_update`. Gives the new message."""
        message = self.get(id)
        merged = {**message.metadata, **metadata}
        updated = message.model_copy(update={"metadata": merged, "last_update": now()})
        self._messages[id] = updated
        return updated

    def single_prompt(self) -> str:
        """The thread to the last message as one text, for models that take no more.

        A single chat message is its text; anything else the views of its messages, a line each.
        """
        match self.thread():
            case [ChatMessage() as only]:
                return only.text
            case thread:
                return "".join(f"{message.view()}\n" for message in thread)
