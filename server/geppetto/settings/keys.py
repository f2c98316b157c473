"""The keys to the services, in the clear. The one place where they leave their envelope."""

from collections.abc import Iterator

from geppetto.settings.errors import Problem, SettingsError
from geppetto.settings.keychain import read_key
from geppetto.settings.models import ServiceName, ServiceSettings, StepSettings
from geppetto.settings.trust import SERVICES


def service_key(settings: StepSettings, name: ServiceName) -> str | None:
    """The key to a service: from the settings, or else from the system's keychain; None if there is none.

    Raises:
        SettingsError: a file of the workspace sends the requests to an address that the user's keys must not
            go to; says what to do.
    """
    service: ServiceSettings = getattr(settings, name)
    if service.api_key is not None:
        return service.api_key.get_secret_value()
    key = read_key(name)
    if service.doubt and (key or service.withheld):
        raise SettingsError([Problem(service.doubt, f"{name}.base_url")])
    return key


def known_keys(settings: StepSettings) -> Iterator[str]:
    """Every key at hand, for whoever must keep them out of a file."""
    for name in SERVICES:
        service: ServiceSettings = getattr(settings, name)
        if service.api_key is not None:
            yield service.api_key.get_secret_value()
        elif not service.doubt and (key := read_key(name)) is not None:
            yield key
