"""Embeddings by a small model on this machine: model2vec, fast enough without a graphics card.

The model is a folder, or the name of one on the Hugging Face hub, which is then downloaded when it is first used.
"""

import asyncio
import importlib.util
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError, check_texts

if TYPE_CHECKING:
    from model2vec import StaticModel

DEFAULT_MODEL = "minishlab/potion-base-8M"

HUB_DIMENSIONS = {
    "minishlab/potion-base-2M": 64,
    "minishlab/potion-base-4M": 128,
    "minishlab/potion-base-8M": 256,
    "minishlab/potion-base-32M": 512,
    "minishlab/potion-retrieval-32M": 512,
    "minishlab/potion-multilingual-128M": 256,
}

_LONGEST_HEADER = 16 * 1024 * 1024


class LocalEmbeddings:
    """A model2vec model, loaded when the first text comes, in a thread, as is all its work."""

    def __init__(self, model: str = DEFAULT_MODEL, dimensions: int | None = None) -> None:
        """
        Args:
            model: a folder with a model2vec model, or its name on the hub.
            dimensions: the length of its vectors, where it cannot be told without loading it.

        Raises:
            EmbeddingsError: the package is missing, the folder holds no model, the length is not known.
        """
        if importlib.util.find_spec("model2vec") is None:
            raise EmbeddingsError(
                "the package model2vec, which runs local embedding models, is missing",
                hint="Install it with: pip install 'geppetto[local]'",
            )
        folder = Path(model).expanduser()
        self._source = str(folder) if folder.is_dir() else model
        known = _dimensions_of(folder) if folder.is_dir() else HUB_DIMENSIONS.get(model, dimensions)
        if known is None:
            raise EmbeddingsError(
                f'there is no folder "{model}", and how long the vectors of a model of this name are is not known',
                hint="Correct embeddings.model, or set embeddings.dimensions to the length of its vectors.",
            )
        if dimensions not in (None, known):
            raise EmbeddingsError(
                f"{model} makes vectors of {known} numbers, not {dimensions}",
                hint="Leave embeddings.dimensions out.",
            )
        self.model = EmbeddingModel(folder.name if folder.is_dir() else model, known)
        self._loaded: StaticModel | None = None
        self._lock = threading.Lock()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        check_texts(texts)
        return await asyncio.to_thread(self._embed, list(texts))

    def _embed(self, texts: list[str]) -> list[list[float]]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            # Its tokenizer speaks UTF-8, which has no lone surrogates.
            clean = [text.encode("utf-8", "replace").decode() for text in texts]
            vectors = self._loaded.encode(clean, use_multiprocessing=False)
        return cast("list[list[float]]", vectors.astype(float).tolist())

    def _load(self) -> "StaticModel":
        from model2vec import StaticModel

        try:
            model = StaticModel.from_pretrained(self._source, force_download=False)
        except Exception as error:  # its own and those of the hub, of safetensors and of the tokenizer
            raise EmbeddingsError(
                f"the model {self._source} cannot be loaded: {type(error).__name__}: {error}",
                hint="A folder should hold what model2vec's save_pretrained writes; a name should be one of the hub.",
            ) from error
        if model.dim != self.model.dimensions:
            raise EmbeddingsError(
                f"{self._source} makes vectors of {model.dim} numbers, and {self.model.dimensions} were expected",
                hint=f"Set embeddings.dimensions to {model.dim}.",
            )
        return model


def _dimensions_of(folder: Path) -> int:
    """The length of a model's vectors, from the head of its file: loading it all takes most of a second."""
    path = folder / "model.safetensors"
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= min(_LONGEST_HEADER, os.fstat(file.fileno()).st_size):
                raise ValueError("its head has an impossible length")
            shape = json.loads(file.read(length))["embeddings"]["shape"]
        rows, columns = map(int, shape)
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise EmbeddingsError(
            f"{path} is not a model of model2vec: {said}", hint="Write one with model2vec's save_pretrained."
        ) from error
    return columns if rows else 0
