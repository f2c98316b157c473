"""Events survive the wire, and what cannot be said on it has a rule."""

import json

import pytest
from geppetto.events import models as m
from geppetto.events.codec import (
    EncodedEvent,
    EventDecodeError,
    StreamDecoder,
    StreamEncoder,
    decode,
    encode,
    encode_body,
    well_formed,
)
from hypothesis import given
from hypothesis import strategies as st

# Everything that UTF-8 can say; and everything that a Python string can hold.
clean_text = st.text(st.characters(exclude_categories=["Cs"]))
any_text = st.text(st.characters())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | clean_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(clean_text, inner, max_size=4),
    max_leaves=10,
)
finite = st.floats(allow_nan=False, allow_infinity=False)


def optional(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


def metadata(text: st.SearchStrategy[str]) -> st.SearchStrategy[m.EventMetadata]:
    return st.builds(
        m.EventMetadata,
        message_id=text,
        parent_id=text,
        engine=text,
        temperature=optional(finite),
        top_p=optional(finite),
        max_tokens=optional(st.integers()),
        usage=optional(
            st.builds(m.Usage, input_tokens=st.integers(), output_tokens=st.integers(), cost=optional(finite))
        ),
        stop_reason=optional(text),
    )


def step_metadata(text: st.SearchStrategy[str]) -> st.SearchStrategy[m.StepMetadata]:
    return st.builds(
        m.StepMetadata,
        step_id=text,
        type=text,
        input_type=text,
        output_type=text,
        meta=st.dictionaries(text, json_values, max_size=3),
    )


def events(text: st.SearchStrategy[str]) -> st.SearchStrategy[m.Event]:
    common = {"meta": metadata(text), "step": step_metadata(text)}
    call = st.builds(m.ToolCall, id=text, name=text, input=text)
    result = st.builds(m.ToolResult, id=text, result=json_values, is_error=optional(st.booleans()))
    return st.one_of(
        st.builds(m.StartEvent, **common),
        st.builds(m.PartialEvent, **common, delta=text),
        st.builds(m.ToolCallEvent, **common, tool_call=call),
        st.builds(m.ToolResultEvent, **common, tool_result=result),
        st.builds(m.FinalEvent, **common, text=text, result=json_values),
        st.builds(m.ErrorEvent, **common, error_string=text, code=optional(text)),
        st.builds(m.InterruptEvent, **common, text=text),
    )


META = m.EventMetadata(message_id="message", engine="echo")
STEP = m.StepMetadata(step_id="step", type="echo-chat", input_type="str", output_type="str")


@given(events(clean_text))
def test_events_come_back_as_they_went(event: m.Event) -> None:
    assert decode(encode(event)) == event


@given(events(any_text))
def test_whatever_a_string_holds_the_wire_is_well_formed_json(event: m.Event) -> None:
    payload = encode(event)
    again = decode(payload)
    assert encode(again) == payload
    assert json.loads(payload)["type"] == event.type


@given(metadata(any_text), step_metadata(any_text), any_text)
def test_the_fast_path_writes_the_same_bytes(meta: m.EventMetadata, step: m.StepMetadata, delta: str) -> None:
    encoder = StreamEncoder(meta, step)
    expected = encode(m.PartialEvent(meta=meta, step=step, delta=delta))
    assert encoder.partial(delta) == expected
    assert encoder.partial_event(delta) == EncodedEvent(expected, "partial", step.step_id)


@given(any_text)
def test_well_formed_text_is_what_javascript_makes_of_it(text: str) -> None:
    clean = well_formed(text)
    clean.encode()
    # JavaScript's own view of the string: UTF-16, lone surrogates replaced.
    assert clean == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert well_formed(clean) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("é\u2028😀\x00", "é\u2028😀\x00"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83db", "a\ufffdb"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
def test_lone_surrogates_are_replaced_and_pairs_joined(text: str, clean: str) -> None:
    event = decode(StreamEncoder(META, STEP).partial(text))
    assert isinstance(event, m.PartialEvent)
    assert event.delta == clean


def test_huge_text_goes_through() -> None:
    text = 'a"\\é😀\n' * 4_000_000  # 52 MB of UTF-8, more with its escapes
    event = decode(StreamEncoder(META, STEP).partial(text))
    assert isinstance(event, m.PartialEvent)
    assert event.delta == text


def test_optional_fields_are_absent_and_nulls_of_the_user_stay() -> None:
    step = STEP.model_copy(update={"meta": {"nothing": None}})
    event = m.ToolResultEvent(meta=META, step=step, tool_result=m.ToolResult(id="1", result=None))
    assert json.loads(encode(event)) == {
        "type": "tool-result",
        "meta": {"message_id": "message", "parent_id": "", "engine": "echo"},
        "step": {
            "step_id": "step",
            "type": "echo-chat",
            "input_type": "str",
            "output_type": "str",
            "meta": {"nothing": None},
        },
        "tool_result": {"id": "1", "result": None},
    }
    assert json.loads(encode_body(event)) == {
        "type": "tool-result",
        "tool_result": {"id": "1", "result": None},
    }


def test_numbers_that_json_cannot_say_become_null() -> None:
    event = m.FinalEvent(meta=META, step=STEP, text="NaN\ud800", result=[float("nan"), float("inf"), 1.5])
    assert json.loads(encode(event))["result"] == [None, None, 1.5]
    plain = event.model_copy(update={"text": "NaN"})
    assert json.loads(encode(plain))["result"] == [None, None, 1.5]


def test_unknown_fields_of_a_newer_writer_are_ignored() -> None:
    wire = json.loads(encode(m.StartEvent(meta=META, step=STEP)))
    wire["new"] = wire["meta"]["new"] = 1
    assert decode(json.dumps(wire).encode()) == m.StartEvent(meta=META, step=STEP)


PARTIAL = encode(m.PartialEvent(meta=META, step=STEP, delta="x"))


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"{}", "'type'"),
        (b'{"type":"finished"}', "finished"),
        (PARTIAL.replace(b'"x"', b"1"), "partial.delta"),
        (PARTIAL.replace(b'"message_id"', b'"id"'), "partial.meta.message_id"),
        (PARTIAL.replace(b'"x"', b'"\\ud83d"'), "JSON"),
        (PARTIAL.replace(b'"x"', b'"\xff"'), "JSON"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_what_is_not_an_event_is_refused_with_its_place(payload: bytes, complaint: str) -> None:
    with pytest.raises(EventDecodeError, match=complaint):
        decode(payload)


OTHER = encode(m.PartialEvent(meta=META, step=STEP.model_copy(update={"step_id": "that"}), delta="y"))
STREAMED = [
    PARTIAL,
    OTHER,
    encode(m.StartEvent(meta=META, step=STEP)),
    encode(m.PartialEvent(meta=META, step=STEP, delta='"}, \\ "delta":"')),
    PARTIAL.replace(b'"x"', b'"\\ud83d\\ude00"'),
    PARTIAL.replace(b'"x"', b'"x","delta":"z"'),
    PARTIAL.replace(b'"x"', b'"x","new":{"delta":"n"}'),
    PARTIAL.replace(b'"x"}', b'"x"} '),
    PARTIAL.replace(b'"x"', b'"\\ud83d"'),
    PARTIAL.replace(b'"x"', b'["x"]'),
    PARTIAL.replace(b'"x"}', b'"x"'),
    PARTIAL[: PARTIAL.index(b'"x"')],
]


@given(st.lists(st.sampled_from(STREAMED), max_size=8))
def test_a_stream_is_decoded_as_each_of_its_events(payloads: list[bytes]) -> None:
    decoder = StreamDecoder()
    for payload in payloads:
        try:
            expected = decode(payload)
        except EventDecodeError as error:
            with pytest.raises(EventDecodeError) as refused:
                decoder.decode(payload)
            assert str(refused.value) == str(error)
        else:
            assert decoder.decode(payload) == expected


def test_partials_of_a_stream_read_what_they_share_once() -> None:
    decoder = StreamDecoder()
    first, second, other = (decoder.decode(payload) for payload in (PARTIAL, PARTIAL, OTHER))
    assert second.meta is first.meta and second.step is first.step
    assert other.step.step_id == "that"
