import subprocess
import sys
from typing import Any

import pytest
from geppetto.embeddings.cache import CachedEmbeddings
from geppetto.embeddings.factory import DEFAULT_CACHE_BYTES, DEFAULT_DIMENSIONS, create_embeddings
from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError
from geppetto.settings.models import EmbeddingsSettings, StepSettings


def settings(**embeddings: Any) -> StepSettings:
    return StepSettings.model_validate({"embeddings": embeddings})


async def test_without_settings_it_is_what_default_settings_ask_for() -> None:
    defaults = StepSettings()
    assert defaults.embeddings.cache_size == DEFAULT_CACHE_BYTES
    assert create_embeddings(defaults).model.dimensions == DEFAULT_DIMENSIONS
    texts = ["Hello, world!"]
    assert await create_embeddings().embed(texts) == await create_embeddings(defaults).embed(texts)


def test_the_settings_decide() -> None:
    provider = create_embeddings(settings(dimensions=64))
    assert provider.model == EmbeddingModel("hashing-64", 64)
    assert isinstance(provider, CachedEmbeddings)
    assert not isinstance(create_embeddings(settings(cache_size=0)), CachedEmbeddings)


def test_an_unknown_provider_is_named_with_those_there_are() -> None:
    settings = StepSettings.model_construct(
        embeddings=EmbeddingsSettings.model_construct(provider="word2vec")  # type: ignore[arg-type]
    )
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


@pytest.mark.parametrize(
    ("chosen", "model"),
    [
        ({"provider": "openai"}, EmbeddingModel("text-embedding-3-small", 1536)),
        ({"provider": "openai", "dimensions": 256}, EmbeddingModel("text-embedding-3-small", 256)),
        ({"provider": "openai", "model": "openai/text-embedding-3-large"}, None),
        ({"provider": "ollama"}, EmbeddingModel("nomic-embed-text", 768)),
        ({"provider": "ollama", "model": "all-minilm:22m"}, EmbeddingModel("all-minilm:22m", 384)),
        ({"provider": "ollama", "model": "mine", "dimensions": 99}, EmbeddingModel("mine", 99)),
        ({"provider": "model2vec"}, EmbeddingModel("minishlab/potion-base-8M", 256)),
        ({"provider": "model2vec", "model": "me/mine", "dimensions": 99}, EmbeddingModel("me/mine", 99)),
    ],
)
def test_models_and_dimensions_are_known_before_anybody_is_asked(
    chosen: dict[str, Any], model: EmbeddingModel | None
) -> None:
    expected = model or EmbeddingModel("openai/text-embedding-3-large", 3072)
    assert create_embeddings(settings(**chosen)).model == expected


@pytest.mark.parametrize("provider", ["openai", "ollama", "model2vec"])
def test_a_model_of_unknown_length_says_what_to_set(provider: str) -> None:
    with pytest.raises(EmbeddingsError, match="not known") as caught:
        create_embeddings(settings(provider=provider, model="mystery"))
    assert "embeddings.dimensions" in (caught.value.hint or "")
