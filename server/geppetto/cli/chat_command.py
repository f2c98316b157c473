"""`geppetto chat`: the chat on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geppetto.cli.options import ChatBus, ChatTool, Profile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from geppetto.tui.session import ChatSession


def chat(
    question: Annotated[
        str | None,
        typer.Argument(metavar="[QUESTION]", help="Ask only this, print the answer, and end."),
    ] = None,
    profile: Profile = None,
    system: Annotated[str, typer.Option(metavar="TEXT", help="What the model is told first.")] = "",
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="The folder whose settings are used.")
    ] = Path(),
    bus: ChatBus = None,
    tool: ChatTool = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="No screen of its own: questions line by line, answers below.")
    ] = False,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Do not keep questions for the arrow keys of later chats.")
    ] = False,
) -> None:
    """Chat with the configured model. No key is needed to try: echo answers.

    - `geppetto chat`
    - `geppetto chat "Why is the sky blue?" --profile fast`
    - `git diff | geppetto chat "Write a commit message for this."`
    - `printf 'Hello\\nAnd now?\\n' | geppetto chat`

    Where input or output is no terminal, or a dumb one, questions are lines of standard input, and only answers are printed on
    standard output. Exit codes: 0 fine, 1 an answer failed, 130 interrupted.
    """
    import asyncio
    import os
    import sys
    from functools import partial

    from geppetto.cli import exit_codes
    from geppetto.cli.params import UsageError
    from geppetto.settings.find import is_configured
    from geppetto.steps.chat.factory import ECHO_NOTICE
    from geppetto.tui.session import ChatSession
    from geppetto.workers.choose import HERE

    if not folder.is_dir():
        raise UsageError(f"--folder {folder}: there is no such folder.")
    if profile is not None and (bus or HERE) == HERE:
        from geppetto.settings.load import load_settings

        load_settings(folder, profile)  # an unknown one is told here, not as an answer
    notice = "" if is_configured(folder, os.environ) or (bus or HERE) != HERE else ECHO_NOTICE
    session = partial(ChatSession, folder, profile=profile, system=system, bus=bus, tools=tuple(tool or ()))
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    is_screen = is_terminal and question is None and not plain
    if is_screen:
        raise typer.Exit(asyncio.run(_on_screen(session, notice, keeps_history=not no_history)))
    if notice:
        typer.echo(notice, err=True)
    try:
        asked = None if question is None else _with_what_is_piped(question)
        well = asyncio.run(_plainly(session, asked))
    except KeyboardInterrupt:
        raise typer.Exit(exit_codes.CANCELLED) from None
    raise typer.Exit(0 if well else exit_codes.SCRIPT_ERROR)


async def _on_screen(make_session: "Callable[[], ChatSession]", notice: str, *, keeps_history: bool) -> int:
    """The exit code: not 0 if the screen has failed, which it has told by then."""
    from geppetto.errors import GeppettoError

    try:
        from geppetto.tui.chat_app import ChatApp
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("geppetto"):
            raise
        raise GeppettoError(
            f"The chat's screen needs a package that is not installed: {error.name}.",
            hint="pip install 'geppetto[tui]', or geppetto chat --plain",
        ) from None
    import platformdirs

    from geppetto.tui.prompt_history import PromptHistory

    path = platformdirs.user_state_path("geppetto", appauthor=False) / "chat-history.jsonl"
    async with make_session() as session:
        app = ChatApp(session, history=PromptHistory(path if keeps_history else None), notice=notice)
        await app.run_async()
        return app.return_code or 0


async def _plainly(make_session: "Callable[[], ChatSession]", question: str | None) -> bool:
    import sys

    from geppetto.cli.signals import on_end_signals
    from geppetto.tui.plain_chat import chat, lines_of

    def prompt() -> None:
        if sys.stdin.isatty():
            sys.stderr.write("> ")
            sys.stderr.flush()

    questions = lines_of(sys.stdin.fileno(), prompt) if question is None else _only(question)
    async with make_session() as session:
        return await chat(session, questions, on_end_signals)


async def _only(question: str) -> "AsyncIterator[str]":
    yield question


def _with_what_is_piped(question: str) -> str:
    import sys

    piped = "" if sys.stdin.isatty() else sys.stdin.read()
    return f"{question}\n\n{piped.rstrip()}" if piped.strip() else question
