"""Importing Python code of the user's own. Whatever happens there becomes a message with a place."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from geppetto.plugins.errors import PluginError

if TYPE_CHECKING:
    from geppetto.plugins.declared import Plugin

Value = TypeVar("Value")


def load(plugin: Plugin) -> object:
    """What the plugin's name means, imported.

    Modules are looked for among the installed packages and in the folder of the `geppetto.toml` that names them.

    Raises:
        PluginError: it is not trusted, or there is no such thing, or its module fails.
    """
    if not plugin.trusted:
        raise PluginError(
            f"{plugin.origin} names Python code for the {plugin.kind} {plugin.name}, and you have not said that you "
            f"trust its folder",
            hint=f"Python code can do whatever you can. If you trust it: geppetto trust '{plugin.folder}'",
        )
    module_name, _, path = plugin.target.partition(":")
    found: object = guarded(plugin, lambda: _import(plugin, module_name))
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            module = sys.modules[module_name]
            raise PluginError(
                f"the {plugin.kind} {plugin.name}: {_file(module) or module_name} has no {path}",
                hint=f"{plugin.origin} names it.",
                file=_file(module),
            ) from None
    return found


def guarded(plugin: Plugin, work: Callable[[], Value]) -> Value:
    """Does something with the user's code.

    Raises:
        PluginError: that failed; names the place in the user's code.
    """
    try:
        return work()
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        file, line = _place(error, plugin.folder)
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        said = str(error.msg) if isinstance(error, SyntaxError) else str(error)
        raise PluginError(
            f"the {plugin.kind} {plugin.name}: {place}{type(error).__name__}: {said}".rstrip(": "),
            hint=f"{plugin.origin} names {plugin.target}.",
            file=file,
            line=line,
        ) from error


async def in_thread(work: Callable[[], Value]) -> Value:
    """Does something that may take long, such as an import. Nobody waits for the thread when the process ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Value] = loop.create_future()

    def settle(value: Value | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(value)  # type: ignore[arg-type]
        else:
            done.set_exception(error)

    def run() -> None:
        value: Value | None = None
        error: BaseException | None = None
        try:
            value = work()
        except BaseException as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name="geppetto import", daemon=True).start()
    return await done


def _import(plugin: Plugin, name: str) -> ModuleType:
    folder = plugin.folder
    if folder is not None and str(folder) not in sys.path:
        # Last: a file that happens to be called like a package must not take its place for the rest of the process.
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        where = f"in {folder} or " if folder is not None else ""
        raise PluginError(
            f"the {plugin.kind} {plugin.name}: there is no module {error.name} {where}among the installed packages",
            hint=f"{plugin.origin} names {plugin.target}; packages have to be installed where Geppetto is: "
            f"{sys.executable}",
        ) from None
    _check_place(plugin, name, module)
    return module


def _check_place(plugin: Plugin, name: str, module: ModuleType) -> None:
    """Another module of the same name must not pass for the one that was meant."""
    folder, file = plugin.folder, _file(module)
    if folder is None or file is None or Path(file).resolve().is_relative_to(folder):
        return
    top = folder / name.partition(".")[0]
    if top.with_suffix(".py").is_file() or (top / "__init__.py").is_file():
        raise PluginError(
            f"the {plugin.kind} {plugin.name}: the module {name} is {file}, and not the one in {folder}",
            hint=f"Give yours another name, there and in {plugin.origin}.",
        )


def _file(module: ModuleType) -> str | None:
    return getattr(module, "__file__", None)


def _place(error: BaseException, folder: Path | None) -> tuple[str | None, int | None]:
    """The last place in the user's folder, or else in whatever is neither ours nor the import machinery."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    ours = Path(__file__).parent.parent
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not Path(frame.filename).is_relative_to(ours)
    ]
    own = [frame for frame in frames if folder is not None and Path(frame.filename).is_relative_to(folder)]
    outside = [frame for frame in frames if "importlib" not in Path(frame.filename).parts]
    return next(((frame.filename, frame.lineno) for frame in reversed(own or outside)), (None, None))
