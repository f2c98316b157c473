"""The messages of a conversation, as they stand on the wire and in JavaScript: flat objects.

In Python the fields are snake_case; on the wire they have the names of the JavaScript API (`parentID`,
`lastUpdate`, `toolID`, `imageURL`, …). A message is a value: it is never changed, only replaced.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import uuid4

from pydantic import (
    AliasGenerator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    TypeAdapter,
)
from pydantic_core import PydanticCustomError

from geppetto.conversation.images import Image

Role: TypeAlias = Literal["system", "assistant", "user", "tool"]
MessageType: TypeAlias = Literal["chat-message", "tool-use", "tool-result"]

ROLES: tuple[Role, ...] = ("system", "assistant", "user", "tool")


def _milliseconds(time: datetime) -> datetime:
    """JavaScript dates know milliseconds; keeping more would make a message change on a round trip."""
    return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)


def _javascript_time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def now() -> datetime:
    return _milliseconds(datetime.now(UTC))


def _rfc3339(value: object) -> datetime:
    """Only RFC 3339 text or an aware datetime: pydantic would also take numbers, whose unit is a guess."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PydanticCustomError(
            "time", "should be an RFC 3339 time with a time zone, such as 2024-01-01T00:00:00Z"
        )
    return _milliseconds(value)


Time = Annotated[
    AwareDatetime, BeforeValidator(_rfc3339), PlainSerializer(_javascript_time, when_used="json")
]


def _wire_name(field: str) -> str:
    """parent_id → parentID, image_url → imageURL, last_update → lastUpdate."""
    first, *rest = field.split("_")
    return first + "".join(part.upper() if part in ("id", "url") else part.capitalize() for part in rest)


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=_wire_name),
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
        extra="forbid",
    )


class ImageContent(_Wire):
    """An image of a chat message. `image_url` is an http(s), file or data URL; see `images.load_image`."""

    image_url: str
    image_name: str = ""
    media_type: str = ""
    detail: str = "auto"

    def image(self) -> Image:
        """To send it: see `Image.as_data_url`."""
        return Image(self.image_url, self.image_name, self.media_type, self.detail)


class _MessageBase(_Wire):
    id: Annotated[str, Field(min_length=1)] = Field(default_factory=lambda: str(uuid4()))
    parent_id: Annotated[str, BeforeValidator(lambda value: "" if value is None else value)] = ""
    """The message this one answers; empty for a root."""
    time: Time = Field(default_factory=now)
    last_update: Time = Field(default_factory=lambda data: data.get("time") or now())
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class ChatMessage(_MessageBase):
    type: Literal["chat-message"] = "chat-message"
    role: Role
    text: str
    images: tuple[ImageContent, ...] = ()

    def view(self) -> str:
        return f"[{self.role}]: {self.text}"


class ToolUseMessage(_MessageBase):
    """The model asks for a tool. `tool_id` is the id of the call; the result carries the same."""

    type: Literal["tool-use"] = "tool-use"
    tool_id: str
    name: str
    input: dict[str, JsonValue]
    tool_type: str = "function"

    def view(self) -> str:
        call = f"ToolID: {self.tool_id}, Name: {self.name}, Input: {compact_json(self.input)}"
        return f"ToolUseContent{{{call}, Type: {self.tool_type}}}"


class ToolResultMessage(_MessageBase):
    type: Literal["tool-result"] = "tool-result"
    tool_id: str
    result: str

    def view(self) -> str:
        return f"ToolResultContent{{ToolID: {self.tool_id}, Result: {self.result}}}"


Message: TypeAlias = Annotated[ChatMessage | ToolUseMessage | ToolResultMessage, Field(discriminator="type")]

message_adapter: TypeAdapter[ChatMessage | ToolUseMessage | ToolResultMessage] = TypeAdapter(Message)


def compact_json(value: JsonValue) -> str:
    """The text that JavaScript's JSON.stringify gives."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_told(result: JsonValue) -> str:
    """A tool's result as a model reads it: text as it is, anything else as JSON.

    In the form of JavaScript, where a conversation keeps it: so a later request begins with the same text, which
    the service may have in its cache.
    """
    return result if isinstance(result, str) else compact_json(result)
