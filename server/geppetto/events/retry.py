"""How often something is tried again, and how long to wait in between."""

from dataclasses import dataclass

from geppetto.errors import GeppettoError


class Undeliverable(GeppettoError):
    """Raised by a handler to say that trying this message again will not help."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounded tries with exponential backoff.

    Attributes:
        attempts: how often a message is tried in all, at least 1.
        delay: seconds before the second try.
        factor: what each later wait is multiplied by.
        max_delay: seconds that no wait exceeds.
    """

    attempts: int = 5
    delay: float = 0.05
    factor: float = 2.0
    max_delay: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"RetryPolicy.attempts is {self.attempts}: a message is tried at least once")

    def pause(self, failures: int) -> float | None:
        """Seconds to wait after this many failures, or None when it is time to give up."""
        if failures >= self.attempts:
            return None
        # A power of a large count would overflow long before max_delay stops mattering.
        exponent = min(failures - 1, 64)
        return min(self.delay * self.factor**exponent, self.max_delay)
