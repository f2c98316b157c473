"""The chat on a terminal: answers stream in as Markdown, questions are written below them."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from weakref import WeakKeyDictionary

from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import Key
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Footer, Markdown, Static, TextArea
from textual.widgets.markdown import MarkdownStream
from textual.worker import Worker

from geppetto.errors import GeppettoError
from geppetto.events.dispatch import ChatEventHandler
from geppetto.events.models import (
    ErrorEvent,
    FinalEvent,
    InterruptEvent,
    PartialEvent,
    StartEvent,
    ToolCallEvent,
    ToolResultEvent,
)
from geppetto.terminal import harmless
from geppetto.tui.pages import Pages
from geppetto.tui.prompt_history import PromptHistory
from geppetto.tui.session import ChatSession
from geppetto.tui.words import beginning, summary

_MOST_LINES = 2_000
"""Of what was said, on the screen: the work of every change grows with them."""

_GONE = "… what came before is no longer shown. Ctrl+Y copies the whole last answer, /save FILE writes everything."

_HELP = """
| command | does |
|---|---|
| `/profile NAME` | has another profile of the settings answer; without a name: which there are |
| `/retry` | asks the last question again |
| `/new` | begins a new conversation |
| `/copy` | copies the last answer |
| `/save FILE` | writes the conversation as Markdown |
| `/quit` | ends the chat |

**Enter** sends, **Ctrl+J** or **Shift+Enter** begins a new line. **Esc** stops an answer; what came of it stays.
**↑** and **↓** in the first and last line bring back earlier questions. Select text with the mouse and press
**Ctrl+C** to copy it. A question that begins with `/` is sent when written as `//`.
"""


class Prompt(TextArea):
    """Where questions are written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send"),
        Binding("ctrl+j,shift+enter", "newline", "New line", show=False),
    ]

    @dataclass
    class Submitted(Message):
        """A question was sent."""

        text: str

    def __init__(self, history: PromptHistory) -> None:
        super().__init__(
            id="prompt", show_line_numbers=False, soft_wrap=True, highlight_cursor_line=False,
            placeholder="Ask something; /help tells what else can be done",
        )  # fmt: skip
        self._history = history

    def on_key(self, event: Key) -> None:
        # Not left to the binding: it is overtaken by the letters typed right after, and one with priority would
        # overtake those typed just before.
        if event.key == "enter":
            event.prevent_default()  # a new line
            event.stop()
            self.action_submit()

    def action_submit(self) -> None:
        if self.text.strip():
            text, self.text = self.text, ""
            self.post_message(self.Submitted(text))

    def give_back(self, text: str) -> None:
        """What was not sent after all stands there again, above what was written meanwhile."""
        self.text = f"{text}\n{self.text}" if self.text else text
        self.move_cursor(self.document.end)

    def action_newline(self) -> None:
        self.insert("\n")

    def action_cursor_up(self, select: bool = False) -> None:
        if select or self.cursor_location[0] > 0:
            super().action_cursor_up(select)
        else:
            self._bring_back(self._history.older(self.text))

    def action_cursor_down(self, select: bool = False) -> None:
        if select or self.cursor_location[0] < self.document.line_count - 1:
            super().action_cursor_down(select)
        else:
            self._bring_back(self._history.newer())

    def _bring_back(self, text: str | None) -> None:
        if text is not None:
            self.text = text
            self.move_cursor(self.document.end)


class Said(VerticalScroll):
    """What was said. As on any terminal, what is too far above the end is no longer on the screen."""

    def __init__(self, *children: Widget) -> None:
        super().__init__(*children, id="log", can_focus=False)
        self._lines: WeakKeyDictionary[Widget, int] = WeakKeyDictionary()

    async def grew(self, widget: Widget, lines: int) -> None:
        """Notes that a child became longer, and makes room."""
        self._lines[widget] = self._lines.get(widget, 0) + lines
        too_many = sum(self._lines.get(child, 1) for child in self.children) - _MOST_LINES
        leaving: list[Widget] = []
        for child in self.children:
            if too_many <= 0 or child is widget:
                break
            leaving.append(child)
            too_many -= self._lines.get(child, 1)
        if leaving:
            await self.remove_children(leaving)
            await self.mount(Static(_GONE, classes="status", markup=False), before=0)


