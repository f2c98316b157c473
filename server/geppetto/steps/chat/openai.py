"""Chat completions: OpenAI's models, and the many servers that speak like them."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from geppetto.steps.chat.failures import Complaint, service_failure
from geppetto.steps.chat.pricing import Tokens
from geppetto.steps.chat.remote import Bill, RemoteChatStep, is_json
from geppetto.steps.chat.step import ChatRequest
from geppetto.steps.errors import StepError
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDelta, ChoiceDeltaToolCall
    from openai.types.completion_usage import CompletionUsage

    from geppetto.steps.chat.wire import Progress
    from geppetto.steps.run import StepRun

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
}
"""OpenAI's words for why an answer ended, in the words that all chat steps use. Others are passed on."""

NO_KEY = "none"
"""Sent where no key is set: without one, the SDK would take OpenAI's from the environment to another server."""


class OpenAIStep(RemoteChatStep):
    """Asks a model through the chat completions API, of OpenAI or of a compatible server.

    The deltas are the text of the first choice. What a server sends beside it (other choices, its
    thoughts) is not shown.
    """

    type = "openai"
    default_model = "gpt-6-luna"
    vendor = "OpenAI"
    sdk = "openai"
    extra = "openai"
    key_variable = "OPENAI_API_KEY"

    def connect(self) -> "_Connection":
        return self.clients.get(self.vendor, self.service, self._make_client)

    def _make_client(self) -> "_Connection":
        from openai import AsyncOpenAI

        own = self.service.base_url is None
        client = AsyncOpenAI(
            api_key=self.service.api_key or NO_KEY,
            # Said for OpenAI too: the SDK has its own idea of what the environment may change.
            base_url="https://api.openai.com/v1" if own else self.service.base_url,
            max_retries=0,
        )
        # Loads the resource now, with the SDK, and not in the middle of the first request.
        _ = client.chat.completions
        return _Connection(client, _Dialect(max_tokens="max_completion_tokens" if own else "max_tokens"))

    async def ask(self, run: "StepRun", request: ChatRequest, progress: "Progress") -> list[ToolUse]:
        from geppetto.steps.chat.wire import WatchedStream, check_is_stream

        where = self.service.where(self.vendor)
        stream = await self._send(self.connect(), request)
        async with stream:
            await check_is_stream(stream.response, self.service, self.vendor, self.model)
            watched = WatchedStream(stream.response, self.timeouts.idle, progress, where)
            answer = _Answer(progress)
            try:
                async for chunk in stream:
                    delta = answer.read(chunk)
                    if delta:
                        await run.partial(delta)
            finally:
                if answer.usage is not None:
                    Bill(self, run).update(_tokens(answer.usage), _told_cost(answer.usage))
        if answer.stop_reason is None and not watched.said_done:
            raise self.cut_off()
        return self._finished(run, answer)

    def explain(self, error: Exception) -> StepError:
        import openai

        from geppetto.steps.chat.wire import wire_failure

        if isinstance(error, openai.APIStatusError):
            headers = error.response.headers
            return service_failure(
                self.service, self.vendor, self.model, error.status_code, error.body, headers
            )
        if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
            # An error event in the stream.
            body = error.body if error.body is not None else error.message
            return service_failure(self.service, self.vendor, self.model, None, body, {})
        return wire_failure(error, self.service, self.vendor, self.timeouts)

    async def _send(
        self, connection: "_Connection", request: ChatRequest
    ) -> "AsyncStream[ChatCompletionChunk]":
        from openai import BadRequestError, UnprocessableEntityError, omit

        from geppetto.steps.chat.openai_messages import openai_messages, openai_response_format, openai_tools
        from geppetto.steps.chat.wire import http_timeouts

        p = self.parameters
        # In a thread: there may be image files to read.
        messages = await asyncio.to_thread(openai_messages, request.messages)
        tools = openai_tools(request.tools)
        while True:
            dialect = connection.dialect
            limit = omit if p.max_tokens is None else p.max_tokens
            try:
                return await connection.client.chat.completions.create(
                    stream=True,
                    model=self.model,
                    messages=messages,
                    tools=tools or omit,
                    temperature=omit if p.temperature is None else p.temperature,
                    top_p=omit if p.top_p is None else p.top_p,
                    stop=list(p.stop) or omit,
                    seed=omit if p.seed is None else p.seed,
                    max_tokens=limit if dialect.max_tokens == "max_tokens" else omit,
                    max_completion_tokens=limit if dialect.max_tokens != "max_tokens" else omit,
                    stream_options={"include_usage": True} if dialect.usage else omit,
                    response_format=openai_response_format(p.response_schema) if p.response_schema else omit,
                    timeout=http_timeouts(self.timeouts),
                )
            except (BadRequestError, UnprocessableEntityError) as error:
                if not dialect.give_way(f"{error.param} {Complaint.of(error.body).words} {error}"):
                    raise

    def _finished(self, run: "StepRun", answer: "_Answer") -> list[ToolUse]:
        reason = answer.stop_reason or "stop"
        if reason == "content_filter":
            raise self.filtered("")
        uses = answer.tool_uses()
        if reason == "length":
            for use in uses:
                if not is_json(use.input):
                    raise self.truncated_call(use.name)
        run.meta.stop_reason = STOP_REASONS.get(reason, reason)
        return uses


