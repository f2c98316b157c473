"""Anthropic's wire format: what messages look like when they are streamed, and what errors look like."""

import json
from collections.abc import Sequence
from typing import Any

from geppetto.steps.chat.claude import ClaudeStep

from tests.providers.http_server import Exchange, Handler

PATH = "/v1/messages"
Step = ClaudeStep
BASE = ""
MODEL = "claude-haiku-4-5"
COST = (1000 * 1 + 100 * 5) / 1e6


def sse(body: dict[str, Any]) -> bytes:
    return f"event: {body['type']}\ndata: {json.dumps(body)}\n\n".encode()


def begin(**usage: int) -> list[bytes]:
    counts = {"input_tokens": 1000, "output_tokens": 1, **usage}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "usage": counts,
    }
    return [
        sse({"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None}})
    ]


def block(index: int, start: dict[str, Any], deltas: Sequence[dict[str, Any]]) -> list[bytes]:
    return [
        sse({"type": "content_block_start", "index": index, "content_block": start}),
        *(sse({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas),
        sse({"type": "content_block_stop", "index": index}),
    ]


def text(*deltas: str, index: int = 0) -> list[bytes]:
    return block(
        index, {"type": "text", "text": ""}, [{"type": "text_delta", "text": delta} for delta in deltas]
    )


def thinking(*thoughts: str, index: int = 0, signature: str = "signed") -> list[bytes]:
    deltas = [{"type": "thinking_delta", "thinking": thought} for thought in thoughts]
    signed = [*deltas, {"type": "signature_delta", "signature": signature}]
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, signed)


def calls(*wanted: tuple[str, str, str], index: int = 1) -> list[bytes]:
    """Tool calls (id, name, arguments), their arguments in fragments of three characters."""
    events = []
    for at, (id, name, arguments) in enumerate(wanted):
        pieces = ["", *(arguments[i : i + 3] for i in range(0, len(arguments), 3))]
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        events += block(index + at, {"type": "tool_use", "id": id, "name": name, "input": {}}, deltas)
    return events


def finish(reason: str = "end_turn", **more: Any) -> list[bytes]:
    delta = {"stop_reason": reason, "stop_sequence": None, **more}
    return [
        sse({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 100}}),
        sse({"type": "message_stop"}),
    ]


def answer(*deltas: str, reason: str = "end_turn") -> list[bytes]:
    return [*begin(), ping(), *text(*deltas), *finish(reason)]


def small_answer(*deltas: str) -> list[bytes]:
    """As few bytes as an answer can have."""
    small = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}
        for t in deltas
    ]
    small.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    return [f"event:x\ndata:{json.dumps(body, ensure_ascii=False)}\n\n".encode() for body in small]


def ping() -> bytes:
    return sse({"type": "ping"})


def stream_error(kind: str) -> bytes:
    return sse(error(kind)[1])


def error(kind: str, echo: str = "") -> tuple[int, dict[str, Any]]:
    """The status and the body of a failure; `echo` is put into its message."""
    status, type, message = {
        "auth": (401, "authentication_error", f"invalid bearer token {echo}"),
        "forbidden": (403, "permission_error", "Your API key does not have permission to use this resource."),
        "quota": (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
        ),
        "rate_limit": (429, "rate_limit_error", "This request would exceed your rate limit."),
        "context_length": (
            400,
            "invalid_request_error",
            "prompt is too long: 200001 tokens > 200000 maximum",
        ),
        "content_filter": (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy: content_filter",
        ),
        "unknown_model": (404, "not_found_error", "model: claude-nonsense"),
        "invalid_request": (400, "invalid_request_error", "messages.0.content: field required"),
        "server": (500, "api_error", "Internal server error"),
        "overloaded": (529, "overloaded_error", "Overloaded"),
    }[kind]
    return status, {"type": "error", "error": {"type": type, "message": message}, "request_id": "req_1"}


def played(events: Sequence[bytes]) -> Handler:
    async def handler(exchange: Exchange) -> None:
        await exchange.start()
        for event in events:
            await exchange.send(event)
        await exchange.end()

    return handler
