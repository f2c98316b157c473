"""An answer while it comes: from the events of a step to changes of a page, a few a second, each small."""

import asyncio
from typing import Final

from geppetto.chat.answering import WORKER_LOST
from geppetto.conversation.answer import TextPart, ToolPart, add_call, add_result
from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.models import (
    ErrorEvent,
    Event,
    EventMetadata,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
)
from geppetto.web.blocks import BlockSplitter, blocks_of
from geppetto.web.feed import Feed
from geppetto.web.markdown import to_html
from geppetto.web.turns import Status, Turn
from geppetto.web.views import Views

PAUSE: Final = 0.04
"""Seconds between two changes; what arrives in between goes together."""

PORTION: Final = 16 * 1024
"""Characters that are rendered in one go, before others have their turn."""

_GROWTH: Final = 12
"""An open block is rendered anew when a twelfth was added: all that is sent for a text of n characters is O(n)."""


class Answer(ChatEventHandler):
    """Follows one step's events. What it says to the feed:

    - `block {turn, n, html, done}`: block n of the turn is this now; when `done`, for good.
    - `tail {turn, n, text}`: this text goes to the end of block n, until the block comes anew.
    - `note {turn, text}`: what there is to know while the answer is waited for; "" for nothing any more.
    - `end {turn, html, said}`: the answer is over; `html` is what stands below it.
    """

    def __init__(self, turn: Turn, feed: Feed, views: Views) -> None:
        self.turn = turn
        self.ended = asyncio.Event()
        self.changed = False
        """Whether there is more than when it was last saved; for whoever saves it."""
        self.is_given_anew = False
        """Whether it broke off and another one, in its place, is about to begin."""
        self._feed = feed
        self._views = views
        self._html: list[str] = []
        self._pieces: list[str] = []
        self._waiting: list[str] = []
        self._waiting_size = 0
        self._splitter = BlockSplitter()
        self._rendered = 0
        self._sent = 0
        self._tool_places: list[tuple[ToolPart, int]] = []
        self._started = self._flushed = asyncio.get_running_loop().time()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def blocks(self) -> list[str]:
        """The HTML of the blocks as every reader of the feed has them by now."""
        open_part = self._splitter.open[: self._sent]
        return [*self._html, to_html(open_part)] if open_part else self._html

    def collect(self) -> None:
        """Bring the turn's text up to date; it is joined only when somebody wants it."""
        self.changed = False
        if self._pieces:
            text = "".join(self._pieces)
            self._pieces = [text]
            last = self.turn.parts[-1]
            assert isinstance(last, TextPart)
            last.text = text

    async def take(self, event: Event) -> None:
        """Follow an event; the step waits meanwhile. One of another step, or one that comes after the end, is none of its business."""
        if event.step.step_id != self.turn.id or self.ended.is_set():
            return
        self.changed = True
        self.note("")
        match event:
            case PartialEvent():
                await self._take_text(event.delta)
            case ToolCallEvent():
                self._add_tool(event.tool_call)
            case ToolResultEvent():
                self._finish_tool(event.tool_result)
            case StartEvent():
                self.turn.meta.engine = event.meta.engine
            case FinalEvent() | InterruptEvent():
                self._learn(event.meta)
                if not self.turn.parts:  # a step that streamed nothing
                    await self._take_text(event.text)
                self.end("done" if event.type == "final" else "interrupted")
            case ErrorEvent():
                self._learn(event.meta)
                self.is_given_anew = event.code == WORKER_LOST
                self.end("error", error=event.error_string)

    handle_start = take
    handle_partial = take
    handle_tool_call = take
    handle_tool_result = take
    handle_final = take
    handle_interrupt = take
    handle_error = take

    def note(self, text: str) -> None:
        """Say what there is to know while the answer is waited for."""
        if text != self.turn.note and not self.ended.is_set():
            self.turn.note = text
            self._feed.add("note", {"turn": self.turn.id, "text": text})

    def end(self, status: Status, *, error: str = "") -> None:
        """The answer is over. Happens once."""
        if self.ended.is_set():
            return
        self._finish_text()
        turn = self.turn
        for part, place in self._tool_places:
            if not part.done:
                self._show_tool(part, place, over=True)
        turn.status, turn.error = status, error
        turn.meta.seconds = round(asyncio.get_running_loop().time() - self._started, 3)
        self.changed = True
        said = {"done": "Answer finished.", "interrupted": "Answer stopped.", "error": f"Error: {error}"}
        self._feed.add(
            "end", {"turn": turn.id, "html": self._views.footer(turn), "said": said.get(status, "")}
        )
        self.ended.set()

    # --- text

    async def _take_text(self, text: str) -> None:
        for start in range(0, len(text), PORTION):
            self._add_text(text[start : start + PORTION])
            if self._waiting_size >= PORTION:
                self._flush()
                await asyncio.sleep(0)

    def _add_text(self, delta: str) -> None:
        parts = self.turn.parts
        if not parts or not isinstance(parts[-1], TextPart):
            parts.append(TextPart())
        self._pieces.append(delta)
        self._waiting.append(delta)
        self._waiting_size += len(delta)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            pause = self._flushed + PAUSE - loop.time()
            if pause <= 0:
                self._flush()
            else:
                self._timer = loop.call_later(pause, self._flush)

    def _flush(self) -> None:
        """Send what is waiting: finished blocks, and the open one whole or only what was added to it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._flushed = asyncio.get_running_loop().time()
        if not self._waiting:
            return
        text = "".join(self._waiting)
        self._waiting.clear()
        self._waiting_size = 0
        for block in self._splitter.feed(text):
            self._finish_block(block)
        block = self._splitter.open
        if len(block) - self._rendered > self._rendered // _GROWTH:
            self._block(len(self._html), to_html(block))
            self._rendered = len(block)
        elif added := block[self._sent :]:
            self._feed.add("tail", {"turn": self.turn.id, "n": len(self._html), "text": added})
        self._sent = len(block)

    def _finish_text(self) -> None:
        self._flush()
        for block in self._splitter.finish():
            self._finish_block(block)
        self.collect()
        self._pieces.clear()

    def _finish_block(self, block: str) -> None:
        html = to_html(block)
        self._block(len(self._html), html, done=True)
        self._html.append(html)
        self._rendered = self._sent = 0

    # --- tools

    def _add_tool(self, call: ToolCall) -> None:
        self._finish_text()
        part = add_call(self.turn.parts, call.id, call.name, call.input)
        self._tool_places.append((part, len(self._html)))
        html = self._views.tool(part, over=False)
        self._block(len(self._html), html, done=True)
        self._html.append(html)

    def _finish_tool(self, result: ToolResult) -> None:
        found = add_result(self.turn.parts, result.id, result.result, is_error=bool(result.is_error))
        for part, place in self._tool_places:
            if part is found:
                self._show_tool(part, place)

    def _show_tool(self, part: ToolPart, place: int, *, over: bool = False) -> None:
        self._html[place] = self._views.tool(part, over=over)
        self._block(place, self._html[place])

    def _block(self, n: int, html: str, *, done: bool = False) -> None:
        self._feed.add("block", {"turn": self.turn.id, "n": n, "html": html, "done": done})

    def _learn(self, meta: EventMetadata) -> None:
        known = self.turn.meta
        known.engine, known.stop_reason = meta.engine, meta.stop_reason or ""
        if meta.usage is not None:
            known.input_tokens, known.output_tokens = meta.usage.input_tokens, meta.usage.output_tokens
            known.cost = meta.usage.cost


def rendered(turn: Turn, views: Views) -> list[str]:
    """The HTML of the blocks of an answer that is over: the same as while it came."""
    html: list[str] = []
    for part in turn.parts:
        if isinstance(part, TextPart):
            html += (to_html(block) for block in blocks_of(part.text))
        else:
            html.append(views.tool(part, over=True))
    return html
