"""From settings and options to a chat step."""

from pathlib import Path

import pytest
from geppetto.conversation.models import ChatMessage
from geppetto.conversation.tree import Conversation
from geppetto.settings.errors import SettingsError
from geppetto.settings.load import load_settings
from geppetto.settings.models import ChatSettings, StepSettings
from geppetto.steps.chat.echo import EchoStep
from geppetto.steps.chat.factory import ECHO_NOTICE, ScriptShelf, create_chat_step
from geppetto.steps.chat.words import pieces
from geppetto.steps.errors import StepError
from geppetto.steps.tools import PythonTools, ToolDefinition
from hypothesis import given
from hypothesis import strategies as st


def settings(**chat):
    return StepSettings(chat=ChatSettings(**chat))


async def test_echo_answers_when_nothing_is_configured_and_says_so_once(listener):
    told = []
    step = create_chat_step(None, {"model": "gpt-9", "temperature": 0.5}, notice=told.append)
    assert told == []
    for _ in range(2):
        assert (await step.start(listener.context(), "hello you").result()).text == "hello you"
    assert told == [ECHO_NOTICE]
    start = listener.events[0]
    assert (start.meta.engine, start.meta.temperature, start.step.type) == ("echo", 0.5, "echo")


@pytest.mark.parametrize(("configured", "options"), [(settings(), {}), (None, {"provider": "echo"})])
async def test_echo_that_was_asked_for_says_nothing(listener, configured, options):
    told = []
    await create_chat_step(configured, options, notice=told.append).start(listener.context(), "hi").result()
    assert told == []


async def test_echo_of_a_conversation_is_the_last_message_of_the_user(listener):
    conversation = Conversation()
    conversation.append(ChatMessage(role="user", text="first"))
    conversation.append(ChatMessage(role="user", text=" second  one "))
    last = conversation.append(ChatMessage(role="assistant", text="answer"))
    reply = await EchoStep().start(listener.context(), conversation).result()
    assert [event.delta for event in listener.events if event.type == "partial"] == [" second", "  one", " "]
    assert (reply.text, reply.parent_id) == (" second  one ", last.id)
    assert listener.check().meta.usage.output_tokens == 2


async def test_echo_without_a_user_message(listener):
    with pytest.raises(StepError, match="no user message"):
        await EchoStep().start(listener.context(), Conversation()).result()
    assert listener.check().code == "invalid_input"


@given(st.text())
def test_pieces_make_up_the_text(text):
    assert "".join(pieces(text)) == text


async def test_the_scripted_provider_by_settings_and_by_option(listener, tmp_path):
    (tmp_path / "a.yaml").write_text("[{times: 1, text: one}, two]")
    shelf = ScriptShelf()
    by_settings = create_chat_step(
        settings(provider="scripted", script=tmp_path / "a.yaml", max_tokens=9), scripts=shelf
    )
    assert (await by_settings.start(listener.context(), "hi").result()).text == "one"
    assert listener.events[0].meta.max_tokens == 9
    by_option = create_chat_step(None, {"script": "a.yaml", "pace": 0}, folder=tmp_path, scripts=shelf)
    assert (await by_option.start(listener.context(), "hi").result()).text == "two"
    elsewhere = create_chat_step(None, {"script": "a.yaml"}, folder=tmp_path)
    assert (await elsewhere.start(listener.context(), "hi").result()).text == "one"


async def test_options_are_taken_in_both_spellings(listener, tmp_path):
    box = PythonTools()
    box.add(ToolDefinition("t", "", {}), lambda arguments: "x")
    options = {
        "topP": 0.5,
        "max_tokens": 3,
        "maxToolRounds": 2,
        "toolTimeout": 1.5,
        "tools": ["t"],
        "stop": ["."],
    }
    step = create_chat_step(None, options)
    parameters = step.parameters
    assert (parameters.top_p, parameters.max_tokens, parameters.max_tool_rounds) == (0.5, 3, 2)
    assert (parameters.tool_timeout, parameters.tools, parameters.stop) == (1.5, ("t",), (".",))
    await step.start(listener.context(tools=box), "hi").result()
    assert listener.check().type == "final"
    with pytest.raises(StepError, match="no tool named 't'; no tool is defined"):
        await step.start(listener.context(), "hi").result()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temprature": 1}, "chatStep: there is no option 'temprature', did you mean temperature? the options are: "),
        ({"provider": "gemini"}, "the option provider is 'gemini': Input should be 'echo', 'scripted'"),
        ({"temperature": 3}, "the option temperature is 3: Input should be less than or equal to 2"),
        ({"provider": "scripted"}, "the scripted provider needs a `script`"),
        ({"provider": "openai", "seed": 1.5}, "the option seed is a whole number, not 1.5"),
        ({"responseSchema": "x"}, "the option response_schema is a JSON schema, not 'x'"),
        ({"script": "none.yaml"}, "there is no script file"),
        ({"tools": "t"}, "the option tools is a list of names of tools, not 't'"),
        ({"tools": [1]}, "the option tools is a list of names of tools, not [1]"),
        ({"pace": -1}, "the option pace is a number from 0, not -1"),
        ({"maxToolRounds": 1.5}, "the option max_tool_rounds is a whole number from 0, not 1.5"),
    ],
)  # fmt: skip
def test_options_that_are_wrong(options, message):
    with pytest.raises(StepError) as raised:
        create_chat_step(None, options, folder=Path("/nowhere"))
    assert message in str(raised.value)


def test_null_options_are_as_if_they_were_not_there():
    assert isinstance(create_chat_step(None, {"model": None, "script": None, "tools": None}), EchoStep)


@pytest.mark.parametrize(
    ("provider", "kind", "address"),
    [
        ("openai", "openai", None),
        ("claude", "claude", None),
        ("ollama", "openai", "http://127.0.0.1:11434/v1"),
    ],
)
def test_services_get_what_was_asked_for_and_their_key(provider, kind, address):
    settings = StepSettings.model_validate(
        {
            "openai": {"api_key": "sk-o"},
            "claude": {"api_key": "sk-c"},
            "timeouts": {"idle": 5},
            "retries": {"attempts": 2},
            "prices": {"m": {"input": 1, "output": 2}},
        }
    )
    step = create_chat_step(settings, {"provider": provider, "model": "m", "seed": 7, "responseSchema": {}})
    assert (step.type, step.service.base_url) == (kind, address)
    assert step.service.api_key == {"openai": "sk-o", "claude": "sk-c", "ollama": None}[provider]
    assert (step.parameters.seed, step.parameters.response_schema) == (7, {})
    assert (step.timeouts.idle, step.retries.attempts, step.prices.of("m").output) == (5, 2, 2)


def test_a_key_does_not_go_where_the_workspace_sends_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / ".git").mkdir()
    (tmp_path / "geppetto.toml").write_text('[openai]\nbase_url = "https://evil.example/v1"\n')
    settings = load_settings(tmp_path, env={"OPENAI_API_KEY": "sk-planted-123"}).steps
    with pytest.raises(SettingsError, match="gets none of your keys") as caught:
        create_chat_step(settings, {"provider": "openai"})
    assert "sk-planted-123" not in str(caught.value)
