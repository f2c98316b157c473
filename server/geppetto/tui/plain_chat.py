"""The chat where there is no terminal: questions from lines, answers as they stream, nothing else on standard output."""

import asyncio
import codecs
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError

from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.models import (
    ErrorEvent,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    ToolCallEvent,
)
from geppetto.terminal import harmless
from geppetto.tui.session import ChatSession
from geppetto.tui.words import summary


class _Printer(ChatEventHandler):
    def __init__(self) -> None:
        self.failed = False
        self._began = time.monotonic()
        self._text = ""
        self._on_terminal = sys.stdout.isatty()

    def handle_start(self, event: StartEvent) -> None:
        self._began = time.monotonic()
        self._text = ""
        self.failed = False  # it may be the answer of another worker, after the one before was lost

    def handle_partial(self, event: PartialEvent) -> None:
        self._say(event.delta)

    def handle_tool_call(self, event: ToolCallEvent) -> None:
        _note(f"→ {event.tool_call.name}({event.tool_call.input})")

    def handle_final(self, event: FinalEvent) -> None:
        if not self._text:
            self._say(event.text)
        self._end_line()
        if sys.stderr.isatty():
            _note(summary(event.meta, time.monotonic() - self._began))

    def handle_interrupt(self, event: InterruptEvent) -> None:
        self._end_line()
        _note("interrupted")

    def handle_error(self, event: ErrorEvent) -> None:
        self.failed = True
        self._end_line()
        _note(f"geppetto: {event.error_string}")

    def _say(self, text: str) -> None:
        self._text = text or self._text
        sys.stdout.write(harmless(text) if self._on_terminal else text)
        sys.stdout.flush()

    def _end_line(self) -> None:
        if self._text and not self._text.endswith("\n"):
            self._say("\n")


async def chat(
    session: ChatSession,
    questions: AsyncIterator[str],
    on_interrupt: Callable[[Callable[[], None]], None],
) -> bool:
    """Asks one question after another; an interrupt ends the answer that is coming, and then the chat.

    Args:
        questions: the next one is taken when the answer before is over.
        on_interrupt: gets what an interrupt shall do.

    Returns:
        Whether every question was answered.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    interrupted = asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        session.interrupt()

    on_interrupt(interrupt)
    stopping = asyncio.ensure_future(interrupted.wait())
    well = True
    try:
        while not interrupted.is_set():
            reading = asyncio.ensure_future(anext(questions, None))
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                break
            question = reading.result()
            if question is None:
                return well
            if question.strip():
                printer = _Printer()
                await session.ask(question, printer, _note)
                well = well and not printer.failed
    finally:
        stopping.cancel()
    raise KeyboardInterrupt


async def lines_of(descriptor: int, before_each: Callable[[], None] = lambda: None) -> AsyncIterator[str]:
    """The lines of a file descriptor as they come, without their ends.

    Args:
        before_each: called when a line is waited for, such as to prompt for it.
    """
    lines: asyncio.Queue[str | None] = asyncio.Queue(maxsize=64)
    loop = asyncio.get_running_loop()

    def read() -> None:
        rest = ""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        try:
            while data := os.read(descriptor, 64 * 1024):
                *whole, rest = (rest + decoder.decode(data)).split("\n")
                for line in whole:
                    asyncio.run_coroutine_threadsafe(lines.put(line.rstrip("\r")), loop).result()
            for last in [rest, None] if rest else [None]:
                asyncio.run_coroutine_threadsafe(lines.put(last), loop).result()
        except (OSError, RuntimeError, CancelledError):
            return  # nobody waits for lines any more

    # A daemon, since nothing ends a blocking read; and of the descriptor, since a thread that sleeps inside of
    # sys.stdin crashes the interpreter's exit.
    threading.Thread(target=read, name="questions", daemon=True).start()
    while True:
        before_each()
        if (line := await lines.get()) is None:
            return
        yield line


def _note(text: str) -> None:
    sys.stderr.write(f"{harmless(text)}\n")
    sys.stderr.flush()
