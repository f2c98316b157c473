"""Who answers: from the settings of a folder, read anew for every question, to a step, here or on a worker."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from geppetto.errors import GeppettoError
from geppetto.settings.find import is_configured
from geppetto.steps.chat.factory import ScriptShelf, create_chat_step
from geppetto.steps.chat.step import ChatInput, ChatRequest, ChatStep
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.step import Step
from geppetto.steps.tools import ToolBox, ToolUse
from geppetto.workers.choose import chosen_bus

if TYPE_CHECKING:
    from geppetto.conversation.models import ChatMessage
    from geppetto.steps.run import StepRun
    from geppetto.workers.client import RemoteRunner

Answerer: TypeAlias = "Step[ChatInput, ChatMessage]"

ECHO = "No model is configured, so your own words come back as answers."


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen at the page.

    Attributes:
        profiles: names of profiles; without one the settings hold as they are.
        default: the profile that the settings themselves choose, "" for none.
        label: who answers by default, such as "openai gpt-5".
        notice: what the person should know, such as that nothing is configured; "" for nothing.
        is_open: whether there may be other profiles: those of workers.
    """

    profiles: tuple[str, ...]
    default: str
    label: str
    notice: str
    is_open: bool = False


WORKER_LOST = "worker_lost"
"""The code of the error event that ends the stream of an answer which is given anew."""


class GivenAnew(StepError):
    """An answer broke off with its worker, and another worker gives it anew.

    Attributes:
        again: the step that gives it, from its first word. Start it, or ``drop`` the answer.
        drop: to be called if nobody wants it any more.
    """

    def __init__(self, again: Answerer, drop: Callable[[], object]) -> None:
        super().__init__(
            "The worker was lost in the middle of this answer; another one gives it anew.", hint=""
        )
        self.again = again
        self.drop = drop

    @property
    def code(self) -> str:
        return WORKER_LOST


class Answering:
    """Makes the step that answers, by the settings of a folder.

    Args:
        profile: of the settings; None for the one that they choose themselves.
        bus: whose workers answer, as the command line says it: a URL, or ``none``. None leaves it to the settings.
        tools: names of the tools, of those that the settings or packages name, that models may call. Where workers
            answer, theirs.
    """

    def __init__(
        self,
        folder: Path,
        profile: str | None = None,
        *,
        bus: str | None = None,
        tools: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._profile = profile
        self._bus = bus
        self._tools = tools
        self._scripts = ScriptShelf()
        self._runners: dict[str, RemoteRunner] = {}

    def bus(self, profile: str = "") -> str | None:
        """The URL of the bus whose workers answer; None if this process does.

        Raises:
            GeppettoError: the settings are wrong, or name a bus that a conversation must not be sent to.
        """
        return chosen_bus(self._folder, self._bus, profile=profile or self._profile)

    async def open(self, box: ToolBox | None = None) -> ToolBox | None:
        """Look whether what is chosen is there: the bus, and the tools. Returns those that steps get.

        Args:
            box: what else models may call.

        Raises:
            GeppettoError: the bus cannot be reached, there is no tool of a name, or workers cannot call the box's.
        """
        url = await asyncio.to_thread(self.bus)
        if url is None:
            return await self._named_tools(box)
        if box is not None:
            raise StepError(
                "Workers cannot call the tools of this process.",
                kind=ErrorKind.SETTINGS,
                hint="Name them in [tools] of the workers' settings.",
            )
        await self._runner(url).connect()
        return None

    async def _named_tools(self, box: ToolBox | None) -> ToolBox | None:
        if not self._tools:
            return box
        from geppetto.plugins.declared import declared
        from geppetto.plugins.tools import NamedTools

        there = (await asyncio.to_thread(declared, self._folder, self._profile)).tools
        for name in self._tools:
            if name not in there:
                known = f"There are {', '.join(sorted(there))}." if there else "There are none."
                raise StepError(
                    f"There is no tool named {name}. {known}",
                    kind=ErrorKind.SETTINGS,
                    hint="Name it in [tools] of geppetto.toml.",
                )
        return await NamedTools(list(there.values())).with_named(list(self._tools), box)

    async def choice(self) -> Choice:
        """What there is to choose from now; settings that are wrong are told as its notice."""
        return await asyncio.to_thread(self._choice)

    async def make_step(self, profile: str, notice: Callable[[str], None]) -> Answerer:
        """The step for a profile, "" for the default. What is wrong with the settings comes as its error.

        Args:
            notice: told what the person should know while the answer is waited for.
        """
        try:
            url = await asyncio.to_thread(self.bus, profile)
            if url is None:
                return await asyncio.to_thread(self._make_step, profile)
        except GeppettoError as error:
            return _Unanswered(error)
        from geppetto.chat.worker_step import WorkerStep

        return WorkerStep(
            self._runner(url),
            folder=self._folder.resolve(),
            profile=profile or self._profile,
            tools=self._tools,
            notice=notice,
        )

    async def close(self) -> None:
        """Close the connections to model services and to the bus."""
        for runner in self._runners.values():
            await runner.close()
        if clients := sys.modules.get("geppetto.steps.chat.clients"):
            await clients.shared_clients.aclose()

    def _runner(self, url: str) -> "RemoteRunner":
        from geppetto.workers.client import RemoteRunner

        if url not in self._runners:
            self._runners[url] = RemoteRunner(url)
        return self._runners[url]

    def _choice(self) -> Choice:
        is_set = is_configured(self._folder, os.environ)
        try:
            url = self.bus()
            if not is_set and url is None:
                return Choice((), "", "echo", ECHO)
            from geppetto.settings.load import load_settings

            settings = load_settings(self._folder, self._profile)
        except GeppettoError as error:
            return Choice((), "", "?", f"The settings cannot be used: {error}")
        if url is not None:
            from geppetto.events.transports.broker import address

            return Choice(
                settings.profiles, settings.profile or "", f"workers at {address(url)}", "", is_open=True
            )
        chat = settings.steps.chat
        unset = chat.provider == "echo" and str(settings.origin_of("chat.provider")) == "default"
        return Choice(
            settings.profiles,
            settings.profile or "",
            f"{chat.provider} {chat.model}" if chat.model else chat.provider,
            ECHO if unset else "",
        )

    def _make_step(self, profile: str) -> ChatStep:
        if not is_configured(self._folder, os.environ):
            return create_chat_step(None, folder=self._folder)
        from geppetto.settings.load import load_settings

        settings = load_settings(self._folder, profile or self._profile)
        return create_chat_step(settings.steps, folder=self._folder, scripts=self._scripts)


class _Unanswered(ChatStep):
    """Stands in for a step that could not be made, so that the reason arrives as its error event."""

    type = "failing"
    default_model = ""

    def __init__(self, error: GeppettoError) -> None:
        super().__init__()
        self._error = error

    async def round(self, run: "StepRun", request: ChatRequest) -> list[ToolUse]:
        raise self._error
