"""Embeddings without a model, a key or a network: feature hashing.

Texts that share words, neighbouring words or parts of words come out near each other. It knows no synonyms, so it
is for trying things out and for tests; the model's name says what it is. The vectors are the same in every
process and on every machine: only integers are summed, in a fixed order.
"""

import asyncio
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from zlib import crc32

from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError, check_texts

WORD_WEIGHT = 4
PAIR_WEIGHT = 3
PART_WEIGHT = 3
PART_LENGTH = 3

# A longer run of letters is cut, so that one endless word cannot fill the cache.
_WORD = re.compile(r"\w{1,40}")
_SIGN = re.compile(r"\S{1,40}")
# Words between two pauses in which others get the event loop: a few milliseconds.
_SLICE = 2000


class HashingEmbeddings:
    """Offline embeddings of a given length, 16 to 8192."""

    def __init__(self, dimensions: int = 256) -> None:
        if not 16 <= dimensions <= 8192:
            raise EmbeddingsError(f"hashing makes vectors of 16 to 8192 dimensions, not {dimensions}")
        self.model = EmbeddingModel(f"hashing-{dimensions}", dimensions)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        check_texts(texts)
        vectors: list[list[float]] = []
        done = 0
        for text in texts:
            sums = [0] * self.model.dimensions
            previous = ""
            words = _words(text)
            while part := list(islice(words, _SLICE)):
                previous = _add(sums, part, previous)
                done += len(part)
                if done >= _SLICE:
                    done = 0
                    await asyncio.sleep(0)
            vectors.append(_unit(sums))
        return vectors


def _words(text: str) -> Iterator[str]:
    text = unicodedata.normalize("NFKC", text).casefold()
    # A text of nothing but punctuation has no words; its signs have to do.
    pattern = _WORD if _WORD.search(text) else _SIGN
    return (match[0] for match in pattern.finditer(text))


def _add(sums: list[int], words: Sequence[str], previous: str) -> str:
    size = len(sums)
    for word in words:
        for hashed, weight in _features(word):
            sums[hashed % size] += weight
        if previous:
            hashed, sign = _hash(f"{previous} {word}")
            sums[hashed % size] += sign * PAIR_WEIGHT
        previous = word
    return previous


@lru_cache(maxsize=1 << 15)
def _features(word: str) -> tuple[tuple[int, int], ...]:
    """Hash and signed weight of a word and of its parts. Words come again and again, hence the cache."""
    framed = f"<{word}>"
    parts = {framed[at : at + PART_LENGTH] for at in range(len(framed) - PART_LENGTH + 1)}
    weights = [(word, WORD_WEIGHT), *((part, PART_WEIGHT) for part in sorted(parts))]
    return tuple((hashed, sign * weight) for text, weight in weights for hashed, sign in [_hash(text)])


def _hash(feature: str) -> tuple[int, int]:
    """Where a feature counts, and whether up or down: so that two that meet by chance do not always add up."""
    value = crc32(feature.encode("utf-8", "surrogatepass"))
    return value >> 1, 1 if value & 1 else -1


def _unit(sums: Sequence[int]) -> list[float]:
    length = math.sqrt(sum(number * number for number in sums))
    # Features of opposite sign can cancel out, in theory; a vector of length 0 has no direction to compare.
    return [number / length for number in sums] if length else [1.0, *[0.0] * (len(sums) - 1)]
