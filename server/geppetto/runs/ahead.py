"""What a run needs, imported before there is one."""

from __future__ import annotations

import sys
from importlib import import_module

_MODULES = (
    "encodings.utf_16_le",
    "encodings.utf_8_sig",
    "geppetto.conversation.wire",
    "geppetto.embeddings.factory",
    "geppetto.events.publisher",
    "geppetto.events.router",
    "geppetto.plugins.declared",
    "geppetto.resources",
    "geppetto.runs.endings",
    "geppetto.runs.protocol",
    "geppetto.runtime.compiler",
    "geppetto.runtime.engine",
    "geppetto.runtime.limits",
    "geppetto.runtime.setup",
    "geppetto.runtime.syntax",
    "geppetto.settings.load",
    "geppetto.steps.cassettes.use",
    "geppetto.steps.chat.echo",
    "geppetto.steps.chat.factory",
    "geppetto.steps.chat.scripted",
    "geppetto.steps.failing",
    "geppetto.steps.run",
    "geppetto.steps.tool_calls",
    "importlib.readers",
    "importlib.resources._adapters",
    "py_mini_racer",
    "tree_sitter_javascript",
    "yaml",
)
"""Together with what they import: all that runs on most ways through the code (a test looks after it)."""


_MODULES_OF_UNIX = ("platformdirs.unix", "resource")


def import_modules() -> None:
    """Imports it: half a second of processor time."""
    for name in _MODULES if sys.platform == "win32" else (*_MODULES, *_MODULES_OF_UNIX):
        import_module(name)
