"""What a rule reports. Places are offsets in UTF-16 code units."""

from dataclasses import dataclass

from geppetto.json_value import JsonValue
from geppetto.lsp.lint.rules import Rule, Severity


@dataclass(frozen=True, slots=True)
class Replacement:
    """The text between two offsets becomes another."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that removes the reason of a finding.

    Attributes:
        is_safe: whether the script does afterwards what it was meant to do before, so that nobody has to look.
    """

    title: str
    replacements: tuple[Replacement, ...]
    is_safe: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found.

    Attributes:
        probe: the offset of a name that has to belong to Geppetto's API for this to count. Syntax alone cannot
            tell it from a class of the user's own. None if this is no matter of names.
        replaces: codes of TypeScript's diagnostics that say the same at this place, less clearly.
        said_from: where such a diagnostic may begin, if that is before the start.
        severity: what the settings say; None is the rule's own.
    """

    rule: Rule
    start: int
    end: int
    message: str
    probe: int | None
    fixes: tuple[Fix, ...] = ()
    replaces: frozenset[int] = frozenset()
    severity: Severity | None = None
    said_from: int | None = None

    def is_said_by(self, code: JsonValue, offset: int) -> bool:
        """Whether a diagnostic of TypeScript that begins at an offset says the same."""
        first = self.start if self.said_from is None else self.said_from
        return code in self.replaces and first <= offset <= self.start
