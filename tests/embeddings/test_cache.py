import asyncio
from collections.abc import Sequence

import pytest
from geppetto.embeddings.cache import ENTRY_OVERHEAD, CachedEmbeddings
from geppetto.embeddings.hashing import HashingEmbeddings
from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError
from hypothesis import given, settings
from hypothesis import strategies as st

ENTRY = ENTRY_OVERHEAD + 16 * 8


class Counting:
    """A real provider that remembers what it was asked."""

    def __init__(self) -> None:
        self.inner = HashingEmbeddings(16)
        self.model = self.inner.model
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append(list(texts))
        return await self.inner.embed(texts)


async def test_only_what_is_not_known_is_asked_for_once_and_in_order() -> None:
    provider = Counting()
    cache = CachedEmbeddings(provider, 10 * ENTRY)
    first = await cache.embed(["a", "b", "a"])
    second = await cache.embed(["b", "c", "a"])
    assert provider.asked == [["a", "b"], ["c"]]
    assert first == await provider.inner.embed(["a", "b", "a"])
    assert second == await provider.inner.embed(["b", "c", "a"])
    assert cache.model == provider.model


async def test_the_longest_unused_is_forgotten_first() -> None:
    provider = Counting()
    cache = CachedEmbeddings(provider, 2 * ENTRY)
    for text in ("a", "b", "a", "c", "a", "b"):
        await cache.embed([text])
    assert provider.asked == [["a"], ["b"], ["c"], ["b"]]


async def test_a_caller_who_changes_a_vector_changes_only_its_own() -> None:
    cache = CachedEmbeddings(Counting(), 10 * ENTRY)
    [vector] = await cache.embed(["a"])
    original = list(vector)
    vector[0] = 99.0
    assert await cache.embed(["a"]) == [original]


async def test_a_cache_too_small_for_one_vector_keeps_none() -> None:
    provider = Counting()
    cache = CachedEmbeddings(provider, ENTRY - 1)
    await cache.embed(["a"])
    await cache.embed(["a"])
    assert len(provider.asked) == 2
    assert cache.size == 0


async def test_calls_at_the_same_time_do_not_count_a_vector_twice() -> None:
    cache = CachedEmbeddings(Counting(), 10 * ENTRY)
    await asyncio.wait_for(asyncio.gather(*(cache.embed(["a", "b"]) for _ in range(20))), 60)
    assert cache.size == 2 * ENTRY


async def test_a_failure_leaves_nothing_behind() -> None:
    class Failing(Counting):
        async def embed(self, texts: Sequence[str]) -> list[list[float]]:
            raise EmbeddingsError("the service is down")

    cache = CachedEmbeddings(Failing(), 10 * ENTRY)
    with pytest.raises(EmbeddingsError, match="down"):
        await cache.embed(["a"])
    assert cache.size == 0
    with pytest.raises(EmbeddingsError, match="empty"):
        await cache.embed([""])


@pytest.mark.parametrize("vectors", [[], [[1.0] * 16] * 2, [[1.0] * 15]])
async def test_a_provider_that_miscounts_is_an_error(vectors: list[list[float]]) -> None:
    class Wrong:
        model = EmbeddingModel("wrong", 16)

        async def embed(self, texts: Sequence[str]) -> list[list[float]]:
            return vectors

    with pytest.raises(EmbeddingsError, match="wrong gave"):
        await CachedEmbeddings(Wrong(), 1000).embed(["a"])


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=12),
    st.integers(min_value=0, max_value=5 * ENTRY),
)
@settings(deadline=None)
def test_a_cache_never_changes_an_answer_nor_outgrows_its_bound(
    calls: list[list[str]], max_bytes: int
) -> None:
    async def run() -> None:
        plain = HashingEmbeddings(16)
        cache = CachedEmbeddings(plain, max_bytes)
        for texts in calls:
            assert await cache.embed(texts) == await plain.embed(texts)
            assert cache.size <= max_bytes

    asyncio.run(run())
