"""What a check reports."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from geppetto.lsp.documents.text import Range
from geppetto.lsp.lint.rules import Severity

Source: TypeAlias = Literal["geppetto", "typescript"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in one place.

    Attributes:
        path: of the script, absolute.
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
        return self.range.start, self.range.end, self.severity, self.code, self.message


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

    def count(self, severity: Severity) -> int:
        return sum(problem.severity is severity for problem in self.problems)

    def reaches(self, severity: Severity) -> bool:
        """Whether anything is as bad as that, or worse."""
        return any(problem.severity <= severity for problem in self.problems)
