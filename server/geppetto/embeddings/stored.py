"""Vectors already made, kept in a store: so that a text is paid for once, and not once for every run."""

from array import array
from collections.abc import Sequence
from sys import byteorder

from geppetto.blob_store import BlobStore, blob_key
from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsProvider, check_texts


class StoredEmbeddings:
    """A provider that asks another one only for texts whose vectors are not in the store."""

    def __init__(self, provider: EmbeddingsProvider, store: BlobStore, space: str) -> None:
        """
        Args:
            space: who makes the vectors, such as the address of the service: another server's model of the same
                name may be another model.
        """
        self._provider = provider
        self._store = store
        self._space = space

    @property
    def model(self) -> EmbeddingModel:
        return self._provider.model

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        check_texts(texts)
        model = self.model
        keys = [blob_key(self._space, model.name, str(model.dimensions), text) for text in texts]
        stored = await self._store.get(list(dict.fromkeys(keys)))
        found: dict[bytes, list[float]] = {}
        for key, data in stored.items():
            vector = _unpacked(data)
            if vector is not None and len(vector) == model.dimensions:
                found[key] = vector
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            fresh = await self._provider.embed(list(missing.values()))
            made = dict(zip(missing, fresh, strict=True))
            await self._store.put({key: _packed(vector) for key, vector in made.items()})
            found |= made
        return [list(found[key]) for key in keys]


def _packed(vector: list[float]) -> bytes:
    """The numbers as 4 bytes each, if that is all they are, as with most services; otherwise as 8."""
    small = array("f", vector)
    numbers = small if small.tolist() == vector else array("d", vector)
    if byteorder == "big":
        numbers.byteswap()
    return numbers.typecode.encode() + numbers.tobytes()


def _unpacked(data: bytes) -> list[float] | None:
    if data[:1] not in (b"f", b"d"):
        return None
    numbers: array[float] = array("f" if data[:1] == b"f" else "d")
    if (len(data) - 1) % numbers.itemsize:
        return None
    numbers.frombytes(data[1:])
    if byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
