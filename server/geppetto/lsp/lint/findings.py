"""What a rule reports. Places are offsets in UTF-16 code units."""

from dataclasses import dataclass

from geppetto.lsp.lint.rules import Rule


@dataclass(frozen=True, slots=True)
class Replacement:
    """The text between two offsets becomes another."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that removes the reason of a finding."""

    title: str
    replacements: tuple[Replacement, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule found.

    Attributes:
        probe: the offset of a name that has to belong to Geppetto's API for this to count. Syntax alone cannot
            tell it from a class of the user's own.
        replaces: codes of TypeScript's diagnostics that say the same at this place, less clearly.
    """

    rule: Rule
    start: int
    end: int
    message: str
    probe: int
    fixes: tuple[Fix, ...] = ()
    replaces: frozenset[int] = frozenset()
