"""The words of services, those of the vendors and of the usual compatible servers, and what they mean."""

import json

import pytest
from geppetto.steps.chat.failures import Complaint, service_failure
from geppetto.steps.chat.pricing import Price, Prices, Tokens, built_in_prices
from geppetto.steps.chat.service import Retries, Service
from hypothesis import given
from hypothesis import strategies as st

# Server, status, body, kind.
SAID = [
    ("Ollama", 404, {"error": {"message": 'model "qwen9" not found, try pulling it first'}}, "unknown_model"),
    ("Ollama", 404, {"error": "model 'qwen9' not found"}, "unknown_model"),
    (
        "vLLM",
        404,
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
        "unknown_model",
    ),
    (
        "vLLM",
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
            "type": "BadRequestError",
            "code": 400,
        },
        "context_length",
    ),
    (
        "llama.cpp",
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size. try increasing it",
                "type": "exceed_context_size_error",
            }
        },
        "context_length",
    ),
    (
        "llama.cpp",
        401,
        {"error": {"message": "Invalid API Key", "type": "authentication_error", "code": 401}},
        "auth",
    ),
    (
        "llama.cpp",
        503,
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
        "overloaded",
    ),
    (
        "LiteLLM",
        400,
        {"error": {"message": "chat_completion: Invalid model name passed in model=x", "code": "400"}},
        "unknown_model",
    ),
    ("DeepSeek", 402, {"error": {"message": "Insufficient Balance", "type": "unknown_error"}}, "quota"),
    ("OpenRouter", 400, {"error": {"message": "x is not a valid model ID", "code": 400}}, "unknown_model"),
    (
        "Gemini",
        400,
        [{"error": {"code": 400, "message": "API key not valid. Please pass a valid key."}}],
        "auth",
    ),
    (
        "Azure",
        400,
        {"error": {"code": "content_filter", "message": "The response was filtered", "innererror": {}}},
        "content_filter",
    ),
    (
        "Anthropic",
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"},
        },
        "quota",
    ),
    (
        "Anthropic",
        413,
        {"type": "error", "error": {"type": "request_too_large", "message": "x"}},
        "context_length",
    ),
    (
        "Anthropic",
        429,
        {
            "type": "error",
            "error": {
                "type": "rate_limit_error",
                "message": "x",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
        },
        "quota",
    ),
    ("a proxy", 502, "<html><body>502 Bad Gateway</body></html>", "server"),
    ("a proxy", 500, {"error": {"message": "upstream model not found in cache"}}, "server"),
    ("a proxy", 429, "slow down", "rate_limit"),
    ("a proxy", 404, "404 page not found", "invalid_request"),
    ("nothing", 400, "", "invalid_request"),
    ("a stream", None, {"message": "Rate limit reached", "code": "rate_limit_exceeded"}, "rate_limit"),
    ("a stream", None, "something went wrong", "server"),
]


@pytest.mark.parametrize(("server", "status", "body", "kind"), SAID)
def test_what_services_say(server, status, body, kind):
    failure = service_failure(Service("http://localhost/v1"), "OpenAI", "x", status, body, {})
    assert failure.kind == kind, failure
    assert str(failure).startswith("http://localhost/v1 ")
    assert "<html" not in str(failure)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "type", "detail", "details"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON, st.none() | st.integers(100, 599))
def test_any_body_is_some_failure(body, status):
    failure = service_failure(Service(), "OpenAI", "m", status, body, {})
    assert str(failure).startswith("OpenAI ")
    assert len(str(failure)) < 700


def test_where_the_message_stands():
    for body in (
        {"error": {"message": "m", "code": 7}},
        {"error": "m"},
        {"message": "m"},
        {"detail": "m"},
        [{"error": {"message": "m"}}],
        "m",
    ):
        assert Complaint.of(body).message == "m", json.dumps(body)


class TestPauses:
    def test_they_double_up_to_a_bound(self):
        retries = Retries(attempts=8, delay=1, max_delay=10, chance=lambda: 1.0)
        assert [retries.pause(n) for n in range(1, 9)] == [1, 2, 4, 8, 10, 10, 10, None]

    def test_they_are_spread(self):
        assert Retries(delay=1, chance=lambda: 0.0).pause(1) == 0.5
        pauses = {Retries().pause(1) for _ in range(50)}
        assert len(pauses) > 40 and all(pause and 0.25 <= pause <= 0.5 for pause in pauses)

    @pytest.mark.parametrize("asked", [0, 3, 60])
    def test_never_earlier_than_asked(self, asked):
        pause = Retries().pause(1, asked)
        assert pause is not None and asked <= pause <= asked + 0.25

    def test_too_long_is_not_waited(self):
        assert Retries(max_retry_after=60).pause(1, 61) is None


class TestPrices:
    def test_the_table_makes_sense(self):
        for model, price in built_in_prices().items():
            assert 0 < price.input < 1000, model
            # What embeds says nothing.
            assert price.output == 0 if "embedding" in model else price.input < price.output < 1000, model
            assert price.cached is None or price.cached < price.input, model
            assert (price.long is None) == (price.long_from is None), model

    def test_the_default_models_have_a_price(self):
        from geppetto.steps.chat.claude import ClaudeStep
        from geppetto.steps.chat.openai import OpenAIStep

        for step in (OpenAIStep, ClaudeStep):
            assert Prices().of(step.default_model)

    @pytest.mark.parametrize(
        "name",
        ["gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o", "openai/gpt-4o-2024-08-06", "gpt-4o-latest"],
    )
    def test_names_of_one_model(self, name):
        assert Prices().of(name) == built_in_prices()["gpt-4o"]

    @pytest.mark.parametrize("name", ["gpt-4", "gpt-4o-something", "llama3", "", "x/"])
    def test_an_unknown_model_has_no_price(self, name):
        assert Prices().cost(name, Tokens(1000, 1000)) is None

    def test_the_settings_go_first(self):
        mine = Prices({"llama3": Price(input=0, output=0), "gpt-4o": Price(input=1, output=2)})
        assert mine.cost("llama3", Tokens(1000, 1000)) == 0
        assert mine.cost("gpt-4o", Tokens(1_000_000, 1_000_000)) == 3

    def test_long_prompts(self):
        price = Price(input=1, output=2, long_from=100, long=Price(input=10, output=20))
        assert price.cost(Tokens(100, 1_000_000)) == pytest.approx(2 + 100 / 1e6)
        assert price.cost(Tokens(101, 1_000_000)) == pytest.approx(20 + 1010 / 1e6)
