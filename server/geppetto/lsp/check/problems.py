"""What a check reports."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from geppetto.lsp.documents.text import Position, Range
from geppetto.lsp.lint.rules import Severity

Source: TypeAlias = Literal["geppetto", "typescript"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in one place.

    Attributes:
        path: of the script, absolute; or of a folder that cannot be read.
        code: the rule's, or TypeScript's, such as TS2304.
        is_fixable: whether `--fix` removes it.
    """

    path: Path
    range: Range
    severity: Severity
    source: Source
    code: str
    message: str
    is_fixable: bool = False

    @property
    def order(self) -> tuple[object, ...]:
        return self.path, self.range.start, self.range.end, self.severity, self.code, self.message


def unreadable(path: Path, error: OSError | UnicodeError) -> Problem:
    """A script or folder of which nothing is known."""
    if isinstance(error, OSError):
        reason = error.strerror
    else:
        reason = "its name is not UTF-8" if isinstance(error, UnicodeEncodeError) else "it is not UTF-8"
    what = "folder" if path.is_dir() else "script"
    return _about_all(path, "unreadable", f"The {what} cannot be read: {reason}.")


def unwritable(path: Path, error: OSError) -> Problem:
    """A script that could not be fixed."""
    return _about_all(path, "unwritable", f"The fixes cannot be written: {error.strerror}.")


def _about_all(path: Path, code: str, message: str) -> Problem:
    start = Position(0, 0)
    return Problem(path, Range(start, start), Severity.ERROR, "geppetto", code, message)


@dataclass(slots=True)
class Report:
    """The outcome of a check.

    Attributes:
        problems: in order of their places.
        scripts: how many were looked at.
        fixed: how many findings were removed.
    """

    problems: list[Problem] = field(default_factory=list[Problem])
    scripts: int = 0
    fixed: int = 0

    def sort(self) -> None:
        """Puts the problems in order of their places."""
        self.problems.sort(key=lambda each: each.order)

    def count(self, severity: Severity) -> int:
        return sum(problem.severity is severity for problem in self.problems)

    def reaches(self, severity: Severity) -> bool:
        """Whether anything is as bad as that, or worse."""
        return any(problem.severity <= severity for problem in self.problems)
