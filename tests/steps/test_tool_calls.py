"""A model's tool calls: run at the same time, and whatever goes wrong is told to the model."""

import asyncio

import pytest
from geppetto.steps.chat.script import Script
from geppetto.steps.chat.scripted import ScriptedStep, ScriptPlayer
from geppetto.steps.chat.step import ChatParameters, ChatStep
from geppetto.steps.errors import StepCancelled, StepError
from geppetto.steps.tools import PythonTools, SelectedTools, ToolDefinition, ToolUse

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}


def box(parameters=CITY, **handlers):
    tools = PythonTools()
    for name, handler in handlers.items():
        tools.add(ToolDefinition(name, f"the tool {name}", parameters), handler)
    return tools


def calling(*calls, **options):
    """A model that makes these calls at once, and then says what it got for the last."""
    stream = [{"tool_calls": list(calls)}, f"{{{{tool.{calls[-1]['name']}}}}}"]
    return ScriptedStep(ScriptPlayer(Script.parse([{"stream": stream}])), **options)


async def answers(listener, step, tools):
    """What the model was told for each call, in order of the calls, checked against the event."""
    await step.start(listener.context(tools=tools), "hi").result()
    assert listener.check().type == "final"
    results = {
        event.tool_result.id: event.tool_result for event in listener.events if event.type == "tool-result"
    }
    calls = [event.tool_call.id for event in listener.events if event.type == "tool-call"]
    assert sorted(results) == sorted(calls)
    assert results[calls[-1]].result == listener.events[-1].text
    return [(results[id].result, bool(results[id].is_error)) for id in calls]


def fine(arguments):
    return "fine in " + arguments["city"]


async def test_async_and_blocking_handlers(listener):
    import threading

    async def quick(arguments):
        return f"{arguments['city']} {threading.current_thread() is threading.main_thread()}"

    def slow(arguments):
        return f"{arguments['city']} {threading.current_thread() is threading.main_thread()}"

    step = calling({"name": "quick", "input": {"city": "Rome"}}, {"name": "slow", "input": {"city": "Oslo"}})
    assert await answers(listener, step, box(quick=quick, slow=slow)) == [
        ("Rome True", False),
        ("Oslo False", False),
    ]


async def test_a_handler_that_throws_is_a_tool_error(listener):
    def bad(arguments):
        raise ValueError("no such city")

    step = calling({"name": "bad", "input": {"city": "Rome"}})
    assert await answers(listener, step, box(bad=bad)) == [("bad failed: ValueError: no such city", True)]


async def test_a_handler_that_gives_up_on_something_of_its_own_is_a_tool_error(listener):
    async def bad(arguments):
        raise asyncio.CancelledError

    step = calling({"name": "bad", "input": {"city": "Rome"}})
    assert await answers(listener, step, box(bad=bad)) == [("bad was cancelled", True)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{city: Rome}", "the arguments are not JSON: Expecting property name"),
        ('{"city": "Rome"', "the arguments are not JSON: Expecting ',' delimiter"),
        ('{"city": NaN}', "the arguments are not JSON: NaN is not JSON"),
        ("[" * 100_000, "the arguments are not JSON: maximum recursion depth"),
        ("", "the arguments do not fit the parameters of t: $: 'city' is a required property"),
        ("[1]", "the arguments do not fit the parameters of t: $: [1] is not of type 'object'"),
        ('{"city": 5}', "the arguments do not fit the parameters of t: $.city: 5 is not of type 'string'"),
        (
            '{"city": "Rome", "days": 0}',
            "the arguments do not fit the parameters of t: $.days: 0 is less than",
        ),
        (
            '{"city": "Rome", "when": 1}',
            "the arguments do not fit the parameters of t: $: Additional properties",
        ),
    ],
)
async def test_arguments_that_are_wrong_do_not_reach_the_handler(listener, given, told):
    def never(arguments):
        raise AssertionError("called")

    [(text, is_error)] = await answers(listener, calling({"name": "t", "input": given}), box(t=never))
    assert is_error
    assert text.startswith(told)
    [call] = [event.tool_call for event in listener.events if event.type == "tool-call"]
    assert call.input == given


async def test_an_unknown_tool(listener):
    step = calling({"name": "nope"})
    told = "there is no tool named 'nope'; the tools are: t, u"
    assert await answers(listener, step, box(t=fine, u=fine)) == [(told, True)]


async def test_a_call_without_any_tools(listener):
    assert await answers(listener, calling({"name": "nope"}), None) == [
        ("there is no tool named 'nope'; there are no tools", True)
    ]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "objekt"}, "the parameters of t are not a usable JSON schema: 'objekt' is not valid"),
        ({"$ref": "https://example.invalid/s.json"}, "the parameters of t are not a usable JSON schema: "),
    ],
)
async def test_a_schema_that_cannot_be_used(listener, schema, told):
    [(text, is_error)] = await answers(listener, calling({"name": "t"}), box(schema, t=fine))
    assert is_error
    assert text.startswith(told)


async def test_a_schema_reads_nothing_from_elsewhere(listener, tmp_path):
    (tmp_path / "anything.json").write_text("{}")
    schema = {"$ref": (tmp_path / "anything.json").as_uri()}
    [(text, is_error)] = await answers(
        listener, calling({"name": "t"}), box(schema, t=lambda arguments: "read")
    )
    assert is_error
    assert "not a usable JSON schema" in text


@pytest.mark.parametrize("value", [object(), float("nan"), {"a": {1, 2}}])
async def test_a_result_that_is_not_json(listener, value):
    [(text, is_error)] = await answers(listener, calling({"name": "t"}), box({}, t=lambda arguments: value))
    assert is_error
    assert text.startswith("the tool returned something that is not JSON")


