"""Who answers: from the settings of a folder, read anew for every question, to a chat step."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geppetto.errors import GeppettoError
from geppetto.settings.find import is_configured
from geppetto.steps.chat.factory import ScriptShelf, create_chat_step
from geppetto.steps.chat.step import ChatRequest, ChatStep
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from geppetto.steps.run import StepRun

ECHO = "No model is configured, so your own words come back as answers."


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen at the page.

    Attributes:
        profiles: names of profiles; without one the settings hold as they are.
        default: the profile that the settings themselves choose, "" for none.
        label: who answers by default, such as "openai gpt-5".
        notice: what the person should know, such as that nothing is configured; "" for nothing.
    """

    profiles: tuple[str, ...]
    default: str
    label: str
    notice: str


class Answering:
    """Makes the step that answers, by the settings of a folder."""

    def __init__(self, folder: Path, profile: str | None = None) -> None:
        self._folder = folder
        self._profile = profile
        self._scripts = ScriptShelf()

    async def choice(self) -> Choice:
        """What there is to choose from now; settings that are wrong are told as its notice."""
        return await asyncio.to_thread(self._choice)

    async def make_step(self, profile: str) -> ChatStep:
        """The step for a profile, "" for the default. What is wrong with the settings comes as its error."""
        try:
            return await asyncio.to_thread(self._make_step, profile)
        except GeppettoError as error:
            return _Unanswered(error)

    async def close(self) -> None:
        """Close the connections to model services."""
        if clients := sys.modules.get("geppetto.steps.chat.clients"):
            await clients.shared_clients.aclose()

    def _choice(self) -> Choice:
        if not is_configured(self._folder, os.environ):
            return Choice((), "", "echo", ECHO)
        from geppetto.settings.load import load_settings

        try:
            settings = load_settings(self._folder, self._profile)
        except GeppettoError as error:
            return Choice((), "", "?", f"The settings cannot be used: {error}")
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
