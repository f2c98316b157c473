"""Claude, through Anthropic's messages API."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from geppetto.steps.chat.failures import service_failure
from geppetto.steps.chat.pricing import Tokens
from geppetto.steps.chat.remote import Bill, RemoteChatStep, is_json
from geppetto.steps.chat.step import ChatRequest
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, AsyncStream
    from anthropic.types import ContentBlockParam, RawMessageStreamEvent

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
        # Loads the resource now, with the SDK, and not in the middle of the first request.
        _ = client.messages
        return client

    async def ask(self, run: "StepRun", request: ChatRequest, progress: "Progress") -> list[ToolUse]:
        from geppetto.steps.chat.wire import WatchedStream, check_is_stream

        stream = await self._send(run, request)
        async with stream:
            await check_is_stream(stream.response, self.service, self.vendor, self.model)
            WatchedStream(stream.response, self.timeouts.idle, progress, self.service.where(self.vendor))
            answer = _Answer(progress, Bill(self, run))
            async for event in stream:
                delta = answer.read(event)
                if delta:
                    if answer.apart:
                        answer.apart = False
                        run.new_paragraph()
                    await run.partial(delta)
        if answer.stop_reason is None:
            raise self.cut_off()
        return self._finished(run, answer)

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

    async def _send(self, run: "StepRun", request: ChatRequest) -> "AsyncStream[RawMessageStreamEvent]":
        from anthropic import omit

        from geppetto.steps.chat.claude_messages import claude_messages, claude_output_config, claude_tools
        from geppetto.steps.chat.wire import http_timeouts

        p = self.parameters
        # In a thread: there may be image files to read.
        system, messages = await asyncio.to_thread(claude_messages, request.messages, _answers.get(run, {}))
        tools = claude_tools(request.tools)
        sampling = {
            name: value
            for name, value in (("temperature", p.temperature), ("top_p", p.top_p))
            if value is not None
        }
        return await self.connect().messages.create(
            stream=True,
            model=self.model,
            messages=messages,
            system=system or omit,
            max_tokens=p.max_tokens or DEFAULT_MAX_TOKENS,
            tools=tools or omit,
            stop_sequences=list(p.stop) or omit,
            output_config=claude_output_config(p.response_schema) if p.response_schema else omit,
            extra_headers={"anthropic-version": SAMPLING_VERSION} if sampling else None,
            extra_body=sampling or None,
            timeout=http_timeouts(self.timeouts),
        )

    def _finished(self, run: "StepRun", answer: "_Answer") -> list[ToolUse]:
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


@dataclass(slots=True)
class _Block:
    """A content block that arrives in pieces: the text, the thoughts, or the arguments of a call."""

    type: str
    pieces: list[str] = field(default_factory=list[str])
    id: str = ""
    name: str = ""
    signature: str = ""

    @property
    def content(self) -> str:
        return "".join(self.pieces)


class _Answer:
    """Puts an answer together from its events.

    The SDK does not check what it receives, and gives an unknown event the class of a known one: what counts
    is the type it says, and anything can be missing.
    """

    def __init__(self, progress: "Progress", bill: Bill) -> None:
        self._progress = progress
        self._bill = bill
        self._tokens: dict[str, int] = {}
        self._blocks: dict[int, _Block] = {}
        self._text_ended = False
        self.apart = False
        """Whether the next text is parted from the text before by something that is not shown."""
        self.stop_reason: str | None = None
        self.refusal = ""

    def read(self, event: "RawMessageStreamEvent") -> str:
        """The text that an event adds."""
        match event.type:
            case "content_block_delta":
                return self._read_delta(event.index, event.delta)
            case "content_block_start":
                return self._read_start(event.index, event.content_block)
            case "message_start":
                self._read_usage(getattr(event.message, "usage", None))
            case "message_delta":
                delta = event.delta
                self.stop_reason = getattr(delta, "stop_reason", None) or self.stop_reason
                details = getattr(delta, "stop_details", None)
                self.refusal = (
                    getattr(details, "explanation", None) or getattr(details, "category", None) or ""
                )
                self._read_usage(getattr(event, "usage", None))
            case _:
                pass
        return ""

    def tool_uses(self) -> list[ToolUse]:
        return [ToolUse(block.id, block.name, block.content or "{}") for block in self._in_order("tool_use")]

    def as_sent_back(self) -> "list[ContentBlockParam]":
        """The whole answer, thoughts and signatures included, as Claude wants to see it again."""
        sent: list[dict[str, object]] = []
        for block in self._in_order():
            match block.type:
                case "thinking":
                    sent.append({"type": "thinking", "thinking": block.content, "signature": block.signature})
                case "redacted_thinking":
                    sent.append({"type": "redacted_thinking", "data": block.content})
                case "text" if block.content.strip():
                    sent.append({"type": "text", "text": block.content})
                case "tool_use":
                    arguments = _object(block.content)
                    sent.append({"type": "tool_use", "id": block.id, "name": block.name, "input": arguments})
                case _:
                    pass
        return cast("list[ContentBlockParam]", sent)

    def _in_order(self, type: str | None = None) -> Iterator[_Block]:
        for _, block in sorted(self._blocks.items()):
            if type in (None, block.type):
                yield block

    def _read_start(self, index: int, started: object) -> str:
        block = self._blocks[index] = _Block(_text(started, "type"))
        self._progress.token()
        if block.type == "text":
            self.apart = self.apart or self._text_ended
            self._text_ended = False
            text = _text(started, "text")
            block.pieces.append(text)
            return text
        # A text that follows goes on after something else.
        self._text_ended = True
        block.id, block.name = _text(started, "id"), _text(started, "name")
        block.pieces.append(_text(started, "thinking") or _text(started, "data"))
        block.signature = _text(started, "signature")
        given = getattr(started, "input", None)
        if block.type == "tool_use" and given:
            # A compatible server may send the arguments at once.
            block.pieces.append(json.dumps(given))
        return ""

    def _read_delta(self, index: int, delta: object) -> str:
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = _Block("text")
            self._progress.token()
        match _text(delta, "type"):
            case "text_delta":
                text = _text(delta, "text")
                block.pieces.append(text)
                return text
            case "input_json_delta":
                block.pieces.append(_text(delta, "partial_json"))
            case "thinking_delta":
                block.pieces.append(_text(delta, "thinking"))
            case "signature_delta":
                block.signature += _text(delta, "signature")
            case _:
                pass
        return ""

    def _read_usage(self, usage: object) -> None:
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        for name in names:
            value = getattr(usage, name, None)
            if isinstance(value, int):
                self._tokens[name] = value
        fresh, output, cached, written = (self._tokens.get(name, 0) for name in names)
        if self._tokens:
            # Claude counts apart what others count together.
            self._bill.update(Tokens(fresh + cached + written, output, cached, written))


def _text(owner: object, name: str) -> str:
    value = getattr(owner, name, None)
    return value if isinstance(value, str) else ""


def _object(text: str) -> dict[str, object]:
    try:
        value: object = json.loads(text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
