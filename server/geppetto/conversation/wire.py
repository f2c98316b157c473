"""Conversations to and from JSON, as JavaScript sends them: a list of flat messages."""

from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from geppetto.conversation.errors import ConversationError
from geppetto.conversation.models import message_adapter
from geppetto.conversation.tree import Conversation

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def from_wire(messages: JsonValue) -> Conversation:
    """The conversation that a list of message objects says.

    What is left out is filled in: `type` is "chat-message", `id` a UUID, the times now, and the parent the
    message before. A `parentID` of "" or null means a root.

    Raises:
        ConversationError: names the message by its place in the list, and the field.
    """
    if not isinstance(messages, list):
        raise ConversationError(f"a conversation should be a list of messages, not {_kind(messages)}")
    conversation = Conversation()
    for index, raw in enumerate(messages):
        if not isinstance(raw, dict):
            raise ConversationError(f"message {index} should be an object, not {_kind(raw)}")
        last = conversation.last
        filled = {"type": "chat-message", "parentID": last.id if last else "", **raw}
        try:
            conversation.add(message_adapter.validate_python(filled))
        except ValidationError as error:
            raise ConversationError(f"message {index}: {_first(error)}") from None
        except ConversationError as error:
            raise ConversationError(f"message {index}: {error}") from None
    return conversation


def to_wire(conversation: Conversation) -> list[JsonValue]:
    """Every message of every branch, in order, ready for JSON."""
    return [
        message_adapter.dump_python(
            message, mode="json", exclude=None if getattr(message, "images", True) else {"images"}
        )
        for message in conversation.messages
    ]


def _first(error: ValidationError) -> str:
    details = error.errors(include_url=False)[0]
    # The discriminator puts the message's type before the name of the field.
    place = ".".join(map(str, details["loc"][1:])) or "type"
    return f"{place} {_said(details)}"


def _said(details: "ErrorDetails") -> str:
    match details["type"]:
        case "extra_forbidden":
            return "is no field of such a message"
        case "missing":
            return "is missing"
        case "literal_error" | "union_tag_invalid":
            expected = details.get("ctx", {})
            return f"should be {expected.get('expected') or expected.get('expected_tags')}"
        case _:
            return details["msg"].removeprefix("Input ")


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
