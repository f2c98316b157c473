"""Images that scripts add to messages: they are looked at before the model is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geppetto.lsp.lint.findings import Finding
from geppetto.lsp.lint.rules import IMAGE_MISSING, IMAGE_TOO_LARGE, IMAGE_UNSUPPORTED, Rule
from geppetto.lsp.lint.tree import Part, end_of, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

METHODS = ("addMessageWithImage", "AddMessageWithImage")
_ARGUMENT = 2
_RULES: dict[str, Rule] = {"missing": IMAGE_MISSING, "too_large": IMAGE_TOO_LARGE}
_NOT_THE_SCRIPT_S = ("permission", "unreadable", "remote")


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """A string that names an image."""

    node: Node
    value: str
    probe: int


def image_places(part: Part) -> Iterator[ImagePlace]:
    for call in part.calls_of(*METHODS):
        if len(call.arguments) > _ARGUMENT:
            node = call.arguments[_ARGUMENT]
            if (value := part.string(node)) is not None:
                yield ImagePlace(node, value, start_of(call.method))


def check(part: Part, folder: Path | None) -> Iterator[Finding]:
    """Only with a folder: an unsaved script has none that its paths could start from."""
    from geppetto.conversation.images import ImageError, load_image

    for place in image_places(part):
        if folder is None or not place.value:
            continue
        try:
            load_image(place.value, folder)
        except ImageError as error:
            if error.code in _NOT_THE_SCRIPT_S:
                continue
            rule = _RULES.get(error.code, IMAGE_UNSUPPORTED)
            message = f"{error}. {error.hint}" if error.hint else str(error)
            yield Finding(rule, start_of(place.node), end_of(place.node), message, place.probe)