@dataclass(slots=True)
class _Dialect:
    """What a server understands of the parameters whose names or existence differ; learnt from its refusals."""

    max_tokens: str
    usage: bool = True
    renamed: bool = False

    def give_way(self, refusal: str) -> bool:
        """Change what the server refused; False if it is nothing that can be given up."""
        if self.usage and ("stream_options" in refusal or "include_usage" in refusal):
            self.usage = False
            return True
        if not self.renamed and ("max_tokens" in refusal or "max_completion_tokens" in refusal):
            # Refused for its name only if the other name is mentioned, or it is not known at all.
            other = "max_tokens" if self.max_tokens == "max_completion_tokens" else "max_completion_tokens"
            if other in refusal.replace(self.max_tokens, "") or _says_unknown(refusal):
                self.max_tokens, self.renamed = other, True
                return True
        return False


def _says_unknown(refusal: str) -> bool:
    words = (
        "unsupported_parameter",
        "unknown",
        "unrecognized",
        "extra inputs",
        "not permitted",
        "extra_forbidden",
    )
    return any(word in refusal.lower() for word in words)


@dataclass(slots=True)
class _Connection:
    client: "AsyncOpenAI"
    dialect: _Dialect

    async def close(self) -> None:
        await self.client.close()


@dataclass(slots=True)
class _Call:
    """A tool call whose arguments arrive in fragments."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class _Answer:
    """Puts an answer together from its chunks.

    The SDK does not check what it receives: whatever the annotations say, anything can be missing.
    """

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self.stop_reason: str | None = None
        self.usage: CompletionUsage | None = None

    def read(self, chunk: "ChatCompletionChunk") -> str:
        """The text that a chunk adds."""
        if (usage := getattr(chunk, "usage", None)) is not None:
            # Some servers count on in every chunk; the last one counts.
            self.usage = usage
        text = ""
        for choice in getattr(chunk, "choices", None) or ():
            if choice.index:
                continue
            if (delta := cast("ChoiceDelta | None", choice.delta)) is not None:
                text += self._read_delta(delta)
            if choice.finish_reason:
                self.stop_reason = choice.finish_reason
        return text

    def tool_uses(self) -> list[ToolUse]:
        return [
            ToolUse(call.id or f"call_{uuid4().hex}", call.name, "".join(call.arguments) or "{}")
            for call in self._calls
            if call.name
        ]

    def _read_delta(self, delta: "ChoiceDelta") -> str:
        text = delta.content or delta.refusal or ""
        if delta.tool_calls:
            for fragment in delta.tool_calls:
                self._read_call(fragment)
            self._progress.token()
        elif text or (not self._progress.begun and _thinks(delta)):
            self._progress.token()
        return text if isinstance(text, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]

    def _read_call(self, fragment: "ChoiceDeltaToolCall") -> None:
        # Some servers send every call whole, all with the index 0 or with none: then a new id is a new call.
        index = getattr(fragment, "index", None) or 0
        call = self._by_index.get(index)
        if call is None or (fragment.id and call.id and fragment.id != call.id):
            call = self._by_index[index] = _Call()
            self._calls.append(call)
        call.id = call.id or fragment.id or ""
        if (function := fragment.function) is not None:
            call.name = call.name or function.name or ""
            if function.arguments:
                call.arguments.append(function.arguments)


def _thinks(delta: "ChoiceDelta") -> bool:
    """Whether a delta carries thoughts, which servers put into fields of their own."""
    extra = delta.model_extra or {}
    return bool(extra.get("reasoning_content") or extra.get("reasoning"))


def _tokens(usage: "CompletionUsage") -> Tokens:
    details = getattr(usage, "prompt_tokens_details", None)
    return Tokens(
        input=_count(usage, "prompt_tokens"),
        output=_count(usage, "completion_tokens"),
        cached=_count(details, "cached_tokens"),
        written=_count(details, "cache_write_tokens"),
    )


def _count(owner: object, name: str) -> int:
    value = getattr(owner, name, None)
    return value if isinstance(value, int) and value > 0 else 0


def _told_cost(usage: "CompletionUsage") -> float | None:
    """What a server (OpenRouter, LiteLLM) says that the request cost, in US dollars."""
    extra = cast("object", getattr(usage, "model_extra", None))
    if not isinstance(extra, dict):
        return None
    cost = cast("dict[str, object]", extra).get("cost")
    return float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) and cost >= 0 else None
