"""What makes vectors of texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from geppetto.errors import GeppettoError


class EmbeddingsError(GeppettoError):
    """Texts that cannot be embedded, or a provider that did not do it.

    Attributes:
        code: what kind of failure, as in the error events of steps: auth, rate_limit, network, …
    """

    def __init__(self, message: str, *, hint: str | None = None, code: str = "embeddings") -> None:
        super().__init__(message, hint=hint)
        self.code = code


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """A model's name and the length of its vectors. The same name gives the same vectors, everywhere."""

    name: str
    dimensions: int


Spent: TypeAlias = Callable[[int, int, float | None], None]
"""Told after each request: tokens of input, tokens of output (none), and US dollars if the price is known."""


class EmbeddingsProvider(Protocol):
    """Makes a vector of each text. Texts whose vectors point the same way mean the same, as far as it knows."""

    @property
    def model(self) -> EmbeddingModel: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order, each of `model.dimensions` numbers.

        Cancelling the task stops the work. An empty text is an error, as it is with the services.

        Raises:
            EmbeddingsError: a text is not one, or the provider failed.
        """
        ...


def check_texts(texts: Sequence[str]) -> None:
    """Every provider refuses the same texts: those that are none, and empty ones."""
    if isinstance(texts, str):
        raise EmbeddingsError("embed takes a list of texts, not one text")
    for index, text in enumerate(texts):
        which = f"text {index + 1} of {len(texts)}" if len(texts) > 1 else "the text"
        # Scripts are not type-checked, so anything may arrive here.
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise EmbeddingsError(f"{which} to embed should be a string, not {type(text).__name__}")
        if not text.strip():
            raise EmbeddingsError(f"{which} to embed is empty", hint="Leave empty texts out.")
