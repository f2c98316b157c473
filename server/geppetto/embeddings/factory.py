"""The embeddings that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from geppetto.embeddings.cache import CachedEmbeddings
from geppetto.embeddings.hashing import HashingEmbeddings
from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError, EmbeddingsProvider

if TYPE_CHECKING:
    # Only for the types: without settings nothing here needs pydantic.
    from geppetto.embeddings.provider import Spent
    from geppetto.settings.models import ServiceName, StepSettings
    from geppetto.steps.chat.clients import Clients

DEFAULT_DIMENSIONS = 256
DEFAULT_CACHE_BYTES = 64 * 1024 * 1024

DEFAULT_MODELS = {"openai": "text-embedding-3-small", "ollama": "nomic-embed-text"}

DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "nomic-embed-text": 768,
    "mxbai-embed-large": 1024,
    "snowflake-arctic-embed": 1024,
    "all-minilm": 384,
    "bge-m3": 1024,
    "embeddinggemma": 768,
}
"""Lengths of the vectors of well-known models; those of others are told by the settings."""

CAN_BE_SHORTENED = ("text-embedding-3-small", "text-embedding-3-large")


def create_embeddings(
    settings: StepSettings | None = None,
    *,
    spent: Spent | None = None,
    clients: Callable[[], Clients] | None = None,
) -> EmbeddingsProvider:
    """The provider that the settings name, with its caches; without settings the offline one.

    Nothing is loaded and nobody is asked before the first text comes.

    Args:
        spent: told what requests to a service use.
        clients: asked when a service is; they are closed by their owner. None: the shared ones.

    Raises:
        EmbeddingsError: there is no such provider, or it cannot be had.
    """
    if settings is None:
        return CachedEmbeddings(HashingEmbeddings(DEFAULT_DIMENSIONS), DEFAULT_CACHE_BYTES)
    make = _PROVIDERS.get(settings.embeddings.provider)
    if make is None:
        raise EmbeddingsError(
            f'no embeddings provider is named "{settings.embeddings.provider}"; there are: {", ".join(_PROVIDERS)}',
            hint="Set embeddings.provider in geppetto.toml or GEPPETTO_EMBEDDINGS_PROVIDER.",
        )
    provider = make(settings, spent, clients)
    size = settings.embeddings.cache_size
    return CachedEmbeddings(provider, size) if size else provider


def _hashing(settings: StepSettings, *_: object) -> EmbeddingsProvider:
    return HashingEmbeddings(settings.embeddings.dimensions or DEFAULT_DIMENSIONS)


def _local(settings: StepSettings, *_: object) -> EmbeddingsProvider:
    from geppetto.embeddings.local import DEFAULT_MODEL, LocalEmbeddings

    chosen = settings.embeddings
    return LocalEmbeddings(chosen.model or DEFAULT_MODEL, chosen.dimensions)


def _service(
    name: ServiceName, settings: StepSettings, spent: Spent | None, clients: Callable[[], Clients] | None
) -> EmbeddingsProvider:
    from geppetto.embeddings.openai import OpenAIEmbeddings
    from geppetto.steps.services import address_of, prices_of, retries_of, service_of

    chosen = settings.embeddings
    model = chosen.model or DEFAULT_MODELS[name]
    plain = model.partition(":")[0].rpartition("/")[2]
    dimensions = chosen.dimensions or DIMENSIONS.get(plain)
    if dimensions is None:
        raise EmbeddingsError(
            f'how long the vectors of "{model}" are is not known',
            hint="Set embeddings.dimensions to their length.",
        )
    provider = OpenAIEmbeddings(
        EmbeddingModel(model, dimensions),
        partial(service_of, settings, name),
        shortened=plain in CAN_BE_SHORTENED and dimensions != DIMENSIONS[plain],
        retries=retries_of(settings),
        prices=prices_of(settings),
        spent=spent,
        clients=clients,
    )
    if not chosen.disk_cache_size:
        return provider

    from geppetto.blob_store import DiskStore
    from geppetto.embeddings.stored import StoredEmbeddings
    from geppetto.resources import cache_dir

    store = DiskStore(cache_dir() / "embeddings.sqlite3", chosen.disk_cache_size)
    return StoredEmbeddings(provider, store, address_of(settings, name) or name)


_PROVIDERS: dict[
    str, Callable[[StepSettings, Spent | None, Callable[[], Clients] | None], EmbeddingsProvider]
] = {
    "hashing": _hashing,
    "openai": partial(_service, "openai"),
    "ollama": partial(_service, "ollama"),
    "model2vec": _local,
}
