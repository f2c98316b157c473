"""A run, live: its steps on the left, what the chosen one says on the right, the script's output below."""

import time
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Footer, RichLog, Static, Tree
from textual.widgets.tree import TreeNode

from geppetto.runs.handle import RunHandle
from geppetto.runs.protocol import EndEvent
from geppetto.terminal import harmless, harmless_colours
from geppetto.tui.run_view import RunView, StepView
from geppetto.tui.words import beginning

_FRAMES_PER_SECOND = 15
_SHOWN_CHARACTERS = 20_000
"""Of a step's text: the end of a longer one."""

_OUTPUT_LINES = 10_000
_LINES_PER_FRAME = 200

_STYLES = {"error": "red", "warn": "yellow", "notice": "dim", "debug": "dim"}


class RunApp(App[EndEvent | None]):
    """Shows a run until its end and on, until it is left.

    Its result is the run's end; leaving earlier cancels the run and waits for that.

    Args:
        start: begins the run; called when the screen is there.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #state { height: 1; padding: 0 1; background: $panel; }
    #above { height: 2fr; }
    #steps { width: 40%; border: round $primary; }
    #text-frame { border: round $primary; padding: 0 1; }
    #text { min-height: 100%; }
    #output { height: 1fr; border: round $primary; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "cancel", "Cancel the run", priority=True),
        Binding("ctrl+y", "copy", "Copy the text", priority=True),
        Binding("f", "follow", "Follow the newest step"),
        Binding("q,ctrl+q", "leave", "Quit"),
    ]

    def __init__(self, title: str, start: Callable[[], RunHandle]) -> None:
        super().__init__()
        self.title = title
        self._start = start
        self._run: RunHandle | None = None
        self._view = RunView()
        self._branches: dict[str, TreeNode[str]] = {}
        self._shown: str | None = None
        self._follows = True
        self._began = time.monotonic()

    def compose(self) -> ComposeResult:
        yield Static(id="state", markup=False)
        with Horizontal(id="above"):
            steps: Tree[str] = Tree("steps", id="steps")
            steps.show_root = False
            yield steps
            with VerticalScroll(id="text-frame"):
                yield Static(id="text", markup=False)
        with Vertical():
            yield RichLog(id="output", wrap=True, max_lines=_OUTPUT_LINES)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#steps").border_title = "Steps"
        self.query_one("#text-frame").border_title = "Text"
        self.query_one("#output").border_title = "Output"
        self.query_one("#steps").focus()
        self.set_interval(1 / _FRAMES_PER_SECOND, self._draw)
        self._follow_run()

    @work
    async def _follow_run(self) -> None:
        self._run = self._start()
        async for event in self._run.events():
            self._view.take(event)

    def on_tree_node_highlighted(self, event: "Tree.NodeHighlighted[str]") -> None:
        if event.node.data is not None and event.node.data != self._shown:
            self._show(event.node.data)

    def on_key(self) -> None:
        self._follows = False

    def action_follow(self) -> None:
        """Shows whichever step was started last, from now on."""
        self._follows = True
        if self._view.steps:
            self._select(next(reversed(self._view.steps)))

    def action_cancel(self) -> None:
        """Cancels the run; its view stays."""
        if self._run is not None:
            self._run.cancel()

    def action_copy(self) -> None:
        """Copies the text of the step that is shown."""
        if self._shown is not None and (text := self._view.steps[self._shown].text):
            self.copy_to_clipboard(text)
            self.notify("Copied.")

    @work(exclusive=True)
    async def action_leave(self) -> None:
        """Cancels the run, if it still goes on, and ends when it has ended."""
        if self._run is None:
            self.exit(None)
            return
        self._run.cancel()
        self.exit(await self._run.wait())

    def _draw(self) -> None:
        view = self._view
        output = self.query_one("#output", RichLog)
        # A flood is written bit by bit, so that keys are answered meanwhile; what would be gone at its end is left out.
        waiting = [(kind, line) for kind, text in view.output for line in text.split("\n")][-_OUTPUT_LINES:]
        lines, view.output = waiting[:_LINES_PER_FRAME], waiting[_LINES_PER_FRAME:]
        for kind, text in lines:
            shown = harmless_colours(beginning(text, _SHOWN_CHARACTERS))
            output.write(Text.from_ansi(shown, style=_STYLES.get(kind, "")))
        changed, view.changed = view.changed, {}
        for step_id in changed:
            self._draw_step(view.steps[step_id])
        if self._shown in changed:
            self._draw_text()
        if view.end is None or lines or changed or self._run is not None:
            self.query_one("#state", Static).update(self._state())

    def _draw_step(self, step: StepView) -> None:
        title = harmless(step.title)
        node = self._branches.get(step.id)
        if node is None:
            tree: Tree[str] = self.query_one("#steps", Tree)  # pyright: ignore[reportUnknownVariableType]
            node = self._branches[step.id] = tree.root.add(Text(title), data=step.id, expand=True)
            if self._follows:
                self._select(step.id)
        elif str(node.label) != title:
            node.set_label(Text(title))
        for number, tool in enumerate(step.tools.values()):
            sign = "…" if tool.result is None else "✗" if tool.is_error else "✓"
            label = harmless(f"{sign} {tool.name}({_short(tool.input)})")
            if number == len(node.children):
                node.add_leaf(Text(label), data=step.id)
            elif str(node.children[number].label) != label:
                node.children[number].set_label(Text(label))

    def _select(self, step_id: str) -> None:
        tree: Tree[str] = self.query_one("#steps", Tree)  # pyright: ignore[reportUnknownVariableType]
        # Later: the tree does not know its new lines yet.
        self.call_after_refresh(tree.move_cursor, self._branches[step_id])
        self._show(step_id)

    def _show(self, step_id: str) -> None:
        self._shown = step_id
        self._draw_text()
        self.query_one("#text-frame", VerticalScroll).anchor()  # stays at the end until it is scrolled

    def _draw_text(self) -> None:
        assert self._shown is not None
        step = self._view.steps[self._shown]
        text = Text()
        for tool in step.tools.values():
            text.append(harmless(f"→ {tool.name}({beginning(tool.input)})\n"), style="cyan")
            if tool.result is not None:
                style = "red" if tool.is_error else "dim"
                text.append(harmless(f"  {beginning(tool.result)}\n"), style=style)
        whole = step.text
        if len(whole) > _SHOWN_CHARACTERS:
            text.append(f"… {len(whole) - _SHOWN_CHARACTERS} characters before\n", style="dim")
        text.append(harmless(whole[-_SHOWN_CHARACTERS:]))
        if step.error:
            text.append(harmless(f"\n{step.error}"), style="red")
        frame = self.query_one("#text-frame", VerticalScroll)
        self.query_one("#text", Static).update(text)
        frame.border_subtitle = f"{step.events} events"

    def _state(self) -> str:
        end = self._view.end
        seconds = time.monotonic() - self._began if end is None else end.seconds
        parts = [self.title, self._view.state, f"{seconds:.1f} s", f"{len(self._view.steps)} steps"]
        if end is not None:
            if end.input_tokens or end.output_tokens:
                parts.append(f"{end.input_tokens} + {end.output_tokens} tokens")
            if end.cost_usd is not None:
                parts.append(f"${end.cost_usd:.4f}")
            parts.append("q quits")
        return " · ".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
