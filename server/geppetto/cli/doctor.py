"""Looks at everything Geppetto needs, and says what to do about what is missing."""

import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from geppetto import __version__, resources
from geppetto.cli import exit_codes
from geppetto.cli.errors import may_color
from geppetto.errors import GeppettoError

State: TypeAlias = Literal["ok", "note", "missing"]

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("✓", "\x1b[32m"),
    "note": ("·", "\x1b[2m"),
    "missing": ("✗", "\x1b[31m"),
}
_EXTRAS = {"openai": "openai", "anthropic": "claude"}
_ISOLATE_SECONDS = 20
_TSC_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: `note` is fine but worth knowing; `missing` keeps Geppetto from working.
        hint: what to do about it; empty when nothing is to be done.
    """

    name: str
    state: State
    detail: str
    hint: str = ""


def examine(folder: Path) -> list[Finding]:
    """Looks at the installation, and at the settings of a folder."""
    return [
        Finding(
            "Geppetto",
            "ok",
            f"{__version__}, Python {platform.python_version()} on {platform.platform(terse=True)}",
        ),
        _found("V8", _v8),
        _found("TypeScript", _typescript),
        _found("prelude", lambda: str(resources.prelude_path())),
        _found("typings", lambda: str(resources.typings_path())),
        *_settings(folder),
        *_python_code(folder),
        *_extras(),
    ]


def print_report(findings: list[Finding], *, as_json: bool) -> int:
    """Prints the findings; returns the exit code."""
    works = all(finding.state != "missing" for finding in findings)
    if as_json:
        report = {"ok": works, "findings": [asdict(finding) for finding in findings]}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        color = may_color(sys.stdout.isatty())
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark, style = _MARKS[finding.state]
            if color:
                mark = f"{style}{mark}\x1b[0m"
            indented = finding.detail.replace("\n", "\n" + " " * (width + 4))
            sys.stdout.write(f"{mark} {finding.name:<{width}}  {indented}\n")
            if finding.hint:
                sys.stdout.write(f"  {'':<{width}}  → {finding.hint}\n")
    return exit_codes.OK if works else exit_codes.SCRIPT_ERROR


def _found(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "ok", look())
    except GeppettoError as error:
        return Finding(name, "missing", str(error), error.hint or "")


_PROBE = """
import asyncio
from pathlib import Path
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.script import Script
from geppetto.runtime.output import ConsoleLine

async def main():
    def show(output):
        if isinstance(output, ConsoleLine):
            print(output.text)
    async with RuntimeEngine(output=show) as engine:
        outcome = await engine.run(Script(Path("doctor.js"), "console.log(6 * 7)"))
    raise SystemExit(outcome.kind != "ok")

asyncio.run(main())
"""


def _v8() -> str:
    """Runs a script in a process of its own: a V8 that does not work may take the process with it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("mini-racer")
    except PackageNotFoundError:
        raise GeppettoError("mini-racer is not installed", hint="pip install mini-racer") from None
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_ISOLATE_SECONDS,
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise GeppettoError(f"a first script took longer than {_ISOLATE_SECONDS} s") from None
    if done.returncode != 0 or done.stdout.strip() != "42":
        last = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise GeppettoError(
            f"a first script does not run: {last}", hint="Install Geppetto again, or run `make setup`."
        )
    return f"runs scripts (mini-racer {installed})"


def _typescript() -> str:
    path = resources.tsc_path()
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_TSC_SECONDS, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GeppettoError(f"{path} does not start: {error}", hint="Install Geppetto again.") from None
    if done.returncode != 0:
        raise GeppettoError(f"{path} fails with exit code {done.returncode}: {done.stderr.strip()}")
    return f"{done.stdout.strip().removeprefix('Version ')} ({path})"


def _settings(folder: Path) -> Iterator[Finding]:
    from geppetto.settings.find import find_config_files, find_env_file, is_configured, user_file

    files = find_config_files(folder)
    if env_file := find_env_file(folder):
        files.insert(0, env_file)
    if files:
        yield Finding("settings files", "ok", "\n".join(map(str, files)))
    else:
        yield Finding("settings files", "note", f"none; the user's would be {user_file()}")
    if not is_configured(folder, os.environ):
        yield Finding(
            "chat",
            "note",
            "echo: nothing is configured",
            "`geppetto init --config` writes a geppetto.toml to start from.",
        )
        return
    from geppetto.settings.load import load_settings

    try:
        settings = load_settings(folder)
    except GeppettoError as error:
        yield Finding("settings", "missing", str(error), error.hint or "")
        return
    chat = settings.steps.chat
    model = f", model {chat.model}" if chat.model else ""
    yield Finding("chat", "ok", f"{chat.provider}{model} ({settings.origin_of('chat.provider')})")
    for notice in settings.notices:
        yield Finding("settings", "note", notice)
    masked = {row.key: row.value for row in settings.rows()}
    for key in ("openai.api_key", "claude.api_key"):
        if masked.get(key):
            yield Finding(key, "ok", f"{masked[key]} ({settings.origin_of(key)})")


def _python_code(folder: Path) -> Iterator[Finding]:
    """Steps and tools in Python, without importing any."""
    from geppetto.plugins.declared import declared

    try:
        found = declared(folder)
    except GeppettoError:
        return  # the settings are wrong, which has been told
    for plugin in found:
        name, detail = f"{plugin.kind} {plugin.name}", f"{plugin.target} ({plugin.origin})"
        if plugin.trusted:
            yield Finding(name, "ok", detail)
        else:
            yield Finding(name, "note", f"not trusted: {detail}", f"geppetto trust '{plugin.folder}'")
    for problem in found.problems:
        yield Finding("steps", "note", problem)


def _extras() -> Iterator[Finding]:
    for module, extra in _EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            yield Finding(f"extra {extra}", "ok", "installed")
        else:
            yield Finding(f"extra {extra}", "note", f"not installed: pip install 'geppetto[{extra}]'")
