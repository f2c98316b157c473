"""Compiles TypeScript and ES modules to CommonJS with the native TypeScript compiler, and remembers.

Each file is compiled alone, so what comes out depends on its text only and is cached under its hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from geppetto.runtime.imports import needs_compiler
from geppetto.runtime.parent import die_with_parent
from geppetto.runtime.script import ModuleError
from geppetto.runtime.source import OriginalFile
from geppetto.runtime.sourcemap import split_inline_map
from geppetto.temporary import temporary_prefix

_TIMEOUT_SECONDS = 60.0
_MAX_CACHED_FILES = 1000
_DIAGNOSTIC = re.compile(
    r"^(?P<file>.+?)\((?P<line>\d+),(?P<column>\d+)\): error TS(?P<code>1\d{3}): (?P<message>.*)$",
    re.MULTILINE,
)
# es2025 and not esnext, so that what V8 does not have yet (decorators) is made into what it has.
_OPTIONS = (
    "--ignoreConfig --module commonjs --moduleResolution bundler --target es2025 --noCheck --noLib --noResolve "
    "--allowJs --inlineSourceMap --resolveJsonModule --esModuleInterop --allowImportingTsExtensions "
    "--moduleDetection force --pretty false --types"
).split() + [""]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compiled:
    """JavaScript that V8 can run, and the mappings back to its source (empty if it is the source)."""

    text: str
    mappings: str


async def compile_modules(files: Sequence[tuple[Path, OriginalFile]]) -> list[Compiled]:
    """Compiles what needs it, all in one run of the compiler; the rest is returned as it is.

    Raises:
        ModuleError: a file has a syntax error (with its place), or the compiler is missing.
    """
    results: dict[int, Compiled] = {}
    wanted: list[int] = []
    for index, (path, file) in enumerate(files):
        if not needs_compiler(path, file.text):
            results[index] = Compiled(file.text, "")
        elif (cached := _read_cache(path, file)) is not None:
            results[index] = cached
        else:
            wanted.append(index)
    if wanted:
        compiled = await _run([files[index] for index in wanted])
        for index, result in zip(wanted, compiled, strict=True):
            _write_cache(*files[index], result)
            results[index] = result
    return [results[index] for index in range(len(files))]


async def _run(files: Sequence[tuple[Path, OriginalFile]]) -> list[Compiled]:
    from geppetto.resources import tsc_path

    with tempfile.TemporaryDirectory(prefix=temporary_prefix("compiler")) as folder:
        # Copies under plain names: the text may not be saved, and the path may hold anything.
        names = [f"{number}{_suffix(path)}" for number, (path, _) in enumerate(files)]
        _write_copies(folder, names, files)
        output = await _output(
            [os.fspath(tsc_path()), *_OPTIONS, "--rootDir", ".", "--outDir", "out", *names], folder
        )
        # The compiler misses its library on purpose; only errors of syntax (TS1…) count.
        for match in _DIAGNOSTIC.finditer(output):
            _, file = files[names.index(match["file"])]
            offset = file.v8_index.offset(int(match["line"]) - 1, int(match["column"]) - 1)
            raise ModuleError(match["message"], name="SyntaxError", place=file.place(offset), source=file)
        compiled: list[Compiled] = []
        for name, (path, _) in zip(names, files, strict=True):
            made = Path(folder, "out", name).with_suffix(".js")
            try:
                compiled.append(Compiled(*split_inline_map(made.read_text("utf-8"))))
            except FileNotFoundError:
                raise ModuleError(
                    f"The TypeScript compiler made nothing of {path}: {output.strip()}"
                ) from None
        return compiled


def _write_copies(folder: str, names: Sequence[str], files: Sequence[tuple[Path, OriginalFile]]) -> None:
    for name, (_, file) in zip(names, files, strict=True):
        Path(folder, name).write_text(file.text, "utf-8", errors="surrogatepass", newline="")


async def _output(command: Sequence[str], folder: str) -> str:
    """What a command prints. It ends with us: when we are cancelled, and when this process is killed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            preexec_fn=partial(die_with_parent, os.getpid()) if os.name == "posix" else None,
        )
    except OSError as error:
        raise ModuleError(
            f"The TypeScript compiler cannot be started: {error}", hint="'geppetto doctor' tells more."
        ) from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT_SECONDS)
    except TimeoutError:
        raise ModuleError(f"The TypeScript compiler took longer than {_TIMEOUT_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode("utf-8", "replace")


def _suffix(path: Path) -> str:
    """The suffix the compiler sees: it would leave the imports of .mjs and .mts as they are."""
    return ".ts" if path.suffix.endswith("ts") else ".js"


def _cache_file(path: Path, file: OriginalFile) -> Path:
    from geppetto.resources import cache_dir, tsc_version

    key = "\0".join((tsc_version(), *_OPTIONS, _suffix(path), file.text)).encode("utf-8", "surrogatepass")
    return cache_dir() / "compiled" / f"{hashlib.sha256(key).hexdigest()}.json"


def _read_cache(path: Path, file: OriginalFile) -> Compiled | None:
    try:
        text, mappings = json.loads(_cache_file(path, file).read_bytes())
    except (OSError, ValueError):
        return None  # missing or damaged: compile again
    return Compiled(text, mappings) if isinstance(text, str) and isinstance(mappings, str) else None


def _write_cache(path: Path, file: OriginalFile, compiled: Compiled) -> None:
    target = _cache_file(path, file)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _prune(target.parent)
        temporary = target.with_name(f"{target.name}.{os.getpid()}")
        temporary.write_text(json.dumps([compiled.text, compiled.mappings]), "utf-8")
        temporary.replace(target)
    except OSError:
        return  # a folder that cannot be written costs time, not the run


def _prune(folder: Path) -> None:
    """Drops the oldest half when the folder is full."""
    entries = list(folder.iterdir())
    if len(entries) < _MAX_CACHED_FILES:
        return
    for entry in sorted(entries, key=lambda entry: entry.stat().st_mtime)[: len(entries) // 2]:
        entry.unlink(missing_ok=True)
