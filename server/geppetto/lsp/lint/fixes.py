"""Fixes as changes of a text: in the editor, and by `geppetto check --fix`."""

from collections.abc import Iterable

from geppetto.lsp.documents.text import Edit, Range, Text
from geppetto.lsp.lint.findings import Finding, Fix


def range_of(text: Text, finding: Finding) -> Range:
    return Range(text.position_at(finding.start), text.position_at(finding.end))


def edits_of(text: Text, fix: Fix) -> list[Edit]:
    """The changes that a fix makes, all of them in terms of the same text."""
    return [
        Edit(Range(text.position_at(each.start), text.position_at(each.end)), each.text)
        for each in fix.replacements
    ]


def text_with(text: Text, fixes: Iterable[Fix]) -> Text:
    """The text with fixes that do not overlap."""
    edits = [(edit.range, edit) for fix in fixes for edit in edits_of(text, fix) if edit.range is not None]
    ordered = sorted(edits, key=lambda each: (each[0].start, each[0].end))
    # From the end, so that no change moves the place of another.
    return text.edited(edit for _, edit in reversed(ordered))[0]
