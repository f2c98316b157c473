import asyncio
import math
import os
import subprocess
import sys
import time

import pytest
from geppetto.embeddings.hashing import HashingEmbeddings
from geppetto.embeddings.provider import EmbeddingsError
from hypothesis import given, settings
from hypothesis import strategies as st


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_the_name_says_what_it_is_and_the_vectors_have_length_one() -> None:
    provider = HashingEmbeddings()
    assert (provider.model.name, provider.model.dimensions) == ("hashing-256", 256)
    [vector] = await provider.embed(["Hello, world!"])
    assert len(vector) == 256
    assert math.isclose(cosine(vector, vector), 1)
    assert await provider.embed([]) == []


async def test_texts_that_share_words_are_nearer() -> None:
    query, learning, cooking, ai = await HashingEmbeddings().embed(
        [
            "machine learning",
            "Deep learning uses neural networks",
            "Cooking recipes for beginners",
            "AI and machine learning concepts",
        ]
    )
    assert cosine(query, ai) > cosine(query, learning) > cosine(query, cooking)


async def test_case_accents_forms_and_inflections_do_not_part_texts() -> None:
    plain, upper, composed, decomposed, plural, other = await HashingEmbeddings().embed(
        ["the café opens", "The CAFÉ opens!", "cafe\u0301", "café", "cafés", "piano"]
    )
    assert plain == upper
    assert composed == decomposed
    assert cosine(decomposed, plural) > 0.4 > cosine(decomposed, other)


async def test_the_order_of_words_matters_a_little() -> None:
    one, two = await HashingEmbeddings().embed(["dog bites man", "man bites dog"])
    assert 0.7 < cosine(one, two) < 0.999


def test_the_vectors_are_the_same_in_every_process() -> None:
    code = (
        "import asyncio\n"
        "from geppetto.embeddings.hashing import HashingEmbeddings as H\n"
        "print(asyncio.run(H(16).embed(['Grüße, 世界! the quick brown fox 42'])))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


async def test_the_vectors_are_the_same_on_every_machine() -> None:
    """Written down once. A change here makes every stored vector worthless: then the model needs a new name."""
    [vector] = await HashingEmbeddings(16).embed(["fuchs & 世界"])
    assert [round(number, 12) for number in vector] == GOLDEN


GOLDEN = [
    0.0,
    -0.294174202707,
    -0.294174202707,
    0.294174202707,
    0.0,
    0.392232270276,
    0.0,
    -0.392232270276,
    0.0,
    0.0,
    -0.588348405415,
    0.0,
    0.0,
    0.0,
    0.0,
    -0.294174202707,
]


async def test_ten_thousand_short_texts_all_get_their_own_vector() -> None:
    texts = [f"document number {n} about topic {n % 97} and the state of the harbour" for n in range(10_000)]
    vectors = await HashingEmbeddings().embed(texts)
    assert len({tuple(vector) for vector in vectors}) == 10_000


async def test_a_text_of_ten_megabytes_leaves_the_event_loop_running() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    [vector] = await HashingEmbeddings().embed(["lorem ipsum dolor sit amet " * 380_000])
    task.cancel()
    assert math.isclose(cosine(vector, vector), 1)
    assert turns > 500


async def test_one_endless_word_is_fine_too() -> None:
    [vector] = await HashingEmbeddings().embed(["a" * 1_000_000])
    assert math.isclose(cosine(vector, vector), 1)


async def test_cancelling_stops_the_work() -> None:
    task = asyncio.create_task(HashingEmbeddings().embed(["some words of text " * 20_000] * 1000))
    await asyncio.sleep(0)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert time.monotonic() - started < 5  # all of it would take minutes


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([""], "the text to embed is empty"),
        (["fine", " \n\t"], "text 2 of 2 to embed is empty"),
        ([None], "should be a string, not NoneType"),
        (["fine", 7], "text 2 of 2 to embed should be a string, not int"),
        ([b"bytes"], "not bytes"),
        ("one text", "takes a list of texts"),
    ],
)
async def test_bad_texts_are_refused(texts: list[str], words: str) -> None:
    with pytest.raises(EmbeddingsError, match=words):
        await HashingEmbeddings().embed(texts)


@pytest.mark.parametrize("dimensions", [-1, 0, 15, 8193])
def test_impossible_dimensions_are_refused(dimensions: int) -> None:
    with pytest.raises(EmbeddingsError, match="16 to 8192"):
        HashingEmbeddings(dimensions)


@given(st.text(min_size=1).filter(str.strip), st.sampled_from([16, 100, 256]))
@settings(deadline=None)
def test_every_text_has_a_direction(text: str, dimensions: int) -> None:
    provider = HashingEmbeddings(dimensions)
    [vector], [again] = asyncio.run(_twice(provider, text))
    assert vector == again
    assert math.isclose(cosine(vector, vector), 1)


async def _twice(provider: HashingEmbeddings, text: str) -> tuple[list[list[float]], list[list[float]]]:
    return await provider.embed([text]), await provider.embed([text])


async def test_lone_surrogates_as_javascript_may_send_them() -> None:
    [vector] = await HashingEmbeddings().embed(["\ud800 half"])
    assert math.isclose(cosine(vector, vector), 1)
