"""What the user prefers of TypeScript, from the editor's settings: inlay hints, quotes, imports, formatting."""

from collections.abc import Iterable

from geppetto.json_value import JsonObject, JsonValue
from geppetto.lsp.typescript.shadow import CONFIG_NAME

SECTIONS = ("typescript", "javascript", "js/ts")
"""Of the editor's settings, the weakest first. The TypeScript server has one set for both languages; scripts are mostly
JavaScript."""

PROJECT_PREFERENCES: JsonObject = {
    "customConfigFileName": CONFIG_NAME,
    # Or it runs npm, at the start of every editor, to fetch typings of packages that scripts cannot import.
    "disableAutomaticTypeAcquisition": True,
}
"""What holds whatever the user prefers."""

_KNOWN = ("format", "inlayHints", "preferences", "suggest", "referencesCodeLens", "implementationsCodeLens")
"""What scripts have a use for. Not `validate`, with which people silence a server beside this one."""


def preferences(sections: Iterable[JsonValue]) -> JsonObject:
    """One set of preferences out of the sections' values, in the order of `SECTIONS`; what is no object is left out."""
    merged: JsonObject = {}
    for section in sections:
        if isinstance(section, dict):
            known: JsonObject = {
                name: section[name] for name in _KNOWN if isinstance(section.get(name), dict)
            }
            merged = _over(merged, known)
    return merged


def _over(weaker: JsonObject, stronger: JsonObject) -> JsonObject:
    merged = dict(weaker)
    for key, value in stronger.items():
        below = merged.get(key)
        if value is not None:
            merged[key] = (
                _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
            )
    return merged


def configuration(chosen: JsonObject) -> JsonObject:
    """The parameters of didChangeConfiguration that tell the TypeScript server of preferences.

    They take the place of all that it was told before, so that ours, of `offer`, go along.
    """
    ours: JsonObject = {"preferences": {"importModuleSpecifierEnding": "js"}}
    whole: JsonObject = {**_over(ours, chosen), **PROJECT_PREFERENCES}
    return {"settings": {"js/ts": whole}}
