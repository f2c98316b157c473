"""From the settings to the services: where they are, the keys that may go there, how patient to be, what they cost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from geppetto.steps.chat.pricing import Price, Prices
from geppetto.steps.chat.service import Retries, Service, Timeouts

if TYPE_CHECKING:
    from geppetto.settings.models import ServiceName, ServiceSettings, StepSettings

logger = logging.getLogger(__name__)

OLLAMA = "http://127.0.0.1:11434"

_SDKS = {"openai": "openai", "ollama": "openai", "claude": "anthropic"}


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


def sdks_of(settings: StepSettings) -> Sequence[str]:
    """The packages of the services that the settings name."""
    chosen = (settings.chat.provider, settings.embeddings.provider)
    return list(dict.fromkeys(_SDKS[name] for name in chosen if name in _SDKS))


def import_sdks(packages: Sequence[str]) -> None:
    """Imports packages ahead of the first request. Takes seconds."""
    for package in packages:
        try:
            import_module(package)
        except ImportError:
            # The step that needs it tells what to install.
            logger.debug("%s cannot be imported ahead", package, exc_info=True)


def timeouts_of(settings: StepSettings) -> Timeouts:
    """How long to wait for a service: as the settings say, otherwise the defaults."""
    return Timeouts(**settings.timeouts.model_dump(exclude_none=True))


def retries_of(settings: StepSettings) -> Retries:
    """How often to ask again: as the settings say, otherwise the defaults."""
    return Retries(**settings.retries.model_dump(exclude_none=True))


def prices_of(settings: StepSettings) -> Prices:
    """What models cost: as the settings say, otherwise by the built-in table."""
    return Prices({model: Price(**price.model_dump()) for model, price in settings.prices.by_model.items()})