async def test_a_result_with_text_that_utf8_cannot_say(listener):
    await (
        calling({"name": "t"})
        .start(listener.context(tools=box({}, t=lambda arguments: {"a": "\ud83d"})), "hi")
        .result()
    )
    assert listener.check().text == '{"a":"�"}'


async def test_calls_run_at_the_same_time_and_are_told_as_they_come(listener):
    arrived = asyncio.Barrier(3)
    order = []

    async def meets(arguments):
        # Each waits for all three: one after the other, they would wait for ever.
        await arrived.wait()
        await asyncio.sleep(0.01 * (3 - arguments["n"]))
        order.append(arguments["n"])
        return arguments["n"]

    calls = [{"id": f"c{n}", "name": "meets", "input": {"n": n}} for n in range(3)]
    await calling(*calls).start(listener.context(tools=box({}, meets=meets)), "hi").result()
    listener.check()
    assert order == [2, 1, 0]
    told = [
        (event.type, getattr(event, "tool_call", None) or event.tool_result) for event in listener.events[1:7]
    ]
    assert [(type, what.id) for type, what in told] == [
        ("tool-call", "c0"), ("tool-call", "c1"), ("tool-call", "c2"),
        ("tool-result", "c2"), ("tool-result", "c1"), ("tool-result", "c0"),
    ]  # fmt: skip


async def test_one_failing_call_does_not_disturb_the_others(listener):
    async def bad(arguments):
        raise RuntimeError("x")

    async def good(arguments):
        await asyncio.sleep(0.01)
        return "good"

    tools = box({}, bad=bad, good=good)
    assert await answers(listener, calling({"name": "bad"}, {"name": "good"}), tools) == [
        ("bad failed: RuntimeError: x", True),
        ("good", False),
    ]


async def test_a_call_has_a_time_limit_if_asked_for(listener):
    async def stuck(arguments):
        await asyncio.Event().wait()

    step = calling({"name": "stuck"}, parameters=ChatParameters(tool_timeout=0.02))
    assert await answers(listener, step, box({}, stuck=stuck)) == [("stuck took longer than 0.02 s", True)]


async def test_a_timeout_inside_a_handler_is_its_own(listener):
    async def late(arguments):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    step = calling({"name": "late"}, parameters=ChatParameters(tool_timeout=5))
    assert await answers(listener, step, box({}, late=late)) == [("late failed: TimeoutError", True)]


async def test_cancel_stops_the_handlers(listener):
    running, stopped = asyncio.Barrier(3), []

    async def stuck(arguments):
        await running.wait()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    calls = [{"name": "stuck"}, {"name": "stuck"}]
    result = calling(*calls).start(listener.context(tools=box({}, stuck=stuck)), "hi")
    await running.wait()
    await result.cancel()
    assert stopped == [True, True]
    with pytest.raises(StepCancelled):
        await result.result()
    assert listener.check().type == "interrupt"
    assert listener.types.count("tool-result") == 0


class Insistent(ChatStep):
    """A model that calls a tool in every round."""

    type = default_model = "insistent"

    def __init__(self, parameters=None):
        super().__init__(parameters)
        self.requests = []

    async def round(self, run, request):
        self.requests.append(request)
        await run.partial(f"round {request.round}")
        return [ToolUse(f"c{request.round}", "t", "{}" if request.round else "oops")]


async def test_rounds_are_bounded(listener):
    step = Insistent(ChatParameters(max_tool_rounds=3))
    with pytest.raises(StepError):
        await step.start(listener.context(tools=box({}, t=lambda arguments: "ok")), "hi").result()
    error = listener.check()
    assert error.code == "tool_rounds"
    assert "after 3 rounds of tool calls; 3 are allowed" in error.error_string
    assert listener.types.count("tool-result") == 3


async def test_a_model_gets_the_whole_history_of_its_calls(listener):
    step = Insistent(ChatParameters(max_tool_rounds=2))
    with pytest.raises(StepError):
        await step.start(listener.context(tools=box({}, t=lambda arguments: {"a": 1})), "hi").result()
    messages = step.requests[-1].messages
    told = "the arguments are not JSON: Expecting value: line 1 column 1 (char 0)"
    assert [
        (m.type, getattr(m, "tool_id", ""), getattr(m, "text", getattr(m, "result", ""))) for m in messages
    ] == [
        ("chat-message", "", "hi"),
        ("chat-message", "", "round 0"),
        ("tool-use", "c0", ""),
        ("tool-result", "c0", told),
        ("chat-message", "", "round 1"),
        ("tool-use", "c1", ""),
        ("tool-result", "c1", '{"a":1}'),
    ]
    assert messages[2].metadata == {"raw_input": "oops"}
    assert messages[3].metadata == {"is_error": True}
    assert [tool.name for tool in step.requests[0].tools] == ["t"]
    said = [event.delta for event in listener.events if event.type == "partial"]
    assert said == ["round 0", "\n\nround 1", "\n\nround 2"]


async def test_only_the_selected_tools_are_offered(listener):
    tools = box(t=fine, u=fine)
    step = Insistent(ChatParameters(tools=("u",), max_tool_rounds=1))
    with pytest.raises(StepError):
        await step.start(listener.context(tools=tools), "hi").result()
    assert [tool.name for tool in step.requests[0].tools] == ["u"]
    assert "there is no tool named 't'; the tools are: u" in step.requests[1].messages[-1].result

    with pytest.raises(StepError, match="there is no tool named 'v'; defined are: t, u"):
        SelectedTools(tools, ["u", "v"])
    with pytest.raises(StepError, match="there is no tool named 'v'; no tool is defined"):
        SelectedTools(None, ["v"])
    with pytest.raises(KeyError):
        await SelectedTools(tools, ["u"]).call("t", {})
