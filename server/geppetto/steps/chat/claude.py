"""Claude, through Anthropic's messages API."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from geppetto.json_value import JsonValue
from geppetto.steps.chat.bill import Bill
from geppetto.steps.chat.claude_answer import ClaudeAnswer
from geppetto.steps.chat.failures import service_failure
from geppetto.steps.chat.quiet_logs import hide_in_logs
from geppetto.steps.chat.remote import RemoteChatStep, is_json
from geppetto.steps.chat.step import ChatRequest
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream, RequestOptions
    from anthropic.types import ContentBlockParam
    from anthropic.types.message_create_params import MessageCreateParamsStreaming

    from geppetto.steps.chat.wire import Progress
    from geppetto.steps.run import StepRun

DEFAULT_MAX_TOKENS = 32_000
"""Claude wants a limit to every answer. Its thoughts count too."""

SAMPLING_VERSION = "2023-06-01"
"""The last version of the API that knows temperature and top_p; of the models, only the older take them."""

NO_KEY = "none"

_answers: "WeakKeyDictionary[StepRun, dict[str, list[ContentBlockParam]]]" = WeakKeyDictionary()
"""What Claude answered in each run that is going on, block for block, by the id of the first tool call."""


class ClaudeStep(RemoteChatStep):
    """Asks Claude. The deltas are its text; its thoughts are not shown, and given back to it with tool results."""

    type = "claude"
    default_model = "claude-haiku-5-5"
    vendor = "Anthropic"
    sdk = "anthropic"
    extra = "claude"
    key_variable = "ANTHROPIC_API_KEY"

    def connect(self) -> "AsyncAnthropic":
        return self.clients.get(self.vendor, self.service, self._make_client)

    def _make_client(self) -> "AsyncAnthropic":
        from anthropic import AsyncAnthropic

        client = AsyncAnthropic(
            # Both are said in any case: the SDK would look for them in the environment and in files.
            api_key=self.service.api_key or NO_KEY,
            base_url=self.service.base_url or "https://api.anthropic.com",
            max_retries=0,
            open_telemetry=False,
        )
        hide_in_logs(self.service.secrets())
        return client

    async def ask(self, run: "StepRun", request: ChatRequest, progress: "Progress") -> list[ToolUse]:
        from geppetto.steps.chat.wire import WatchedStream, check_is_stream

        stream = await self._send(run, request)
        async with stream:
            await check_is_stream(stream.response, self.service, self.vendor, self.model)
            WatchedStream(stream.response, self.timeouts.idle, progress, self.service.where(self.vendor))
            answer = ClaudeAnswer()
            with Bill(run, request, answer, self.model, self.prices):
                async for event in stream:
                    delta = answer.read(cast("JsonValue", event))
                    if answer.begun:
                        progress.token()
                    if delta:
                        if answer.takes_paragraph():
                            run.new_paragraph()
                        await run.partial(delta)
        if answer.stop_reason is None:
            raise self.cut_off()
        return self._finished(run, answer)

    async def fetch_models(self) -> JsonValue:
        from geppetto.steps.chat.wire import http_timeouts

        options: RequestOptions = {"timeout": http_timeouts(self.timeouts), "params": {"limit": 1000}}
        return cast("JsonValue", await self.connect().get("/v1/models", cast_to=object, options=options))

    def explain(self, error: Exception) -> StepError:
        import anthropic

        from geppetto.steps.chat.wire import wire_failure

        if not isinstance(error, anthropic.APIStatusError):
            return wire_failure(error, self.service, self.vendor, self.timeouts)
        # An error event in the stream has the status of the stream: 200.
        status = error.status_code if error.status_code >= 400 else None
        failure = service_failure(
            self.service, self.vendor, self.model, status, error.body, error.response.headers
        )
        if failure.kind is ErrorKind.INVALID_REQUEST and (
            "temperature" in str(failure) or "top_p" in str(failure)
        ):
            failure.hint = "Remove temperature and top_p: newer Claude models take neither."
        return failure

    async def _send(self, run: "StepRun", request: ChatRequest) -> "AsyncStream[object]":
        from anthropic import AsyncStream

        from geppetto.steps.chat.wire import http_timeouts

        # In a thread: there may be image files to read.
        body = await asyncio.to_thread(self._body, request, _answers.get(run, {}))
        sampling = "temperature" in body or "top_p" in body
        return await self.connect().post(
            "/v1/messages",
            # Plain objects: the SDK's models are slower to make, and not checked either.
            cast_to=object,
            body=body,
            options={
                "timeout": http_timeouts(self.timeouts),
                "headers": {"anthropic-version": SAMPLING_VERSION} if sampling else {},
            },
            stream=True,
            stream_cls=AsyncStream[object],
        )

    def _body(
        self, request: ChatRequest, answers: "Mapping[str, Sequence[ContentBlockParam]]"
    ) -> "MessageCreateParamsStreaming":
        from geppetto.steps.chat.claude_messages import claude_messages, claude_output_config, claude_tools

        p = self.parameters
        system, messages = claude_messages(request.messages, answers)
        body: MessageCreateParamsStreaming = {
            "model": self.model,
            "messages": messages,
            "max_tokens": p.max_tokens or DEFAULT_MAX_TOKENS,
            "stream": True,
        }
        if system:
            body["system"] = system
        if request.tools:
            body["tools"] = claude_tools(request.tools)
        if p.stop:
            body["stop_sequences"] = list(p.stop)
        if p.response_schema is not None:
            body["output_config"] = claude_output_config(p.response_schema)
        sampling = {"temperature": p.temperature, "top_p": p.top_p}
        given = {name: value for name, value in sampling.items() if value is not None}
        # The SDK's types have forgotten these two.
        return cast("MessageCreateParamsStreaming", {**body, **given})

    def _finished(self, run: "StepRun", answer: ClaudeAnswer) -> list[ToolUse]:
        if answer.stop_reason == "refusal":
            raise self.filtered(answer.refusal)
        run.meta.stop_reason = answer.stop_reason
        uses = answer.tool_uses()
        if answer.stop_reason in ("max_tokens", "model_context_window_exceeded"):
            for use in uses:
                if not is_json(use.input):
                    raise self.truncated_call(use.name)
        if uses:
            _answers.setdefault(run, {})[uses[0].id] = answer.as_sent_back()
        return uses
