"""Where runs are done: here, or on the workers behind a bus."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from geppetto.errors import GeppettoError
from geppetto.settings.find import is_configured, user_file

if TYPE_CHECKING:
    from geppetto.runs.runner import Runner
    from geppetto.runs.store import RecordStore
    from geppetto.runs.supervisor import RunsOptions

HERE = "none"
"""What is said instead of a bus to have runs done on this machine, whatever the settings say."""


def chosen_bus(
    folder: Path,
    given: str | None = None,
    *,
    profile: str | None = None,
    env: Mapping[str, str] | None = None,
) -> str | None:
    """The bus whose workers do the runs of a folder's scripts; None if this machine does them.

    Args:
        given: what the command line says: a URL, or ``none``. None leaves it to the settings.
        profile: of the settings.
        env: the environment; the process's own if None.

    Raises:
        GeppettoError: the settings are wrong, or name a bus that scripts must not be sent to.
    """
    if given is not None:
        return None if given == HERE else given
    if not is_configured(folder, os.environ if env is None else env):
        return None
    from geppetto.settings.load import load_settings
    from geppetto.settings.trust import is_personal

    settings = load_settings(folder, profile, env)
    if settings.steps.bus.url is None:
        return None
    url = settings.steps.bus.url.get_secret_value()
    origin = settings.origin_of("bus.url")
    host = urlsplit(url).hostname or ""
    if not is_personal(origin, user_file()) and host not in ("localhost", "127.0.0.1", "::1"):
        # It may have come with a repository of somebody else's, and params may be secret.
        raise GeppettoError(
            f"{origin} sends scripts and their params to the bus at {host}, and a workspace cannot decide that",
            hint=f"If you trust it, write [bus] url into your own {user_file()}, set GEPPETTO_BUS or give --bus; "
            "--bus none runs scripts here.",
        )
    return url


def open_runner(
    bus: str | None, *, options: RunsOptions | None = None, records: RecordStore | None = None
) -> Runner:
    """Whatever does the runs: on the workers behind a bus, or on this machine. The caller closes it.

    Args:
        bus: as ``chosen_bus`` tells it. It is connected to when the first run is started.
        options: how this machine runs; without effect on workers.
        records: where runs leave their records; None leaves none.
    """
    if bus is not None:
        from geppetto.workers.client import RemoteRunner

        return RemoteRunner(bus, records=records)
    from geppetto.runs.supervisor import RunSupervisor

    return RunSupervisor(options, records)
