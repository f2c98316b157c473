from datetime import UTC, datetime

import pytest
from geppetto.conversation.errors import ConversationError
from geppetto.conversation.models import ChatMessage, ToolResultMessage, ToolUseMessage
from geppetto.conversation.tree import Conversation
from hypothesis import given
from hypothesis import strategies as st


def say(text: str, **fields: object) -> ChatMessage:
    return ChatMessage.model_validate({"role": "user", "text": text, **fields})


def test_appended_messages_make_one_line() -> None:
    conversation = Conversation()
    first = conversation.append(say("a"))
    second = conversation.append(say("b", parent_id="ignored"))
    assert second.parent_id == first.id
    assert conversation.thread() == [first, second] == list(conversation.messages)
    assert conversation.last == second


def test_a_second_answer_to_a_message_is_a_branch() -> None:
    conversation = Conversation([say("root", id="r"), say("one", id="1", parent_id="r")])
    conversation.add(say("more", id="1a", parent_id="1"))
    conversation.add(say("two", id="2", parent_id="r"))
    assert [message.id for message in conversation.thread()] == ["r", "2"]
    assert [message.id for message in conversation.thread("1a")] == ["r", "1", "1a"]
    assert [message.id for message in conversation.branches()] == ["1a", "2"]
    assert [message.id for message in conversation.children("r")] == ["1", "2"]
    assert [message.id for message in conversation.children()] == ["r"]


def test_an_empty_conversation_has_nothing() -> None:
    conversation = Conversation()
    assert (conversation.last, conversation.thread(), conversation.branches(), conversation.children()) == (
        None,
        [],
        (),
        (),
    )
    assert conversation.single_prompt() == ""


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (say("x", id="r"), 'two messages have the id "r"'),
        (say("x", id="n", parent_id="gone"), 'parent "gone"'),
        (say("x", id="n", parent_id="n"), "parent"),
    ],
)
def test_a_refused_message_changes_nothing(message: ChatMessage, words: str) -> None:
    conversation = Conversation([say("root", id="r")])
    with pytest.raises(ConversationError, match=words):
        conversation.add(message)
    assert [message.id for message in conversation.messages] == ["r"]
    assert conversation.branches() == conversation.messages


@pytest.mark.parametrize("act", ["get", "children", "thread"])
def test_unknown_ids_are_named(act: str) -> None:
    with pytest.raises(ConversationError, match='no message has the id "nobody"'):
        getattr(Conversation([say("root")]), act)("nobody")


def test_metadata_is_merged_and_the_message_was_updated() -> None:
    conversation = Conversation(
        [say("x", id="a", time="2024-01-01T00:00:00Z", metadata={"kept": 1, "old": 1})]
    )
    conversation.append(say("y"))
    before = conversation.get("a")
    updated = conversation.update_metadata("a", {"old": 2, "new": [3]})
    assert updated.metadata == {"kept": 1, "old": 2, "new": [3]}
    assert updated.last_update > before.last_update == datetime(2024, 1, 1, tzinfo=UTC)
    assert conversation.messages[0] == updated
    with pytest.raises(ConversationError, match="nobody"):
        conversation.update_metadata("nobody", {})


def test_single_prompt() -> None:
    conversation = Conversation([say("Hello\nthere")])
    assert conversation.single_prompt() == "Hello\nthere"
    conversation.append(ToolUseMessage(tool_id="t", name="n", input={}))
    conversation.append(ToolResultMessage(tool_id="t", result="r"))
    conversation.append(ChatMessage(role="assistant", text="Hi"))
    assert conversation.single_prompt() == (
        "[user]: Hello\nthere\n"
        "ToolUseContent{ToolID: t, Name: n, Input: {}, Type: function}\n"
        "ToolResultContent{ToolID: t, Result: r}\n"
        "[assistant]: Hi\n"
    )
    assert (
        Conversation([ToolResultMessage(tool_id="t", result="r")]).single_prompt()
        == "ToolResultContent{ToolID: t, Result: r}\n"
    )


@given(st.lists(st.integers(min_value=0), max_size=40))
def test_any_tree(choices: list[int]) -> None:
    """Each message answers any earlier one, or none: threads, branches and children agree with one another."""
    conversation = Conversation()
    for number, choice in enumerate(choices):
        parent = choice % (number + 1)
        conversation.add(say("x", id=str(number), parent_id=str(parent) if parent < number else ""))
    assert len(conversation) == len(choices)
    for message in conversation.messages:
        thread = conversation.thread(message.id)
        assert thread[-1] == message
        assert [parent.id for parent in thread[:-1]] == [child.parent_id for child in thread[1:]]
        assert thread[0].parent_id == ""
        assert all(child.parent_id == message.id for child in conversation.children(message.id))
    leaves = {message.id for message in conversation.branches()}
    assert leaves == {m.id for m in conversation.messages} - {m.parent_id for m in conversation.messages}


def test_a_thread_of_20_000_messages_is_no_recursion() -> None:
    conversation = Conversation()
    message = say("x", id="0")
    for number in range(20_000):
        conversation.append(message.model_copy(update={"id": str(number)}))
    assert len(conversation.thread()) == 20_000
