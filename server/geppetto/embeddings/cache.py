"""Vectors already made, kept in memory."""

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError, EmbeddingsProvider, check_texts

# What an entry costs besides its numbers: the key, the array and their place in the dictionary.
ENTRY_OVERHEAD = 250


class CachedEmbeddings:
    """A provider that asks another one only for texts whose vectors it does not have.

    It keeps at most `max_bytes` of vectors, counted with what Python adds, and forgets those not asked for
    longest. A text that comes several times in one call is asked for once.
    """

    def __init__(self, provider: EmbeddingsProvider, max_bytes: int) -> None:
        self._provider = provider
        self._max_bytes = max_bytes
        self._vectors: OrderedDict[bytes, array[float]] = OrderedDict()
        self._bytes = 0

    @property
    def model(self) -> EmbeddingModel:
        return self._provider.model

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._bytes

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        check_texts(texts)
        keys = [_key(text) for text in texts]
        found: dict[bytes, array[float]] = {}
        missing: dict[bytes, str] = {}
        for key, text in zip(keys, texts, strict=True):
            if key in self._vectors:
                self._vectors.move_to_end(key)
                found[key] = self._vectors[key]
            else:
                missing[key] = text
        if missing:
            found |= zip(missing, await self._ask(list(missing.values())), strict=True)
            for key in missing:
                self._keep(key, found[key])
        return [found[key].tolist() for key in keys]

    async def _ask(self, texts: list[str]) -> list["array[float]"]:
        vectors = await self._provider.embed(texts)
        model = self.model
        if len(vectors) != len(texts) or any(len(vector) != model.dimensions for vector in vectors):
            lengths = sorted({len(vector) for vector in vectors})
            raise EmbeddingsError(
                f"{model.name} gave {len(vectors)} vectors of length {lengths} for {len(texts)} texts; "
                f"one of length {model.dimensions} for each was expected"
            )
        return [array("d", vector) for vector in vectors]

    def _keep(self, key: bytes, vector: "array[float]") -> None:
        cost = ENTRY_OVERHEAD + len(vector) * vector.itemsize
        if key in self._vectors or cost > self._max_bytes:
            return  # another call was faster, or it would only drive the others out
        self._vectors[key] = vector
        self._bytes += cost
        while self._bytes > self._max_bytes:
            _, dropped = self._vectors.popitem(last=False)
            self._bytes -= ENTRY_OVERHEAD + len(dropped) * dropped.itemsize


def _key(text: str) -> bytes:
    """A digest, since a text may be far larger than its vector."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
