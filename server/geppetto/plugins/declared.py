"""Which steps and tools in Python there are: those that the settings name, and those of installed packages.

Nothing is imported to tell it: a name may belong to a file of somebody else's workspace. See `settings.trust`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from geppetto.settings.find import find_config_files

if TYPE_CHECKING:
    from geppetto.settings.load import Settings

Kind: TypeAlias = Literal["step", "tool"]

_SECTIONS: Mapping[str, Kind] = {"steps": "step", "tools": "tool"}
_GROUPS: Mapping[str, Kind] = {"geppetto.steps": "step", "geppetto.tools": "tool"}


@dataclass(frozen=True, slots=True)
class Plugin:
    """A step or a tool, by name.

    Attributes:
        name: what scripts call the step, or models the tool.
        target: `module:name`.
        origin: who says so, for people: `/home/ada/geppetto.toml:3`, or `the package geppetto-words`.
        folder: where else than among the installed packages the module may be; None for those of packages.
        trusted: whether its code may run.
    """

    kind: Kind
    name: str
    target: str
    origin: str
    folder: Path | None = None
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Declared:
    """All of a folder.

    Attributes:
        files: the settings that were read.
        problems: what is declared and cannot be: a message each.
    """

    steps: Mapping[str, Plugin] = field(default_factory=dict[str, Plugin])
    tools: Mapping[str, Plugin] = field(default_factory=dict[str, Plugin])
    files: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps or self.tools or self.problems)

    def __iter__(self) -> Iterator[Plugin]:
        return iter([*self.steps.values(), *self.tools.values()])


def declared(folder: Path, profile: str | None = None, env: Mapping[str, str] | None = None) -> Declared:
    """What scripts in a folder have.

    Args:
        profile: of the settings.
        env: the environment; None reads the process's.

    Raises:
        SettingsError: something in the settings is wrong, and steps or tools may stand in them.
    """
    files = find_config_files(folder)
    by_kind: dict[Kind, dict[str, Plugin]] = {"step": {}, "tool": {}}
    for plugin in _of_packages():
        by_kind[plugin.kind].setdefault(plugin.name, plugin)
    if any(_mentions_python(path) for path in files):
        from geppetto.settings.load import load_settings

        for plugin in _of_settings(load_settings(folder, profile, env)):
            by_kind[plugin.kind][plugin.name] = plugin
    steps, problems = by_kind["step"], list[str]()
    if steps:
        taken = _taken_names()
        for name in sorted(steps.keys() & taken):
            problems.append(f"{steps.pop(name).origin}: a step cannot be named {name}: this name is taken")
    return Declared(steps, by_kind["tool"], tuple(files), tuple(problems))


def _of_settings(settings: Settings) -> Iterator[Plugin]:
    from geppetto.settings.find import user_file
    from geppetto.settings.trust import is_folder_trusted, is_personal

    mine = user_file()
    for section, kind in _SECTIONS.items():
        named: Mapping[str, str] = getattr(settings.steps, section).by_name
        for name, target in named.items():
            origin = settings.origin_of(f"{section}.{name}")
            folder = None if origin.path is None else origin.path.parent.resolve()
            trusted = is_personal(origin, mine) or (
                folder is not None and is_folder_trusted(folder, settings.trusted_folders)
            )
            yield Plugin(kind, name, target, str(origin), folder, trusted)


def _of_packages() -> Iterator[Plugin]:
    """The entry points of installed packages. What is installed was trusted when it was installed."""
    if not _any_package_has_some():
        return
    from importlib.metadata import entry_points

    for group, kind in _GROUPS.items():
        for each in entry_points(group=group):
            package = each.dist.name if each.dist is not None else "?"
            yield Plugin(kind, each.name, each.value, f"the package {package}")


def _any_package_has_some() -> bool:
    """Looks at the files themselves: what the standard library has for this takes ten times as long to import."""
    for folder in dict.fromkeys(sys.path):
        try:
            entries = list(os.scandir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(entry.path, "entry_points.txt"), "rb") as file:
                        if b"[geppetto." in file.read():
                            return True
                except OSError:
                    continue
    return False


def _mentions_python(path: Path) -> bool:
    """Whether it is worth reading a settings file; most name no Python, and reading takes imports."""
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return b"steps" in text or b"tools" in text


def _taken_names() -> set[str]:
    """What scripts find without plugins, and what JavaScript does not take for a name."""
    from geppetto.resources import typings_path

    text = typings_path().read_text("utf-8")
    declared = cast("list[str]", re.findall(r"^declare (?:const|class|function) (\w+)", text, re.MULTILINE))
    return {*_JAVASCRIPT, *declared}


_JAVASCRIPT = frozenset(
    """
    await break case catch class const continue debugger default delete do else enum export extends false finally for
    function if implements import in instanceof interface let new null package private protected public return static
    super switch this throw true try typeof var void while with yield async of arguments eval
    globalThis Infinity NaN undefined isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent encodeURI
    encodeURIComponent escape unescape AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt
    BigInt64Array BigUint64Array Boolean DataView Date DisposableStack Error EvalError FinalizationRegistry
    Float16Array Float32Array Float64Array Function Int16Array Int32Array Int8Array Intl Iterator JSON Map Math Number
    Object Promise Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String SuppressedError Symbol
    SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet
    WebAssembly
    """.split()
)
