"""A chat step that gives the same answer to the same request, without asking again."""

import asyncio
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from geppetto.blob_store import BlobStore, blob_key
from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.cassettes.playback import play
from geppetto.steps.cassettes.recording import (
    CassetteError,
    Recording,
    Tape,
    dump_events,
    line_bytes,
    load_events,
)
from geppetto.steps.cassettes.requests import canonical, step_request
from geppetto.steps.cassettes.scrub import Scrubber
from geppetto.steps.cassettes.wrapping import TapingSink
from geppetto.steps.chat.remote import RemoteChatStep
from geppetto.steps.chat.step import ChatInput
from geppetto.steps.context import StepContext
from geppetto.steps.result import StepResult
from geppetto.steps.step import Step

if TYPE_CHECKING:
    from geppetto.conversation.models import ChatMessage
    from geppetto.events.codec import EncodedEvent
    from geppetto.events.models import EventMetadata
    from geppetto.steps.run import StepRun


class CachingStep(Step[ChatInput, "ChatMessage"]):
    """Plays the events of an earlier run of the same request, as fast as they can be taken; or asks, and keeps them.

    The same request is: the same service, model and parameters, the same conversation but for ids and times,
    the same tools on offer. Kept are answers that came to a good end without calling a tool, since what a tool
    gives may be something else tomorrow.

    The events of an answer from the cache are those that were kept, except that nothing was used: the tokens and
    the cost in `meta.usage` are 0. From where an answer came stands in the metadata of its final event, as
    `step.meta.cache`: `{"hit": true, "stored": time, "usage": what it took then}`, or `{"hit": false}`.
    """

    def __init__(self, inner: RemoteChatStep, store: BlobStore) -> None:
        self._inner = inner
        self._store = store
        # On the object: it is what it wraps, to whoever listens.
        self.type, self.input_type, self.output_type = inner.type, inner.input_type, inner.output_type  # type: ignore[misc]

    def describe(self) -> "EventMetadata":
        return self._inner.describe()

    def final_text(self, value: "ChatMessage") -> str:
        return self._inner.final_text(value)

    def final_result(self, value: "ChatMessage") -> JsonValue:
        return self._inner.final_result(value)

    def start(self, ctx: StepContext, input: ChatInput) -> "StepResult[ChatMessage]":
        keep = _KeepingSink(ctx, self._store, Scrubber(lambda: [self._inner.service.api_key or ""]))
        return super().start(replace(ctx, publisher=keep), input)

    async def run(self, run: "StepRun", input: ChatInput) -> "ChatMessage":
        # In a thread: images count by their content, which has to be read.
        key = await asyncio.to_thread(self._key, run.ctx, input)
        kept = await self._store.get([key])
        if key in kept and (found := _unpacked(kept[key])) is not None:
            return await self._played(run, *found)
        run.step.meta["cache"] = {"hit": False}
        sink = run.ctx.publisher
        if isinstance(sink, _KeepingSink):
            sink.key = key
        return await self._inner.run(run, input)

    async def _played(self, run: "StepRun", stored: str, recording: Recording) -> "ChatMessage":
        from geppetto.conversation.models import ChatMessage
        from geppetto.events.models import Usage

        final = await play(run, recording, "fast")
        usage = final.meta.usage
        run.meta.usage = Usage(cost=0.0)
        run.step.meta["cache"] = {
            "hit": True,
            "stored": stored,
            "usage": cast(JsonValue, usage.model_dump(exclude_none=True)) if usage else None,
        }
        return ChatMessage(
            id=run.meta.message_id, parent_id=run.ctx.parent_id, role="assistant", text=final.text
        )

    def _key(self, ctx: StepContext, input: ChatInput) -> bytes:
        parameters = self._inner.parameters
        tools = ctx.tools.definitions() if ctx.tools is not None else []
        if parameters.tools is not None:
            tools = [tool for tool in tools if tool.name in parameters.tools]
        options = cast(JsonObject, {**asdict(parameters), "model": self._inner.model})
        request = step_request(self.type, options, tools, _as_messages(input))
        return blob_key(self._inner.service.base_url or "", canonical(request))


class _KeepingSink(TapingSink):
    """Keeps the events of a step in the store when they have come to a good end, if it is given a key for them."""

    def __init__(self, ctx: StepContext, store: BlobStore, scrubber: Scrubber) -> None:
        self._tape = Tape({})
        super().__init__(ctx.publisher, self._tape)
        self._store = store
        self._scrubber = scrubber
        self.key: bytes | None = None

    async def publish(self, *events: "EncodedEvent") -> None:
        await super().publish(*events)
        if self.key is None or not self._tape.ended:
            return
        key, self.key = self.key, None
        lines = self._tape.lines
        if lines[-1]["type"] == "final" and not any(line["type"] == "tool-call" for line in lines):
            stored = line_bytes({"stored": datetime.now(UTC).isoformat(timespec="seconds")})
            await self._store.put({key: stored + dump_events(self._scrubber.clean_events(lines))})


def _unpacked(data: bytes) -> tuple[str, Recording] | None:
    """When it was stored, and what; None if it cannot be read, as after a change of version."""
    head, _, rest = data.partition(b"\n")
    try:
        return str(json.loads(head)["stored"]), Recording({}, load_events(rest))
    except (CassetteError, ValueError, KeyError, TypeError):
        return None


def _as_messages(input: ChatInput) -> Any:
    """A text is one message of the user."""
    if not isinstance(input, str):
        return input
    from geppetto.conversation.models import ChatMessage
    from geppetto.events.codec import well_formed

    return [ChatMessage(role="user", text=well_formed(input))]
