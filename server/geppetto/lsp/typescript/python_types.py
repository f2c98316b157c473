"""Typings of the Python steps of a folder, for the TypeScript server.

No code of the user's runs in this process: it is imported in one of its own, with a deadline, and only if it is trusted.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from geppetto.errors import GeppettoError
from geppetto.temporary import temporary_prefix

if TYPE_CHECKING:
    from geppetto.plugins.typings import Typings

IMPORT_SECONDS = 30.0
_LAST_WORDS = 2000


async def typings_of(folder: Path, *, seconds: float = IMPORT_SECONDS) -> "tuple[Typings, list[Path]]":
    """The typings of a folder, and the settings files that say what is in them.

    Whatever is wrong stands in `problems`; nothing is raised. Cancel it, and its process ends.
    """
    from geppetto.plugins.declared import declared
    from geppetto.plugins.typings import Typings, make_typings, named

    try:
        found = await asyncio.to_thread(declared, folder)
    except GeppettoError as error:
        return Typings(problems=[str(error)]), []
    files = [*found.files]
    if not any(plugin.trusted for plugin in found):
        return make_typings(found) if found else Typings(), files
    try:
        return await _in_a_process(folder, seconds), files
    except GeppettoError as error:
        typings = named(found)
        typings.problems.append(f"The types of the Python steps of {folder} are not known: {error}")
        typings.files.extend(_likely_files(plugin.target, plugin.folder) for plugin in found if plugin.folder)
        return typings, files


def _likely_files(target: str, folder: Path) -> str:
    """The file that a module is most likely in, to look again when it changes."""
    return str(folder.joinpath(*target.partition(":")[0].split("."))) + ".py"


async def _in_a_process(folder: Path, seconds: float) -> "Typings":
    with tempfile.TemporaryDirectory(prefix=temporary_prefix("types"), ignore_cleanup_errors=True) as place:
        # Files and no pipes: what the imported code leaves running may hold a pipe open for ever.
        answer, words = Path(place, "typings.json"), Path(place, "stderr")
        command = [sys.executable, "-P", "-m", "geppetto.lsp.typescript.describe"]
        with words.open("wb") as stderr:  # noqa: ASYNC230 - a new file of our own
            process = await asyncio.create_subprocess_exec(
                *command,
                str(folder),
                str(answer),
                str(os.getpid()),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=sys.platform != "win32",
                creationflags=0 if sys.platform != "win32" else subprocess.CREATE_NO_WINDOW,
            )
        try:
            async with asyncio.timeout(seconds):
                code = await process.wait()
        except TimeoutError:
            raise GeppettoError(f"to import them took longer than {seconds:g} s") from None
        finally:
            await _end(process)
        return await asyncio.to_thread(_read, answer, words, code)


def _read(answer: Path, words: Path, code: int) -> "Typings":
    from geppetto.plugins.typings import Typings

    if not answer.is_file():
        last = words.read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace").strip()
        raise GeppettoError(f"the process that imports them ended with code {code}: {last}".rstrip(": "))
    said = cast("dict[str, list[str]]", json.loads(answer.read_text("utf-8")))
    return Typings(str(said["text"]), said["problems"], said["files"], said["untrusted"])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends it, and what the imported code has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
