import subprocess
import sys

import pytest
from geppetto.embeddings.cache import CachedEmbeddings
from geppetto.embeddings.factory import DEFAULT_CACHE_BYTES, DEFAULT_DIMENSIONS, create_embeddings
from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError
from geppetto.settings.models import EmbeddingsSettings


async def test_without_settings_it_is_what_default_settings_ask_for() -> None:
    defaults = EmbeddingsSettings()
    assert defaults.cache_size == DEFAULT_CACHE_BYTES
    assert create_embeddings(defaults).model.dimensions == DEFAULT_DIMENSIONS
    texts = ["Hello, world!"]
    assert await create_embeddings().embed(texts) == await create_embeddings(defaults).embed(texts)


def test_the_settings_decide() -> None:
    provider = create_embeddings(EmbeddingsSettings(dimensions=64))
    assert provider.model == EmbeddingModel("hashing-64", 64)
    assert isinstance(provider, CachedEmbeddings)
    assert not isinstance(
        create_embeddings(EmbeddingsSettings.model_validate({"cache_size": 0})), CachedEmbeddings
    )


def test_an_unknown_provider_is_named_with_those_there_are() -> None:
    settings = EmbeddingsSettings.model_construct(provider="word2vec")  # type: ignore[arg-type]
    with pytest.raises(EmbeddingsError, match='"word2vec"; there are: hashing'):
        create_embeddings(settings)


def test_the_default_needs_no_heavy_imports() -> None:
    code = (
        "import sys; from geppetto.embeddings.factory import create_embeddings; create_embeddings()\n"
        "print([name for name in ('pydantic', 'openai', 'numpy', 'yaml', 'tomllib') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
