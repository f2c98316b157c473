"""Chat completions: OpenAI's models, and the many servers that speak like them."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from geppetto.json_value import JsonValue
from geppetto.steps.chat.bill import Bill
from geppetto.steps.chat.failures import Complaint, service_failure
from geppetto.steps.chat.openai_answer import OpenAIAnswer
from geppetto.steps.chat.quiet_logs import hide_in_logs
from geppetto.steps.chat.remote import RemoteChatStep, is_json
from geppetto.steps.chat.step import ChatRequest
from geppetto.steps.errors import StepError
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream, RequestOptions
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

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
        hide_in_logs(self.service.secrets())
        return _Connection(client, _Dialect(max_tokens="max_completion_tokens" if own else "max_tokens"))

    async def ask(self, run: "StepRun", request: ChatRequest, progress: "Progress") -> list[ToolUse]:
        from geppetto.steps.chat.wire import WatchedStream, check_is_stream

        where = self.service.where(self.vendor)
        stream = await self._send(self.connect(), request)
        async with stream:
            await check_is_stream(stream.response, self.service, self.vendor, self.model)
            watched = WatchedStream(stream.response, self.timeouts.idle, progress, where)
            answer = OpenAIAnswer()
            with Bill(run, request, answer, self.model, self.prices):
                async for chunk in stream:
                    delta = answer.read(cast("JsonValue", chunk))
                    if answer.begun:
                        progress.token()
                    if delta:
                        await run.partial(delta)
        if answer.stop_reason is None and not watched.said_done:
            raise self.cut_off()
        return self._finished(run, answer)

    async def fetch_models(self) -> JsonValue:
        from geppetto.steps.chat.wire import http_timeouts

        options: RequestOptions = {"timeout": http_timeouts(self.timeouts), "security": {"bearer_auth": True}}
        return cast("JsonValue", await self.connect().client.get("/models", cast_to=object, options=options))

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

    async def _send(self, connection: "_Connection", request: ChatRequest) -> "AsyncStream[object]":
        from openai import AsyncStream, BadRequestError, UnprocessableEntityError

        from geppetto.steps.chat.wire import http_timeouts

        # In a thread: there may be image files to read.
        body = await asyncio.to_thread(self._body, request)
        while True:
            try:
                # The SDK's typed call makes a model of every chunk, which takes ten times as long as all the
                # rest, and does not check it: plain objects are faster, and nobody takes them for checked.
                return await connection.client.post(
                    "/chat/completions",
                    cast_to=object,
                    body=connection.dialect.spoken(body),
                    options={"timeout": http_timeouts(self.timeouts), "security": {"bearer_auth": True}},
                    stream=True,
                    stream_cls=AsyncStream[object],
                )
            except (BadRequestError, UnprocessableEntityError) as error:
                if not connection.dialect.give_way(f"{error.param} {Complaint.of(error.body).words} {error}"):
                    raise

    def _body(self, request: ChatRequest) -> "CompletionCreateParamsStreaming":
        from geppetto.steps.chat.openai_messages import openai_messages, openai_response_format, openai_tools

        p = self.parameters
        body: CompletionCreateParamsStreaming = {
            "model": self.model,
            "messages": openai_messages(request.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = openai_tools(request.tools)
        if p.temperature is not None:
            body["temperature"] = p.temperature
        if p.top_p is not None:
            body["top_p"] = p.top_p
        if p.max_tokens is not None:
            body["max_completion_tokens"] = p.max_tokens
        if p.stop:
            body["stop"] = list(p.stop)
        if p.seed is not None:
            body["seed"] = p.seed
        if p.response_schema is not None:
            body["response_format"] = openai_response_format(p.response_schema)
        return body

    def _finished(self, run: "StepRun", answer: OpenAIAnswer) -> list[ToolUse]:
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

    def spoken(self, body: "CompletionCreateParamsStreaming") -> "CompletionCreateParamsStreaming":
        """A request, in these words."""
        body = body.copy()
        if not self.usage:
            body.pop("stream_options", None)
        if self.max_tokens == "max_tokens" and "max_completion_tokens" in body:
            body["max_tokens"] = body.pop("max_completion_tokens")
        return body

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
