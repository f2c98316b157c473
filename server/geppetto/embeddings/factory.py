"""The embeddings that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from geppetto.embeddings.cache import CachedEmbeddings
from geppetto.embeddings.hashing import HashingEmbeddings
from geppetto.embeddings.provider import EmbeddingsError, EmbeddingsProvider

if TYPE_CHECKING:
    # Only for the types: without settings nothing here needs pydantic.
    from geppetto.settings.models import EmbeddingsSettings

DEFAULT_DIMENSIONS = 256
DEFAULT_CACHE_BYTES = 64 * 1024 * 1024


def create_embeddings(settings: EmbeddingsSettings | None = None) -> EmbeddingsProvider:
    """The provider that the settings name, with a memory cache; without settings the offline one.

    Raises:
        EmbeddingsError: there is no such provider.
    """
    if settings is None:
        return CachedEmbeddings(HashingEmbeddings(DEFAULT_DIMENSIONS), DEFAULT_CACHE_BYTES)
    make = _PROVIDERS.get(settings.provider)
    if make is None:
        raise EmbeddingsError(
            f'no embeddings provider is named "{settings.provider}"; there are: {", ".join(_PROVIDERS)}',
            hint="Set embeddings.provider in geppetto.toml or GEPPETTO_EMBEDDINGS_PROVIDER.",
        )
    provider = make(settings)
    return CachedEmbeddings(provider, settings.cache_size) if settings.cache_size else provider


def _hashing(settings: EmbeddingsSettings) -> EmbeddingsProvider:
    return HashingEmbeddings(settings.dimensions or DEFAULT_DIMENSIONS)


_PROVIDERS: dict[str, Callable[[EmbeddingsSettings], EmbeddingsProvider]] = {"hashing": _hashing}