class _Answer(ChatEventHandler):
    """Shows an answer that is coming, at the end of what was said."""

    def __init__(self, log: Said) -> None:
        self._text = list[str]()
        self._log = log
        self._pages = Pages()
        self._page: Markdown | Static | None = None
        self._stream: MarkdownStream | None = None
        self._over = False

    @property
    def text(self) -> str:
        """All that came so far, whatever of it is shown."""
        return "".join(self._text)

    async def open(self) -> None:
        """Makes room for it."""
        self._text.clear()
        self._status = Static("…", classes="status", markup=False)
        self._tools = dict[str, Static]()
        self._began = time.monotonic()
        await self._log.mount(self._status)

    async def close(self) -> None:
        """Has the text drawn to its end."""
        self._pages = Pages()
        self._page = None
        await self._end_stream()

    async def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()

    def note(self, text: str) -> None:
        """Says below it what there is to know meanwhile."""
        if not self._over:
            self._status.update(text)

    async def handle_start(self, event: StartEvent) -> None:
        if self._over:  # its worker was lost, and another one gives it anew
            self._over = False
            await self.close()
            await self.open()

    async def handle_partial(self, event: PartialEvent) -> None:
        if self._status.content != "…":
            self._status.update("…")
        await self._say(event.delta)

    async def handle_tool_call(self, event: ToolCallEvent) -> None:
        await self.close()  # what is said next stands below the call
        call = event.tool_call
        said = harmless(f"→ {call.name}({beginning(call.input)})")
        shown = Static(said, classes="tool", markup=False)
        self._tools[call.id] = shown
        await self._log.mount(shown, before=self._status)

    def handle_tool_result(self, event: ToolResultEvent) -> None:
        result = event.tool_result
        if (shown := self._tools.get(result.id)) is not None:
            sign = "✗" if result.is_error else "✓"
            shown.update(f"{shown.content} {sign} {harmless(beginning(str(result.result)))}")

    async def handle_final(self, event: FinalEvent) -> None:
        if not self._text:
            await self._say(event.text)
        self._end(summary(event.meta, time.monotonic() - self._began))

    def handle_interrupt(self, event: InterruptEvent) -> None:
        self._end(f"stopped · {summary(event.meta, time.monotonic() - self._began)}")

    def handle_error(self, event: ErrorEvent) -> None:
        self._status.add_class("error")
        self._end(event.error_string)

    async def _say(self, text: str) -> None:
        self._text.append(text)
        for piece in self._pages.cut(harmless(text)):
            if piece.page is not None:
                await self._end_stream()
                self._page = Markdown() if piece.page == "markdown" else Static(classes="plain", markup=False)
                await self._log.mount(self._page, before=self._status)
                if isinstance(self._page, Markdown):
                    self._stream = Markdown.get_stream(self._page)
            assert self._page is not None
            if self._stream is not None:
                await self._stream.write(piece.text)
            elif isinstance(self._page, Static):
                self._page.update(f"{self._page.content}{piece.text}")
            await self._log.grew(self._page, piece.text.count("\n") + len(piece.text) // 80)

    def _end(self, text: str) -> None:
        self._over = True
        self._status.update(harmless(text))


class ChatApp(App[None]):
    """The chat.

    Args:
        session: entered already; whoever made it leaves it.
        notice: what the person should know at the start; "" for nothing.
    """

    TITLE = "Geppetto"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #log { padding: 0 1; margin: 1 0 0 1; scrollbar-size-vertical: 1; }
    #log > .question { background: $surface; padding: 0 1; margin: 1 0; color: $text; border-left: thick $primary; }
    #log > Markdown { margin: 0; padding: 0; background: transparent; }
    #log > .status { color: $text-muted; margin: 0 0 1 0; }
    #log > .tool { color: $text-accent; margin: 0 0 0 2; }
    #log > .error { color: $text-error; }
    #prompt { height: auto; max-height: 12; min-height: 3; border: round $primary; margin: 0 1; }
    #who { height: 1; padding: 0 2; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", priority=True),
        Binding("ctrl+y", "copy", "Copy answer", priority=True),
        Binding("ctrl+r", "retry", "Retry", priority=True),
        Binding("f2", "next_profile", "Profile"),
        Binding("pageup", "scroll(-1)", "Scroll up", show=False, priority=True),
        Binding("pagedown", "scroll(1)", "Scroll down", show=False, priority=True),
        Binding("ctrl+d,ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(self, session: ChatSession, *, history: PromptHistory, notice: str = "") -> None:
        super().__init__()
        self._session = session
        self._history = history
        self._notice = notice
        self._last_answer = ""
        self._asking: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        with Said():
            if self._notice:
                yield Static(self._notice, classes="status", markup=False)
        yield Static(id="who", markup=False)
        yield Prompt(self._history)
        yield Footer()

    async def on_mount(self) -> None:
        self._said.anchor()
        self.query_one(Prompt).focus()
        await self._show_who()

    @property
    def _said(self) -> Said:
        return self.query_one(Said)

    @on(Prompt.Submitted)
    async def submitted(self, message: Prompt.Submitted) -> None:
        text = message.text
        if text.startswith("/") and not text.startswith("//"):
            await self._command(text)
            return
        if self._is_busy:
            self.query_one(Prompt).give_back(text)
            self.notify("An answer is still coming; Esc stops it.", severity="warning")
            return
        question = text.removeprefix("/") if text.startswith("//") else text
        try:
            self._history.add(text)
        except OSError as error:
            self.notify(f"The question is not kept for later: {error.strerror}.", severity="warning")
        self._asking = self._ask(question)

    @property
    def _is_busy(self) -> bool:
        return self._asking is not None and not self._asking.is_finished

    @work(exclusive=True, group="answer")
    async def _ask(self, question: str) -> None:
        log = self._said
        await log.mount(Static(harmless(beginning(question)), classes="question", markup=False))
        answer = _Answer(log)
        await answer.open()
        log.anchor()
        try:
            await self._session.ask(question, answer, answer.note)
        finally:
            await answer.close()
        self._last_answer = answer.text or self._last_answer

    def action_stop(self) -> None:
        """Stops the answer that is coming."""
        self._session.interrupt()

    def action_scroll(self, pages: int) -> None:
        """Moves through what was said."""
        if pages < 0:
            self._said.scroll_page_up()
        else:
            self._said.scroll_page_down()

    def action_copy(self) -> None:
        """Copies the last answer."""
        if self._last_answer:
            self.copy_to_clipboard(self._last_answer)
            self.notify("Copied.")
        else:
            self.notify("There is no answer yet.", severity="warning")

    async def action_retry(self) -> None:
        """Asks the last question again."""
        await self._retry()

    async def action_next_profile(self) -> None:
        """Has the next of the profiles answer."""
        names = ["", *(await self._session.choice()).profiles]
        here = names.index(self._session.profile) if self._session.profile in names else 0
        await self._session.use_profile(names[(here + 1) % len(names)])
        await self._show_who()
        if len(names) == 1:
            self.notify("The settings have no profiles.", severity="warning")

    async def _command(self, text: str) -> None:
        name, _, rest = text[1:].strip().partition(" ")
        commands: dict[str, Callable[[str], object]] = {
            "help": self._help,
            "profile": self._profile,
            "retry": lambda _: self._retry(),
            "new": self._new,
            "copy": lambda _: self.action_copy(),
            "save": self._save,
            "quit": lambda _: self.exit(),
            "exit": lambda _: self.exit(),
        }
        if (command := commands.get(name)) is None:
            self.query_one(Prompt).give_back(text)
            self.notify(
                f"There is no /{name}; /help shows what there is. // sends a question that begins with /.",
                severity="warning",
                markup=False,
            )
            return
        try:
            done = command(rest.strip())
            if hasattr(done, "__await__"):
                await done  # pyright: ignore[reportGeneralTypeIssues]
        except GeppettoError as error:
            self.notify(str(error), severity="error", markup=False)

    async def _help(self, _: str) -> None:
        await self._said.mount(Markdown(_HELP))
        self._said.anchor()

    async def _profile(self, name: str) -> None:
        if name:
            await self._session.use_profile("" if name == "default" else name)
        else:
            known = (await self._session.choice()).profiles
            self.notify(
                "Profiles: " + (", ".join(("default", *known)) if known else "there are none."), markup=False
            )
        await self._show_who()

    async def _retry(self) -> None:
        if self._is_busy:
            self.notify("An answer is still coming; Esc stops it.", severity="warning")
        elif (question := self._session.take_back()) is None:
            self.notify("Nothing was asked yet.", severity="warning")
        else:
            self._asking = self._ask(question)

    async def _new(self, _: str) -> None:
        self._session.interrupt()
        if self._asking is not None:
            await self._asking.wait()
        self._session.forget()
        self._last_answer = ""
        await self._said.remove_children()

    def _save(self, name: str) -> None:
        if not name:
            self.notify("Where? /save FILE", severity="warning")
            return
        path = Path(os.path.expanduser(name))
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(self._session.markdown())
        except OSError as error:
            raise GeppettoError(f"{path} cannot be written: {error.strerror}.") from None
        self.notify(f"Wrote {path}.", markup=False)

    async def _show_who(self) -> None:
        choice = await self._session.choice()
        profile = self._session.profile or choice.default
        self.query_one("#who", Static).update(f"profile {profile}" if profile else choice.label)
