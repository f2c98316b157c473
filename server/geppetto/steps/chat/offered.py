"""The models that services have said they offer, kept for those who must not ask the network: editors and checks.

`geppetto models` asks a service and keeps its answer here.
"""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from geppetto.json_value import JsonObject, JsonValue

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Offer:
    """What one service has answered.

    Attributes:
        models: names, as the service spells them.
        days: since it was asked.
    """

    models: tuple[str, ...]
    days: float


def keep_offer(provider: str, address: str | None, models: Sequence[str], file: Path | None = None) -> None:
    """Keeps an answer.

    Args:
        address: the service's base URL; None for the vendor's own.

    Raises:
        OSError: it cannot be written.
    """
    file = file or _file()
    offers = _read(file)
    offers[_key(provider, address)] = {"at": time.time(), "models": list(models)}
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".models-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump({"version": _VERSION, "offers": offers}, out, ensure_ascii=False)
        os.replace(temporary, file)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def kept_offer(provider: str, address: str | None, file: Path | None = None) -> Offer | None:
    """The last answer of a service; None if it was never asked."""
    entry = _read(file or _file()).get(_key(provider, address))
    if not isinstance(entry, dict):
        return None
    at, models = entry.get("at"), entry.get("models")
    if not isinstance(at, int | float) or not isinstance(models, list):
        return None
    names = tuple(name for name in models if isinstance(name, str))
    return Offer(names, max(0.0, time.time() - at) / 86_400)


def offers_stamp(file: Path | None = None) -> int:
    """Another number after answers have been kept."""
    try:
        return (file or _file()).stat().st_mtime_ns
    except OSError:
        return 0


def _file() -> Path:
    from geppetto.resources import cache_dir

    return cache_dir() / "models.json"


def _key(provider: str, address: str | None) -> str:
    return f"{provider} {address or ''}".strip()


def _read(file: Path) -> JsonObject:
    """Nothing if it is missing or damaged: it can be made again."""
    try:
        whole = cast(JsonValue, json.loads(file.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
    offers = whole.get("offers") if isinstance(whole, dict) and whole.get("version") == _VERSION else None
    return dict(offers) if isinstance(offers, dict) else {}
