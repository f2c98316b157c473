"""From the settings to the services: where they are, with the keys that may go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geppetto.steps.chat.service import Service

if TYPE_CHECKING:
    from geppetto.settings.models import ServiceName, ServiceSettings, StepSettings

OLLAMA = "http://127.0.0.1:11434"


def address_of(settings: StepSettings, name: ServiceName) -> str | None:
    """The base URL of a service; None for the vendor's own."""
    section: ServiceSettings = getattr(settings, name)
    if name != "ollama":
        return section.base_url
    # Its own API begins at the root, the one that is compatible with OpenAI's below /v1.
    root = (section.base_url or OLLAMA).rstrip("/")
    return root if root.endswith("/v1") else f"{root}/v1"


def service_of(settings: StepSettings, name: ServiceName) -> Service:
    """How to reach a service. The key may come from the system's keychain, which is asked here.

    Raises:
        SettingsError: the address is one that the user's keys must not go to.
    """
    from geppetto.settings.keys import service_key

    return Service(address_of(settings, name), service_key(settings, name))
