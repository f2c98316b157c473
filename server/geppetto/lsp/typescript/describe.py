"""The process that imports a folder's Python steps to tell their types; it ends when it has told them.

So whatever their code does when it is imported, it does to nobody else.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from geppetto.errors import GeppettoError
from geppetto.runtime.parent import die_with_parent


def main(arguments: Sequence[str]) -> None:
    """Writes the typings of a folder into a file, as JSON. The arguments: folder, file, the parent's process id."""
    folder, target, parent = arguments
    die_with_parent(int(parent))
    from geppetto.plugins.declared import declared
    from geppetto.plugins.typings import Typings, make_typings

    try:
        typings = make_typings(declared(Path(folder)))
    except GeppettoError as error:
        typings = Typings(problems=[str(error)])
    Path(target).write_text(json.dumps(asdict(typings)), "utf-8")
    sys.stderr.flush()
    os._exit(0)  # without waiting for threads that the imported code has started


if __name__ == "__main__":
    main(sys.argv[1:])
