"""What can be wrong with the settings, with the place where it is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geppetto.errors import GeppettoError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place.

    Attributes:
        message: what is wrong, and what is allowed; one line, never with the text of a key.
        key: dotted name of the setting, such as `chat.temperature`; empty when the whole file is meant.
        origin: for people: `/home/ada/geppetto.toml:3`, `environment variable GEPPETTO_CHAT_MODEL`, …
        path, line, column: the place, if it is in a file; line and column count from 1.
    """

    message: str
    key: str = ""
    origin: str = ""
    path: Path | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.origin, self.key, self.message) if part)


class SettingsError(GeppettoError):
    """The settings cannot be used. The message lists every problem, a line each."""

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = tuple(problems)
