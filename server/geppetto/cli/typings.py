"""What `geppetto typings` prints."""

import asyncio
from pathlib import Path

from geppetto.cli.errors import show
from geppetto.resources import typings_path
from geppetto.settings.find import CONFIG_NAME


def all_typings(folder: Path) -> str:
    """The typings of the API, and those of the steps in Python that a folder has; what is wrong is told.

    Raises:
        GeppettoError: Geppetto's own typings are missing.
    """
    from geppetto.lsp.typescript.python_types import typings_of

    text = typings_path().read_text("utf-8")
    typings, _ = asyncio.run(typings_of(folder.resolve()))
    for problem in typings.problems:
        show(problem)
    for untrusted in typings.untrusted:
        show(
            f"{untrusted}/{CONFIG_NAME} names steps in Python, whose types are not known.",
            hint=f"If you trust their code: geppetto trust '{untrusted}'",
        )
    return f"{text}\n{typings.text}" if typings.text else text
