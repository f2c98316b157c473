"""A model service: where it is, the key to it, how long to wait for it and how often to ask."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from geppetto.steps.errors import ErrorKind, StepError

MAX_SHOWN = 500
"""Characters of a service's own words in an error: some answer with a whole page."""

_LEAST_SECRET = 8
"""A shorter key is a placeholder ("none", "EMPTY", "ollama") and a word that messages need."""

_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|pk|rk|gsk|xai|AIza)[-_][\w*•.-]{6,}")


@dataclass(frozen=True, slots=True)
class Service:
    """How to reach a model service.

    Attributes:
        base_url: None for the vendor's own.
        api_key: None where none is needed, as with a local server. Never shown.
    """

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)

    def where(self, vendor: str) -> str:
        """Who is spoken to, for messages: the vendor's name, or the address of another service."""
        if self.base_url is None:
            return vendor
        parts = urlsplit(self.base_url)
        # Neither user names nor queries: some put keys there.
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

    def clean(self, text: str) -> str:
        """A text of the service, or about it, without the key, on one line and not too long."""
        for secret in self.secrets():
            text = text.replace(secret, "[key]")
        text = " ".join(_LOOKS_LIKE_A_KEY.sub("[key]", text).split())
        return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"

    def check_key(self, vendor: str, variable: str) -> None:
        """
        Raises:
            StepError: the vendor's own service without a key; a key that no request can carry.
        """
        if not self.api_key:
            if self.base_url is None:
                raise StepError(
                    f"there is no API key for {vendor}",
                    kind=ErrorKind.AUTH,
                    hint=f"Set {variable}, or use another profile; the providers echo and scripted need no key.",
                )
        elif not self.api_key.isascii() or not self.api_key.isprintable() or " " in self.api_key:
            # The HTTP library would refuse it too, and show it.
            raise StepError(
                f"the API key for {self.where(vendor)} contains a character that no key has",
                kind=ErrorKind.AUTH,
                hint="Copy it again: there may be a space, a line break or a typographic character in it.",
            )

    def secrets(self) -> list[str]:
        """What must not be shown: the key, and a password in the address, also as they are spelt in URLs."""
        secrets = [self.api_key or ""]
        if self.base_url is not None:
            secrets.append(urlsplit(self.base_url).password or "")
        long = [secret for secret in secrets if len(secret) >= _LEAST_SECRET]
        return [*long, *(quote(secret, safe="") for secret in long)]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a service; None waits until the step is cancelled.

    Attributes:
        connect: for a connection.
        first_token: from the request to the first piece of the answer. Long, since models think.
        idle: after that, while nothing at all arrives, not even a sign of life.
        total: for one answer of the model, with all attempts; a step that calls tools gets several answers.
    """

    connect: float | None = 10.0
    first_token: float | None = 300.0
    idle: float | None = 90.0
    total: float | None = 1800.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often to ask again after a failure that may pass, and how long to wait before.

    Attributes:
        attempts: in all; 1 never asks again.
        delay: seconds before the second attempt, doubled for each later one.
        max_delay: no such wait is longer.
        max_retry_after: the longest wait that a service may ask for; if it asks for more, the step fails at once.
        chance: a number from 0 to 1, so that many steps do not come back at the same moment.
    """

    attempts: int = 4
    delay: float = 0.5
    max_delay: float = 20.0
    max_retry_after: float = 60.0
    chance: Callable[[], float] = random.random

    def pause(self, failures: int, retry_after: float | None = None) -> float | None:
        """Seconds to wait after this many failures, or None to give up."""
        if failures >= self.attempts:
            return None
        # A power of a large count would overflow long before max_delay stops mattering.
        backoff = min(self.delay * 2 ** min(failures - 1, 32), self.max_delay)
        if retry_after is None:
            return backoff * (0.5 + self.chance() / 2)
        if retry_after > self.max_retry_after:
            return None
        # Not a moment earlier than asked, or the attempt is wasted.
        return retry_after + min(backoff, 1.0) * self.chance() / 4
