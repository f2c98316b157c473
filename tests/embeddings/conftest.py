"""A fake service for embeddings, and a cache folder of the test's own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from geppetto.embeddings.hashing import HashingEmbeddings
from geppetto.resources import cache_dir

from tests.providers.http_server import Exchange, Handler, Server

KEY = "sk-planted-0123456789abcdef"
VECTORS = HashingEmbeddings(16)


async def vectors(texts: list[str]) -> list[list[float]]:
    return await VECTORS.embed(texts)


def answers(**changes: Any) -> Handler:
    """Answers as OpenAI does, last text first, since the order is not promised."""

    async def answer(exchange: Exchange) -> None:
        made = await vectors(exchange.json["input"])
        data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(made)]
        body = {
            "object": "list",
            "data": data[::-1],
            "model": exchange.json["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
        await exchange.answer(200, {**body, **changes})

    return answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server([answers()]) as server:
        yield server


@pytest.fixture(autouse=True)
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Caches, keys and settings of the developer's machine play no part."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GEPPETTO_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    cache_dir.cache_clear()
    yield tmp_path / "cache"
    cache_dir.cache_clear()
