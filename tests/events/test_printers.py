"""What people and programs read."""

import io
import json
import subprocess
import sys

import pytest
from geppetto.events.codec import decode
from geppetto.events.models import (
    ErrorEvent,
    Event,
    EventMetadata,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    StepMetadata,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    Usage,
)
from geppetto.events.printers import Format, print_events
from inline_snapshot import snapshot

META = EventMetadata(
    message_id="m1",
    engine="scripted",
    temperature=0.5,
    usage=Usage(input_tokens=3, output_tokens=4, cost=0.002),
    stop_reason="end_turn",
)


def step(step_id: str) -> dict[str, object]:
    return {"meta": META, "step": StepMetadata(step_id=step_id, type="chat")}


CHAT: list[Event] = [
    StartEvent(**step("s")),
    PartialEvent(**step("s"), delta="Let me "),
    PartialEvent(**step("s"), delta="add: é"),
    ToolCallEvent(**step("s"), tool_call=ToolCall(id="1", name="add", input='{"a": 1}')),
    ToolResultEvent(**step("s"), tool_result=ToolResult(id="1", result={"sum": 2})),
    PartialEvent(**step("s"), delta="two\nlines"),
    FinalEvent(**step("s"), text="Let me add: étwo\nlines"),
]
ENDINGS: list[Event] = [
    FinalEvent(**step("silent"), text="42", result=42.0),
    PartialEvent(**step("cut"), delta="half"),
    InterruptEvent(**step("cut"), text="half"),
    InterruptEvent(**step("unheard"), text="kept"),
    PartialEvent(**step("bad"), delta="oh"),
    ErrorEvent(**step("bad"), error_string="too many requests", code="rate_limit"),
    ErrorEvent(**step("worse"), error_string="broken"),
]


def printed(events: list[Event], form: Format, *, metadata: bool = False) -> str:
    stream = io.StringIO()
    printer = print_events(stream, form, metadata=metadata)
    for event in events:
        printer(event)
    return stream.getvalue()


def test_text_runs_on_and_everything_else_has_its_line() -> None:
    assert printed(CHAT, "text") == snapshot("""\
Let me add: é
[tool-call] add {"a": 1}
[tool-result] {"sum": 2}
two
lines
""")


def test_text_with_metadata() -> None:
    assert printed(CHAT, "text", metadata=True) == snapshot("""\
[start] chat step=s message=m1 engine=scripted temperature=0.5 stop_reason=end_turn input_tokens=3 output_tokens=4 cost=0.002
Let me add: é
[tool-call] add {"a": 1}
[tool-result] {"sum": 2}
two
lines
[final] chat step=s message=m1 engine=scripted temperature=0.5 stop_reason=end_turn input_tokens=3 output_tokens=4 cost=0.002
""")


def test_text_of_every_ending() -> None:
    assert printed(ENDINGS, "text") == snapshot("""\
42
half
[interrupt]
kept
[interrupt]
oh
[error] (rate_limit) too many requests
[error] broken
""")


def test_steps_that_speak_at_once_take_turns_by_the_line() -> None:
    a, b = step("a"), step("b")
    events: list[Event] = [
        PartialEvent(**a, delta="a1 "),
        PartialEvent(**b, delta="b1\n"),
        PartialEvent(**a, delta="a2"),
        FinalEvent(**b, text="b1\n"),
        PartialEvent(**a, delta=" a3"),
        FinalEvent(**a, text="a1 a2 a3"),
    ]
    assert printed(events, "text") == snapshot("""\
a1 \n\
b1
a2 a3
""")


def test_json_is_one_object_a_line() -> None:
    assert printed(CHAT, "json") == snapshot("""\
{"type":"start"}
{"type":"partial","delta":"Let me "}
{"type":"partial","delta":"add: é"}
{"type":"tool-call","tool_call":{"id":"1","name":"add","input":"{\\"a\\": 1}"}}
{"type":"tool-result","tool_result":{"id":"1","result":{"sum":2}}}
{"type":"partial","delta":"two\\nlines"}
{"type":"final","text":"Let me add: étwo\\nlines"}
""")


def test_json_with_metadata_is_the_wire_form() -> None:
    lines = printed(CHAT + ENDINGS, "json", metadata=True).splitlines()
    assert [decode(line.encode()) for line in lines] == CHAT + ENDINGS


def test_yaml_is_one_document_an_event() -> None:
    assert printed(CHAT + ENDINGS[:1], "yaml") == snapshot("""\
---
type: start
---
type: partial
delta: 'Let me '
---
type: partial
delta: 'add: é'
---
type: tool-call
tool_call:
  id: '1'
  name: add
  input: '{"a": 1}'
---
type: tool-result
tool_result:
  id: '1'
  result:
    sum: 2
---
type: partial
delta: |-
  two
  lines
---
type: final
text: |-
  Let me add: étwo
  lines
---
type: final
text: '42'
result: 42.0
""")


def test_yaml_with_metadata() -> None:
    assert printed(CHAT[1:2], "yaml", metadata=True) == snapshot("""\
---
type: partial
meta:
  message_id: m1
  parent_id: ''
  engine: scripted
  temperature: 0.5
  usage:
    input_tokens: 3
    output_tokens: 4
    cost: 0.002
  stop_reason: end_turn
step:
  step_id: s
  type: chat
  input_type: ''
  output_type: ''
  meta: {}
delta: 'Let me '
""")


@pytest.mark.parametrize("metadata", [False, True])
def test_json_and_yaml_say_the_same(metadata: bool) -> None:
    import yaml

    events = [
        *CHAT,
        *ENDINGS,
        PartialEvent(**step("s"), delta="\x00\x1b[31m\u2028 😀: - #\t " + "long " * 99),
    ]
    lines = printed(events, "json", metadata=metadata).removesuffix("\n").split("\n")
    documents = list(yaml.safe_load_all(printed(events, "yaml", metadata=metadata)))
    assert documents == [json.loads(line) for line in lines]


@pytest.mark.parametrize("form", ["text", "json", "yaml"])
def test_a_lone_surrogate_does_not_break_the_output(form: Format) -> None:
    events: list[Event] = [
        PartialEvent(**step("s"), delta="a\ud83db"),
        ToolCallEvent(**step("s"), tool_call=ToolCall(id="1", name="add", input="a\ud83db")),
        ErrorEvent(**step("s"), error_string="a\ud83db"),
    ]
    text = printed(events, form)
    assert text.count("a\ufffdb") == 3
    text.encode()


def test_a_step_that_runs_again_is_printed_again() -> None:
    streamed: list[Event] = [PartialEvent(**step("s"), delta="one"), FinalEvent(**step("s"), text="one")]
    silent: list[Event] = [StartEvent(**step("s")), FinalEvent(**step("s"), text="two")]
    assert printed(streamed + silent, "text") == "one\ntwo\n"


def test_each_event_is_flushed_unless_told_otherwise() -> None:
    class Counting(io.StringIO):
        flushes = 0

        def flush(self) -> None:
            self.flushes += 1

    eager, lazy = Counting(), Counting()
    for event in CHAT:
        print_events(eager)(event)
        print_events(lazy, flush=False)(event)
    assert (eager.flushes, lazy.flushes) == (len(CHAT), 0)


def test_yaml_is_loaded_only_by_those_who_print_it() -> None:
    code = "import sys, geppetto.events.printers; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0
