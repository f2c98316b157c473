"""OpenAI's wire format: what chat completions look like when they are streamed, and what errors look like."""

import json
from collections.abc import Sequence
from typing import Any

from geppetto.steps.chat.openai import OpenAIStep

from tests.providers.http_server import Exchange, Handler

PATH = "/v1/chat/completions"
Step = OpenAIStep
BASE = "/v1"
MODEL = "gpt-5"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
COST = (1000 * 1.25 + 100 * 10) / 1e6


def sse(body: object) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choices = [{"index": index, "delta": delta, "finish_reason": finish, "logprobs": None}]
    return sse({**_FRAME, "choices": choices, "usage": None, **more})


_FRAME = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}


def usage(**counts: Any) -> bytes:
    return sse({**_FRAME, "choices": [], "usage": {**USAGE, **counts}})


def begin() -> list[bytes]:
    return [chunk({"role": "assistant", "content": "", "refusal": None})]


def text(*deltas: str) -> list[bytes]:
    return [chunk({"content": delta}) for delta in deltas]


def finish(reason: str = "end_turn") -> list[bytes]:
    theirs = {
        "end_turn": "stop",
        "max_tokens": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
    return [chunk({}, theirs.get(reason, reason)), usage(), DONE]


def calls(*wanted: tuple[str, str, str], first: int = 0) -> list[bytes]:
    """Tool calls (id, name, arguments), their arguments in fragments of three characters, in turns.

    OpenAI sends one call after the other: for that, ask for them one by one, with the index of the first.
    """
    events = []
    for index, (id, name, _) in enumerate(wanted, first):
        call = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
        events.append(chunk({"tool_calls": [call]}))
    for at in range(0, max(len(arguments) for *_, arguments in wanted), 3):
        for index, (_, _, arguments) in enumerate(wanted, first):
            if piece := arguments[at : at + 3]:
                events.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
    return events


def answer(*deltas: str, reason: str = "end_turn") -> list[bytes]:
    return [*begin(), *text(*deltas), *finish(reason)]


def small_answer(*deltas: str) -> list[bytes]:
    """As few bytes as an answer can have."""
    small = [{"choices": [{"delta": {"content": delta}}]} for delta in deltas]
    return [f"data:{json.dumps(body, ensure_ascii=False)}\n\n".encode() for body in small] + [
        b"data:[DONE]\n\n"
    ]


def ping() -> bytes:
    return b": keep-alive\n\n"


def stream_error(kind: str) -> bytes:
    return sse(error(kind)[1])


def error(kind: str, echo: str = "") -> tuple[int, dict[str, Any]]:
    """The status and the body of a failure; `echo` is put into its message."""
    status, type, code, message = {
        "auth": (401, "invalid_request_error", "invalid_api_key", f"Incorrect API key provided: {echo}."),
        "forbidden": (403, "invalid_request_error", "permission_denied", "Your project may not do this."),
        "quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
        "rate_limit": (
            429,
            "tokens",
            "rate_limit_exceeded",
            "Rate limit reached for gpt-5. Try again in 20ms.",
        ),
        "context_length": (
            400,
            "invalid_request_error",
            "context_length_exceeded",
            "This model's maximum context length is 8192 tokens, your messages resulted in 9001 tokens.",
        ),
        "content_filter": (
            400,
            "invalid_request_error",
            "content_policy_violation",
            "Your request was rejected.",
        ),
        "unknown_model": (404, "invalid_request_error", "model_not_found", "The model `x` does not exist."),
        "invalid_request": (400, "invalid_request_error", None, "Invalid 'temperature': must be at most 2."),
        "server": (500, "server_error", None, "The server had an error while processing your request."),
        "overloaded": (503, "server_error", None, "The engine is currently overloaded."),
    }[kind]
    return status, {"error": {"message": message, "type": type, "param": None, "code": code}}


def played(events: Sequence[bytes]) -> Handler:
    async def handler(exchange: Exchange) -> None:
        await exchange.start()
        for event in events:
            await exchange.send(event)
        await exchange.end()

    return handler
