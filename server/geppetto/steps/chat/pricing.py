"""What tokens cost: a small, dated table of list prices, which settings can override."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

_MILLION = 1_000_000

# gpt-4o-2024-08-06, claude-haiku-4-5-20251001, claude-opus-4-1@20250805, …-latest
_VERSION = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens.

    Attributes:
        cached: input that the provider had in its cache; None: as other input.
        cache_write: input that it wrote to its cache; None: as other input.
        long_from: above this many tokens of input, `long` holds for the whole request.
    """

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    long_from: int | None = None
    long: "Price | None" = None

    def cost(self, tokens: "Tokens") -> float:
        """US dollars for one request."""
        if self.long is not None and self.long_from is not None and tokens.input > self.long_from:
            return self.long.cost(tokens)
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        fresh = max(0, tokens.input - tokens.cached - tokens.written)
        dollars = fresh * self.input + tokens.cached * cached + tokens.written * written
        return (dollars + tokens.output * self.output) / _MILLION


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one request used. `input` is everything that was sent, `cached` and `written` parts of it."""

    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0


class Prices:
    """Prices by the name of the model. An unknown model has none, and its cost is unknown rather than zero."""

    def __init__(self, overrides: Mapping[str, Price] | None = None) -> None:
        """
        Args:
            overrides: go before the built-in table.
        """
        self._prices = {**built_in_prices(), **(overrides or {})}

    def of(self, model: str) -> Price | None:
        """The price of a model: by its name, without the version at its end, without the vendor before a slash."""
        names = [model, without_version(model)]
        names += [name.rpartition("/")[2] for name in names]
        for name in names:
            if name in self._prices:
                return self._prices[name]
        return None

    def cost(self, model: str, tokens: Tokens) -> float | None:
        """US dollars for one request, None if the price is not known."""
        price = self.of(model)
        return None if price is None else price.cost(tokens)


def without_version(model: str) -> str:
    """A model's name without the date, or the `latest`, at its end."""
    return _VERSION.sub("", model)


@cache
def built_in_prices() -> Mapping[str, Price]:
    """The table that comes with Geppetto."""
    table = tomllib.loads(Path(__file__).with_name("prices.toml").read_text("utf-8"))
    return {
        model: _price(entry) for model, entry in cast("dict[str, dict[str, object]]", table["models"]).items()
    }


def _price(entry: Mapping[str, object]) -> Price:
    numbers = {name: float(value) for name, value in entry.items() if isinstance(value, int | float)}
    above = numbers.pop("long_from", None)
    long = entry.get("long")
    return Price(
        **numbers,
        long_from=None if above is None else int(above),
        long=_price(cast("Mapping[str, object]", long)) if isinstance(long, Mapping) else None,
    )
