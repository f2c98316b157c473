"""A run's files on their way: packed where it is asked for, laid out where it is done."""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from geppetto.errors import GeppettoError
from geppetto.runs.protocol import RunRequest
from geppetto.runtime.modules import load_program
from geppetto.runtime.script import Script, read_source
from geppetto.temporary import temporary_prefix
from geppetto.workers.wire import Job

_FILE_NAME = re.compile(
    r"""["'`](?P<name>[^"'`\n]+\.(?:png|jpe?g|webp|gif|ya?ml|json))["'`]""", re.IGNORECASE
)


async def pack(request: RunRequest, run_id: str, submitter: str) -> Job:
    """A job for a worker: the script, all that it imports, and the images and model scripts that it names.

    Raises:
        ModuleError: a module cannot be read, is outside the workspace or is not valid TypeScript.
        GeppettoError: another file cannot be read, or the run wants a cassette.
    """
    if request.cassette is not None:
        raise GeppettoError("Cassettes are recorded and played where the run is asked for, not by workers")
    main, root = _places(request)
    program = await load_program(Script(Path(request.path), request.text), root)
    text = read_source(main, request.path).text if request.text is None else request.text
    imported = {file for file, unit in program.units.items() if unit != program.main}
    named = {file for module in program.modules for file in _named(module.compiled, main.parent, root)}
    return Job(
        run_id=run_id,
        submitter=submitter,
        path=request.path,
        main=main.relative_to(root).as_posix() if main.is_relative_to(root) else main.name,
        text=text,
        root=str(root),
        files={file.relative_to(root).as_posix(): _read(file) for file in sorted(imported | named)},
        params=request.params,
        profile=request.profile,
        limits=request.limits,
    )


def _places(request: RunRequest) -> tuple[Path, Path]:
    """The script and its workspace, both resolved."""
    path = Path(request.path).absolute()
    return path.resolve(), (Path(request.root) if request.root else path.parent).resolve()


def _named(text: str, folder: Path, root: Path) -> Iterator[Path]:
    """Files of the workspace that a string of a script names: those of kinds that scripts can make use of."""
    for match in _FILE_NAME.finditer(text):
        file = (folder / match["name"]).resolve()
        if file.is_relative_to(root) and file.is_file():
            yield file


def _read(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise GeppettoError(f"{file} cannot be read: {error.strerror}") from None


class Layout:
    """A job's files in a folder of their own, which goes when the context is left."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = Path(tempfile.mkdtemp(prefix=temporary_prefix("run"))).resolve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def request(self) -> RunRequest:
        """The run, here. Writes the files.

        Raises:
            GeppettoError: a name leads out of the folder, or a file cannot be written.
        """
        job = self._job
        for name, data in job.files.items():
            path = self._inside(name)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(data))
            except (OSError, ValueError) as error:
                raise GeppettoError(f"{name} cannot be written: {error}") from None
        return RunRequest(
            path=str(self._inside(job.main)),
            text=job.text,
            root=str(self._folder),
            params=job.params,
            profile=job.profile,
            limits=job.limits,
        )

    def as_submitted(self, event_json: bytes) -> bytes:
        """An event's JSON with the submitter's names of files instead of ours."""
        ours = _inside_json(str(self._folder))
        if ours not in event_json:
            return event_json
        main = _inside_json(str(self._inside(self._job.main)))
        shown = event_json.replace(main + b'"', _inside_json(self._job.path) + b'"')
        shown = shown.replace(main + b":", _inside_json(self._job.path) + b":")
        return shown.replace(ours, _inside_json(self._job.root))

    def _inside(self, name: str) -> Path:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\0" in name:
            raise GeppettoError(f"{name!r} is no file of a workspace")
        return self._folder / parts


def _inside_json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace")
