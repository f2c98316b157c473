import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from geppetto.conversation.errors import ConversationError
from geppetto.conversation.models import ChatMessage, ImageContent, ToolResultMessage, ToolUseMessage
from geppetto.conversation.tree import Conversation
from geppetto.conversation.wire import from_wire, to_wire
from geppetto.json_value import JsonValue
from hypothesis import given, settings
from hypothesis import strategies as st

COMMON: dict[str, JsonValue] = {
    "parentID": "",
    "time": "2024-01-01T00:00:00.000Z",
    "lastUpdate": "2024-01-02T03:04:05.678Z",
    "metadata": {"source": "config", "deep": [1, {"b": None}]},
}
# The three objects of the API guide, as JavaScript's JSON.stringify gives them.
GUIDE: list[JsonValue] = [
    {
        **COMMON,
        "id": "a",
        "type": "chat-message",
        "role": "user",
        "text": "What's in this image?",
        "images": [
            {
                "imageURL": "https://x.org/i.png",
                "imageName": "i.png",
                "mediaType": "image/png",
                "detail": "auto",
            }
        ],
    },
    {
        **COMMON,
        "id": "b",
        "parentID": "a",
        "type": "tool-use",
        "toolID": "tool123",
        "name": "searchCode",
        "input": {"query": "find main function"},
        "toolType": "function",
    },
    {
        **COMMON,
        "id": "c",
        "parentID": "b",
        "type": "tool-result",
        "toolID": "tool123",
        "result": "Found main function in main.go",
    },
    {**COMMON, "id": "d", "parentID": "c", "type": "chat-message", "role": "assistant", "text": "…"},
]


def test_the_objects_of_the_guide_come_in_and_go_out_unchanged() -> None:
    conversation = from_wire(GUIDE)
    chat, use, result, answer = conversation.messages
    assert (
        isinstance(chat, ChatMessage)
        and isinstance(use, ToolUseMessage)
        and isinstance(result, ToolResultMessage)
    )
    assert chat.images == (
        ImageContent(
            image_url="https://x.org/i.png", image_name="i.png", media_type="image/png", detail="auto"
        ),
    )
    assert chat.time == datetime(2024, 1, 1, tzinfo=UTC)
    assert chat.last_update == datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert (use.tool_id, use.name, use.input) == ("tool123", "searchCode", {"query": "find main function"})
    assert result.result == "Found main function in main.go"
    assert conversation.thread() == [chat, use, result, answer]
    assert json.loads(json.dumps(to_wire(conversation))) == GUIDE


def test_views() -> None:
    assert [message.view() for message in from_wire(GUIDE).messages] == [
        "[user]: What's in this image?",
        'ToolUseContent{ToolID: tool123, Name: searchCode, Input: {"query":"find main function"}, Type: function}',
        "ToolResultContent{ToolID: tool123, Result: Found main function in main.go}",
        "[assistant]: …",
    ]


def test_what_is_left_out_is_filled_in() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    first, second, root = from_wire(
        [
            {"role": "system", "text": "Be brief."},
            {"role": "user", "text": "Hi"},
            {"role": "user", "text": "x", "parentID": None},
        ]
    ).messages
    assert first.type == "chat-message"
    assert len(first.id) == 36 and first.id != second.id
    assert before <= first.time == first.last_update <= datetime.now(UTC)
    assert (first.parent_id, second.parent_id, root.parent_id) == ("", first.id, "")


BAD: list[tuple[JsonValue, str]] = [
    ("hello", "should be a list of messages, not a text"),
    (None, "not null"),
    ({"conversation": []}, "not an object"),
    (["hello"], "message 0 should be an object, not a text"),
    ([{"role": "user", "text": "a"}, 7], "message 1 should be an object, not a number"),
    ([{"role": "robot", "text": "a"}], "message 0: role should be 'system', 'assistant', 'user' or 'tool'"),
    ([{"role": "user"}], "message 0: text is missing"),
    ([{"text": "a"}], "message 0: role is missing"),
    ([{"role": "user", "text": 7}], "message 0: text should be a valid string"),
    ([{"role": "user", "text": None}], "message 0: text should be"),
    (
        [{"role": "user", "text": "a", "type": "chat"}],
        "message 0: type should be 'chat-message', 'tool-use', 'tool-result'",
    ),
    ([{"role": "user", "text": "a", "type": 3}], "message 0: type"),
    ([{"role": "user", "text": "a", "colour": 1}], "message 0: colour is no field of such a message"),
    ([{"role": "user", "text": "a", "id": ""}], "message 0: id "),
    ([{"role": "user", "text": "a", "id": 5}], "message 0: id "),
    ([{"role": "user", "text": "a", "parentID": 5}], "message 0: parentID "),
    ([{"role": "user", "text": "a", "parentID": "gone"}], 'message 0: the parent "gone"'),
    ([{"role": "user", "text": "a", "metadata": []}], "message 0: metadata "),
    (
        [{"role": "user", "text": "a", "images": [{"imageName": "x"}]}],
        "message 0: images.0.imageURL is missing",
    ),
    ([{"type": "tool-use", "toolID": "t", "name": "n", "input": "{}"}], "message 0: input "),
    ([{"type": "tool-result", "toolID": "t", "result": {}}], "message 0: result "),
    (
        [{"role": "user", "text": "a", "id": "x"}, {"role": "user", "text": "b", "id": "x"}],
        'message 1: two messages have the id "x"',
    ),
    *(
        (
            [{"role": "user", "text": "a", "time": time}],
            "message 0: time should be an RFC 3339 time with a time zone",
        )
        for time in [
            "yesterday",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01",
            "",
            1704067200,
            None,
            True,
        ]
    ),
]


@pytest.mark.parametrize(("wire", "words"), BAD)
def test_what_is_wrong_is_named_with_its_place(wire: JsonValue, words: str) -> None:
    with pytest.raises(ConversationError) as caught:
        from_wire(wire)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_message_of_ten_megabytes_goes_through_and_is_not_repeated_in_errors() -> None:
    text = "x" * 10_000_000
    assert len(from_wire([{"role": "user", "text": text}]).single_prompt()) == 10_000_000
    with pytest.raises(ConversationError) as caught:
        from_wire([{"role": text, "text": ""}])
    assert len(str(caught.value)) < 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
times = st.datetimes(
    min_value=datetime(1900, 1, 1),
    max_value=datetime(9000, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)
common = {
    "metadata": st.dictionaries(st.text(), json_values, max_size=2),
    "time": times,
    "last_update": times,
}
messages = st.one_of(
    st.builds(
        ChatMessage, role=st.sampled_from(["system", "assistant", "user", "tool"]), text=st.text(), **common
    ),
    st.builds(
        ToolUseMessage,
        toolID=st.text(),
        name=st.text(),
        input=st.dictionaries(st.text(), json_values, max_size=3),
        **common,
    ),
    st.builds(ToolResultMessage, toolID=st.text(), result=st.text(), **common),
)


@given(st.lists(messages, max_size=4))
@settings(max_examples=60)
def test_every_conversation_survives_the_wire(given_messages: list[ChatMessage]) -> None:
    conversation = Conversation()
    for message in given_messages:
        conversation.append(message)
    again = from_wire(json.loads(json.dumps(to_wire(conversation))))
    assert again.messages == conversation.messages


@given(json_values)
def test_no_json_leads_to_anything_but_a_conversation_or_its_error(value: JsonValue) -> None:
    for wire in (value, [value], [{"role": "user", "text": "a", "metadata": value}]):
        try:
            from_wire(wire)
        except ConversationError:
            continue
