"""Whom the user trusts: which addresses get keys, and whose Python code runs.

A workspace may come from anybody: a repository cloned, a folder sent. Its files may say where a model service is,
and a key that was sent there would be in somebody else's hands. So an address that a file of the workspace says
(its `geppetto.toml`, a profile in it, its `.env`) gets a key only if

- the same file says the key too,
- or the address is this machine's own, or that of the vendor,
- or the user trusts it: `trusted_hosts` in the user's own `geppetto.toml`.

An entry there is a host, which is then trusted over https, or a whole origin, such as `http://gpu-box:8000`.

Scripts run in a sandbox, but steps and tools in Python can do whatever the user can, with the keys too. So those that
a workspace's `geppetto.toml` names are imported only if that file is the user's own, or lies in a folder that the user
trusts: `trusted_folders` in the user's own `geppetto.toml`, or `GEPPETTO_TRUSTED_FOLDERS`.
"""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from geppetto.settings.find import FOLDERS_VARIABLE
from geppetto.settings.layers import Origin
from geppetto.settings.models import ServiceSettings, StepSettings

VENDOR_HOSTS: tuple[str, ...] = ("api.openai.com", "api.anthropic.com")

SERVICES: tuple[str, ...] = tuple(
    name for name, field in StepSettings.model_fields.items() if field.annotation is ServiceSettings
)
"""The sections that say how to reach a service."""


def is_personal(origin: Origin, user_file: Path) -> bool:
    """Whether the user said it, and not something that came with the workspace."""
    return origin.kind in ("command line", "environment", "user", "default") or origin.path == user_file


def is_trusted(address: str, trusted_hosts: Sequence[str]) -> bool:
    """Whether a key may be sent to an address, whoever says it."""
    url = urlsplit(address)
    host = url.hostname or ""
    if _is_loopback(host):
        return True
    origins = {_origin(entry) for entry in trusted_hosts if "://" in entry}
    hosts = {entry.lower() for entry in (*VENDOR_HOSTS, *trusted_hosts) if "://" not in entry}
    return _origin(address) in origins or (url.scheme == "https" and host in hosts)


def folders_trusted_by(env: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders in `GEPPETTO_TRUSTED_FOLDERS`, separated as in `PATH`."""
    return tuple(Path(each).expanduser() for each in env.get(FOLDERS_VARIABLE, "").split(os.pathsep) if each)


def is_folder_trusted(folder: Path, trusted_folders: Sequence[Path]) -> bool:
    """Whether a folder is one of those that the user trusts, or lies in one. Links are followed first."""
    real = Path(os.path.realpath(folder))
    return any(real.is_relative_to(os.path.realpath(trusted)) for trusted in trusted_folders)


def withhold_keys(
    steps: StepSettings, origins: Mapping[str, Origin], user_file: Path, trusted_hosts: Sequence[str]
) -> tuple[StepSettings, list[str]]:
    """The settings without the keys that must not go where they would go, and a notice for each such key."""
    changes: dict[str, ServiceSettings] = {}
    notices: list[str] = []
    for name in SERVICES:
        service: ServiceSettings = getattr(steps, name)
        said_by = origins.get(f"{name}.base_url")
        if service.base_url is None or said_by is None or is_personal(said_by, user_file):
            continue
        if is_trusted(service.base_url, trusted_hosts):
            continue
        key_from = origins.get(f"{name}.api_key")
        keep = key_from is not None and key_from.path is not None and key_from.path == said_by.path
        doubt = _doubt(name, service.base_url, said_by, user_file)
        changes[name] = service.doubted(doubt, keep_key=keep)
        if service.api_key is not None and not keep:
            notices.append(f"{name}.api_key ({key_from}) is not used: {doubt}")
    return steps.model_copy(update=changes), notices


def _doubt(name: str, address: str, said_by: Origin, user_file: Path) -> str:
    url = urlsplit(address)
    entry = url.hostname if url.scheme == "https" else f"{url.scheme}://{url.netloc}"
    return (
        f"{said_by} sends the requests for {name} to {url.scheme}://{url.netloc}, which gets none of your keys;"
        f' if you trust it, write trusted_hosts = ["{entry}"] at the top of {user_file}; if it needs no key,'
        f' write api_key = "none" beside its address'
    )


def _origin(address: str) -> tuple[str, str, int | None]:
    url = urlsplit(address)
    return (
        url.scheme.lower(),
        (url.hostname or "").lower(),
        url.port or {"http": 80, "https": 443}.get(url.scheme),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
