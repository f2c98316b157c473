"""The scripted provider: what docs/scripted.md promises."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import yaml
from geppetto.conversation.models import ChatMessage
from geppetto.conversation.tree import Conversation
from geppetto.steps.chat.script import ERROR_KINDS, Script
from geppetto.steps.chat.script_file import ScriptError
from geppetto.steps.chat.scripted import ScriptedStep, ScriptPlayer
from geppetto.steps.errors import StepCancelled, StepError
from geppetto.steps.tools import PythonTools, ToolDefinition

DOCS = Path(__file__).parents[2] / "docs" / "scripted.md"


def scripted(script, **options):
    value = yaml.safe_load(script) if isinstance(script, str) else script
    return ScriptedStep(ScriptPlayer(Script.parse(value)), **options)


async def say(step, text="hi", context=None):
    from geppetto.steps.context import StepContext

    return (await step.start(context or StepContext(), text).result()).text


def conversation(*texts):
    messages = Conversation()
    for text in texts:
        messages.append(ChatMessage(role="user", text=text))
        messages.append(ChatMessage(role="assistant", text="…"))
    return messages


def deltas(listener):
    return [event.delta for event in listener.events if event.type == "partial"]


# What a stream says


async def test_text_comes_word_by_word_and_a_delta_as_it_is(listener):
    step = scripted("""[{stream: ["as it ", {delta: "is, "}, {text: "word by word"}]}]""")
    reply = await step.start(listener.context(), "hi").result()
    assert deltas(listener) == ["as it ", "is, ", "word", " by", " word"]
    final = listener.check()
    assert final.text == reply.text == "as it is, word by word"
    assert (reply.role, reply.id) == ("assistant", final.meta.message_id)
    assert final.result is None
    assert final.meta.engine == "scripted"


async def test_a_delta_can_be_repeated_a_hundred_thousand_times(listener):
    await (
        scripted([{"stream": [{"delta": "word ", "repeat": 100_000}]}]).start(listener.context(), "").result()
    )
    assert listener.check().text == "word " * 100_000
    assert len(listener.messages) == 100_002


async def test_usage_and_stop_reason(listener):
    script = """
    model: demo-1
    responses:
    - stream: [a, usage: {input_tokens: 3, output_tokens: 5, cost: 0.25}, stop_reason: length]
    """
    await scripted(script).start(listener.context(), "hi").result()
    meta = listener.check().meta
    assert meta.usage.model_dump() == {"input_tokens": 3, "output_tokens": 5, "cost": 0.25}
    assert (meta.stop_reason, meta.engine) == ("length", "demo-1")


async def test_usage_counts_words_when_the_script_does_not_say(listener):
    await scripted(["one two three"]).start(listener.context(), "four words are here").result()
    meta = listener.check().meta
    assert (meta.usage.input_tokens, meta.usage.output_tokens, meta.stop_reason) == (4, 3, "end_turn")


async def test_an_empty_answer_is_a_final_event(listener):
    await scripted([{"stream": []}]).start(listener.context(), "hi").result()
    assert listener.types == ["start", "final"]
    assert listener.check().text == ""


async def test_placeholders():
    step = scripted(["{{user}}! turn {{ turn }}, {{other}} {user}"])
    assert await say(step, "hello") == "hello! turn 1, {{other}} {user}"


# Faults


@pytest.mark.parametrize("kind", ERROR_KINDS)
async def test_errors_of_each_kind(listener, kind):
    step = scripted([{"stream": ["so far", {"error": str(kind)}]}])
    with pytest.raises(StepError):
        await step.start(listener.context(), "hi").result()
    error = listener.check()
    assert error.code == kind
    assert len(error.error_string) > 15
    assert deltas(listener) == ["so far"]


async def test_a_rate_limit_says_when_to_come_back(listener):
    with pytest.raises(StepError) as raised:
        await scripted([{"stream": [{"rate_limit": 2}]}]).start(listener.context(), "hi").result()
    assert (raised.value.retry_after, raised.value.retryable) == (2.0, True)
    assert listener.check().code == "rate_limit"


@pytest.mark.parametrize(
    ("item", "code", "text"),
    [
        ({"cut": True}, "network", "the connection was cut"),
        ({"cut": "gone"}, "network", "gone"),
        ({"rate_limit": {"message": "slow down", "retry_after": "1s"}}, "rate_limit", "slow down"),
        ({"rate_limit": True}, "rate_limit", "the rate limit was reached"),
        ({"error": {"kind": "quota", "message": "no money"}}, "quota", "no money"),
    ],
)
async def test_faults_in_all_spellings(listener, item, code, text):
    with pytest.raises(StepError):
        await scripted([{"stream": [item]}]).start(listener.context(), "hi").result()
    error = listener.check()
    assert error.code == code
    assert error.error_string.startswith(text)


async def test_a_stall_lasts_until_the_step_is_cancelled(listener):
    result = scripted([{"stream": ["before", {"stall": True}]}], pace=0).start(listener.context(), "hi")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(result.result(), 0.05)
    await result.cancel()
    with pytest.raises(StepCancelled):
        await result.result()
    assert listener.check().text == "before"


async def test_delays_are_slept_and_pace_stretches_them(monkeypatch):
    slept = []
    sleep = asyncio.sleep

    async def no_sleep(seconds):
        if seconds:
            slept.append(round(seconds, 6))
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    script = {
        "pace": 2,
        "delay": "100ms",
        "responses": [{"stream": ["a", {"delay": 1}, {"delta": "b", "delay": 0.5}, {"stall": 3}]}],
    }
    await say(scripted(script))
    assert slept == [0.2, 2.0, 1.0, 6.0]
    slept.clear()
    await say(scripted(script, delay=0.25, pace=1))
    assert slept == [0.25, 1.0, 0.5, 3.0]
    slept.clear()
    await say(scripted(script, pace=0))
    assert slept == []


# Which response answers


async def test_turns_are_answered_in_order_and_the_last_answers_the_rest():
    step = scripted(["one", "two"])
    assert await say(step, "a") == "one"
    assert await say(step, conversation("a", "b")) == "two"
    assert await say(step, conversation("a", "b", "c")) == "two"
    assert await say(step, conversation()) == "one"


async def test_conditions_come_before_positions():
    step = scripted("""
    - plain one
    - {match: "(?i)weather", text: sunny}
    - plain two
    - {turn: 3, text: third}
    """)
    assert await say(step, "the Weather?") == "sunny"
    assert await say(step, "hello") == "plain one"
    assert await say(step, conversation("a", "b")) == "plain two"
    assert await say(step, conversation("a", "b", "c")) == "third"
    assert await say(step, conversation("a", "b", "weather")) == "sunny"


async def test_times_counts_over_all_conversations():
    step = scripted([{"times": 1, "stream": [{"rate_limit": 0}]}, {"times": 2, "text": "b"}, "c"])
    with pytest.raises(StepError):
        await say(step)
    assert [await say(step) for _ in range(3)] == ["b", "b", "c"]


async def test_no_response_fits(listener):
    with pytest.raises(ScriptError):
        await scripted([{"match": "x", "text": "y"}]).start(listener.context(), "hello").result()
    error = listener.check()
    assert error.code == "script"
    assert "no response fits turn 1 ('hello')" in error.error_string


# Tools


def tools(**handlers):
    box = PythonTools()
    for name, handler in handlers.items():
        box.add(ToolDefinition(name, "", {"type": "object"}), handler)
    return box


async def test_a_tool_call_ends_a_round_and_its_result_is_known_in_the_next(listener):
    async def weather(arguments):
        return {"sky": "clear", "city": arguments["city"]}

    script = """
    - stream:
      - Let me look.
      - tool_call: {name: weather, input: {city: Paris}}
      - text: "It is {{tool.weather}}."
      - tool_call: {id: again, name: weather, input: {city: Rome}}
      - "{{tool.again}}"
    """
    await scripted(script).start(listener.context(tools=tools(weather=weather)), "hi").result()
    final = listener.check()
    assert final.text == (
        'Let me look.\n\nIt is {"sky":"clear","city":"Paris"}.\n\n{"sky":"clear","city":"Rome"}'
    )
    calls = [event.tool_call for event in listener.events if event.type == "tool-call"]
    assert [(call.id, call.name, json.loads(call.input)) for call in calls] == [
        ("call_1", "weather", {"city": "Paris"}),
        ("again", "weather", {"city": "Rome"}),
    ]
    results = [event.tool_result for event in listener.events if event.type == "tool-result"]
    assert [(r.id, r.result["city"], r.is_error) for r in results] == [
        ("call_1", "Paris", None),
        ("again", "Rome", None),
    ]


async def test_a_response_may_end_with_a_tool_call(listener):
    step = scripted([{"stream": ["a", {"tool_call": {"name": "t"}}]}])
    await step.start(listener.context(tools=tools(t=lambda arguments: arguments)), "hi").result()
    assert listener.types == ["start", "partial", "tool-call", "tool-result", "final"]
    assert listener.check().text == "a"


# Files


def broken(tmp_path, text, name="s.yaml"):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ScriptError) as raised:
        Script.load(path)
    message = str(raised.value)
    assert str(path) in message
    return message.replace(str(path), name), raised.value.line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.yaml: the script file is empty; it needs a list of responses"),
        ("[]", "s.yaml:1: at least one response is needed"),
        ("42", "s.yaml:1: a mapping is needed here, not 42"),
        ("model: x", "s.yaml:1: `responses` is missing: the list of what the model says"),
        ("responces: []",
         's.yaml:1: responces: "responces" is not a known key, did you mean responses? '
         "allowed: model, pace, delay, responses"),
        ("pace: -1\nresponses: [a]", "s.yaml:1: pace: a number from 0 is needed here, not -1"),
        ("pace: fast\nresponses: [a]", 's.yaml:1: pace: a number from 0 is needed here, not "fast"'),
        ("delay: 5m\nresponses: [a]",
         's.yaml:1: delay: "5m" is not a time; allowed: seconds, such as 0.5, "500ms" or "0.5s"'),
        ("- a\n- 42", "s.yaml:2: [1]: a mapping is needed here, not 42"),
        ("- match: x", "s.yaml:1: [0]: a response needs either `text` or `stream`"),
        ("- match: '('\n  text: x",
         "s.yaml:1: [0].match: this is not a regular expression: missing ), unterminated subpattern at position 0"),
        ("- match: no\n  text: x", "s.yaml:1: [0].match: text is needed here, not false: put it in quotes"),
        ("- turn: 0\n  text: x", "s.yaml:1: [0].turn: a whole number from 1 is needed here, not 0"),
        ("- text: a\n- stream:\n  - b\n  - error: oauth",
         's.yaml:4: [1].stream[1].error: "oauth" is not a known value, did you mean auth? allowed: auth, quota, '
         "rate_limit, context_length, content_filter, unknown_model, invalid_request, overloaded, server, network, "
         "timeout"),
        ("- stream:\n  - error: {}", "s.yaml:2: [0].stream[0].error: an error needs a `kind`; allowed: auth, quota, "
         "rate_limit, context_length, content_filter, unknown_model, invalid_request, overloaded, server, network, "
         "timeout"),
        ("- stream:\n  - text: a\n    usage: {}",
         "s.yaml:2: [0].stream[0]: an item says one thing, this one `text` and `usage`; allowed: text, delta, delay, "
         "tool_call, tool_calls, usage, stop_reason, error, rate_limit, stall, cut"),
        ("- stream:\n  - repeat: 3\n    delay: 1", "s.yaml:2: [0].stream[0]: `repeat` goes with one `text` or `delta`"),
        ("- stream:\n  - txt: a", 's.yaml:2: [0].stream[0].txt: "txt" is not a known key, did you mean text? allowed: '
         "text, delta, delay, tool_call, tool_calls, usage, stop_reason, error, rate_limit, stall, cut, repeat"),
        ("- stream:\n  - cut: true\n  - more",
         "s.yaml:3: [0].stream[1]: nothing can come after `cut`: it ends the response"),
        ("- stream:\n  - tool_call: {}", "s.yaml:2: [0].stream[0].tool_call: a tool call needs the `name` of the tool"),
        ("- stream:\n  - tool_calls: []", "s.yaml:2: [0].stream[0].tool_calls: at least one call is needed"),
        ("- stream:\n  - tool_calls: [{name: a, id: x}, {name: b, id: x}]",
         's.yaml:2: [0].stream[0].tool_calls[1]: two tool calls of this response have the id "x"'),
        ("- stream:\n  - tool_call: {name: a, input: {day: 2024-01-01}}",
         "s.yaml:2: [0].stream[0].tool_call.input: this cannot be said in JSON: Object of type date is not JSON "
         "serializable (a date or a special number has to be in quotes)"),
        ("- stream:\n  - '{{tool.a}}'\n  - tool_call: {name: a}",
         's.yaml:2: [0].stream[0]: "tool.a" is not a known placeholder here; allowed: user, turn'),
        ("- text: a\n  text: b", 's.yaml:2: the key "text" is here twice'),
        ("- 1: a", "s.yaml:1: keys are text: put this one in quotes"),
        ("- a\n- [", "s.yaml:2: this is not YAML: expected the node content, but found '<stream end>'"),
        ("- &a [*a]", "s.yaml:1: [0]: a mapping is needed here, not a list"),
        ("- stream: [tool_call: {name: a, input: &a {b: *a}}]",
         "s.yaml:1: [0].stream[0].tool_call.input: this cannot be said in JSON: Circular reference detected "
         "(a date or a special number has to be in quotes)"),
        ("a\x00b", "s.yaml: this is not YAML: unacceptable character"),
    ],
)  # fmt: skip
def test_a_malformed_script_is_an_error_with_its_place(tmp_path, text, message):
    assert broken(tmp_path, text)[0].startswith(message)


def test_json_files(tmp_path):
    path = tmp_path / "s.json"
    path.write_text('{"responses": [{"text": "\\ud83d\\ude00\\u00e9"}]}')
    assert Script.load(path).responses[0].rounds[0][0].text == "😀é"

    message, line = broken(tmp_path, '{"responses": [\n "a",\n  b]}', "s.json")
    assert (message, line) == ("s.json:3: this is not JSON: Expecting value", 3)
    message, line = broken(tmp_path, '{"responses": [\n  "a",\n  {"turn": "x",\n   "text": "b"}]}', "s.json")
    assert (message, line) == (
        's.json:3: responses[1].turn: a whole number from 1 is needed here, not "x"',
        3,
    )
    message, line = broken(tmp_path, '{\n\t"responses": [\n\t\t42]}', "s.json")
    assert message.endswith("responses[0]: a mapping is needed here, not 42")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ScriptError, match="there is no script file"):
        Script.load(tmp_path / "none.yaml")
    with pytest.raises(ScriptError, match="cannot be read: Is a directory"):
        Script.load(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScriptError, match="not UTF-8"):
        Script.load(tmp_path / "binary.yaml")


async def test_the_scripts_in_the_documentation_are_played():
    blocks = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        scripted(block)
    assert await say(scripted(blocks[0])) == "Hello! How can I help?"

    box = tools(weather=lambda arguments: "sunny in " + arguments["city"])
    from geppetto.steps.context import StepContext

    full = scripted(blocks[1], pace=0)
    assert await say(full, "the weather?", StepContext(tools=box)) == (
        "Let me look.\n\nIn Paris it is sunny in Paris."
    )
    nonsense = scripted(blocks[4])
    assert "That went wrong: the arguments are not JSON" in await say(nonsense, "x", StepContext(tools=box))


def test_the_error_in_the_documentation_is_what_is_said(tmp_path):
    shown = re.findall(r"```\n(answers\.yaml.*?) …\n```", DOCS.read_text(), re.DOTALL)[0]
    text = "responses:\n- stream:\n  - a\n  - error: oauth"
    assert broken(tmp_path, text, "answers.yaml")[0].startswith(shown)
