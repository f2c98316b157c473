"""Builds what the package carries besides Python: the prelude, the native TypeScript compiler, the page's htmx.

Runs as hatchling's build hook (wheel, sdist, editable) and by hand: ``python hatch_build.py``.
npm is called only when something is missing or out of date, so a rebuild works offline.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = 20

# npm's name of the platform → the wheel's platform tag. The compiler on Linux is a static executable, so
# one wheel serves glibc and musl.
PLATFORMS = {
    "linux-x64": "manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    "linux-arm64": "manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    "darwin-x64": "macosx_11_0_x86_64",
    "darwin-arm64": "macosx_11_0_arm64",
    "win32-x64": "win_amd64",
    "win32-arm64": "win_arm64",
}


# What a wheel carries of the compiler's package, besides its `lib`.
COMPILER_FILES = ("LICENSE", "NOTICE.txt", "package.json")


class BuildProblem(Exception):
    """The build cannot go on; the message is one sentence for the person who builds."""


class Assets:
    """The files that are made rather than written, in the source tree at `root`."""

    def __init__(self, root: Path) -> None:
        self.prelude_source = root / "server" / "prelude"
        self.node_modules = self.prelude_source / "node_modules"
        self.prelude = root / "server" / "geppetto" / "runtime" / "prelude.js"
        self.prelude_licences = self.prelude.with_name("prelude.LICENSES.txt")
        self.web_source = root / "server" / "web-assets"
        self.vendor = root / "server" / "geppetto" / "_vendor"
        self.typings = root / "typings" / "geppetto.d.ts"

    def build(self, *, compiler: bool = True) -> None:
        """Makes what is missing or older than its sources."""
        if not self._prelude_is_fresh():
            self._install_node_modules(self.prelude_source)
            self._npm("geppetto: building the prelude", self.prelude_source, "run", "build", "--silent")
            for product in (self.prelude, self.prelude_licences):
                if not product.is_file():
                    raise BuildProblem(f"`npm run build` in {self.prelude_source} wrote no {product}.")
        if compiler and not self._compiler_is_fresh():
            self._install_node_modules(self.prelude_source)
            self._copy_compiler()
        if compiler and not self._htmx_is_fresh():
            self._install_node_modules(self.web_source)
            self._copy_htmx()

    # --- the prelude

    def _prelude_is_fresh(self) -> bool:
        if not (self.prelude.is_file() and self.prelude_licences.is_file()):
            return False
        built = self.prelude.stat().st_mtime
        return all(source.stat().st_mtime <= built for source in self._prelude_sources())

    def _prelude_sources(self) -> Iterator[Path]:
        for folder, folders, files in os.walk(self.prelude_source):
            folders[:] = [
                name for name in folders if name not in {"node_modules", "test", "tests", "typings-test"}
            ]
            yield from (Path(folder, name) for name in files if not name.endswith(".md"))

    # --- the compiler

    def _compiler_is_fresh(self) -> bool:
        copied = self.vendor / "typescript" / "package.json"
        return (
            copied.is_file()
            and json.loads(copied.read_text(encoding="utf-8"))["version"] == self._locked_version()
        )

    def _locked_version(self) -> str:
        lock = json.loads((self.prelude_source / "package-lock.json").read_text(encoding="utf-8"))
        package = f"node_modules/@typescript/typescript-{npm_platform()}"
        try:
            return str(lock["packages"][package]["version"])
        except KeyError:
            raise BuildProblem(
                f"server/prelude/package-lock.json has no native TypeScript for this platform ({npm_platform()})."
            ) from None

    def _copy_compiler(self) -> None:
        source = self.node_modules / "@typescript" / f"typescript-{npm_platform()}"
        if not source.is_dir():
            raise BuildProblem(
                f"npm did not install {source.relative_to(self.node_modules)}: "
                "run `npm ci --include=optional` in server/prelude, then try again."
            )
        with self._fresh_vendor("typescript") as fresh:
            shutil.copytree(source / "lib", fresh / "lib")
            for name in COMPILER_FILES:
                shutil.copyfile(source / name, fresh / name)

    # --- htmx

    def _htmx_is_fresh(self) -> bool:
        copied = self.vendor / "htmx" / "package.json"
        lock = json.loads((self.web_source / "package-lock.json").read_text(encoding="utf-8"))
        locked = lock["packages"]["node_modules/htmx.org"]["version"]
        return copied.is_file() and json.loads(copied.read_text(encoding="utf-8"))["version"] == locked

    def _copy_htmx(self) -> None:
        source = self.web_source / "node_modules" / "htmx.org"
        with self._fresh_vendor("htmx") as fresh:
            for name in ("dist/htmx.min.js", "dist/ext/hx-sse.min.js", "LICENSE", "package.json"):
                shutil.copyfile(source / name, fresh / Path(name).name)

    @contextmanager
    def _fresh_vendor(self, name: str) -> Iterator[Path]:
        """A folder that takes the place of `_vendor/name` when it is full: nobody ever sees half of it."""
        self.vendor.mkdir(exist_ok=True)
        target = self.vendor / name
        fresh = self.vendor / f".{name}-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        yield fresh
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)

    # --- npm

    def _install_node_modules(self, project: Path) -> None:
        lock = project / "package-lock.json"
        installed = project / "node_modules" / ".package-lock.json"
        if installed.is_file() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return
        quiet = ("--no-audit", "--no-fund", "--loglevel=error")
        self._npm(f"geppetto: npm ci in server/{project.name}", project, "ci", *quiet)

    def _npm(self, announcement: str, project: Path, *arguments: str) -> None:
        npm = find_npm()
        print(announcement, file=sys.stderr)
        run(npm, *arguments, cwd=project)


def run(*command: str, cwd: Path) -> None:
    """Runs a command; what it says is shown only if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        print(done.stdout.rstrip(), file=sys.stderr)
        shown = " ".join([Path(command[0]).stem, *command[1:]])
        raise BuildProblem(
            f"`{shown}` failed in {cwd} with exit code {done.returncode}; what it said stands above."
        )


def find_npm() -> str:
    """The path of npm, beside a Node that is new enough."""
    need = f"Building Geppetto from source needs Node.js {OLDEST_NODE} or newer with npm"
    cure = "install it from https://nodejs.org (or install a ready-made Geppetto wheel, which needs neither)."
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing = "node" if node is None else "npm"
        raise BuildProblem(f"{need}, and `{missing}` was not found on PATH: {cure}")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    match = re.match(r"v(\d+)\.", version)
    if match is None or int(match.group(1)) < OLDEST_NODE:
        raise BuildProblem(f"{need}, and {node} is {version or 'not a working Node.js'}: {cure}")
    return npm


def npm_platform() -> str:
    """This platform as npm names it, such as ``linux-x64``."""
    # sysconfig tells what this Python was built for, which platform.machine() does not under emulation.
    target = sysconfig.get_platform().rpartition("-")[2].lower()
    machine = target if target not in {"universal2", "win32"} else platform.machine().lower()
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(machine, machine)
    name = f"{sys.platform}-{cpu}"
    if name not in PLATFORMS:
        known = ", ".join(sorted(PLATFORMS))
        raise BuildProblem(
            f"Geppetto has no native TypeScript compiler for {name} (there is one for {known})."
        )
    return name


class AssetsHook(BuildHookInterface):
    """hatchling's view of the above."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        assets = Assets(Path(self.root))
        is_wheel = self.target_name == "wheel"
        try:
            assets.build(compiler=is_wheel)
            tag = f"py3-none-{PLATFORMS[npm_platform()]}" if is_wheel else None
        except BuildProblem as problem:
            # Not raised: pip and hatch would bury the sentence in a stack trace.
            self.app.abort(f"geppetto: {problem}")
            raise SystemExit(1) from None
        if is_wheel and version == "standard":
            build_data["pure_python"] = False
            build_data["tag"] = tag
            build_data["force_include"].update(
                {
                    str(assets.prelude): "geppetto/runtime/prelude.js",
                    str(assets.prelude_licences): "geppetto/runtime/prelude.LICENSES.txt",
                    str(assets.typings): "geppetto/typings/geppetto.d.ts",
                    str(assets.vendor): "geppetto/_vendor",
                }
            )
        elif not is_wheel:
            for product in (assets.prelude, assets.prelude_licences):
                build_data["force_include"][str(product)] = f"server/geppetto/runtime/{product.name}"


if __name__ == "__main__":
    try:
        Assets(Path(__file__).resolve().parent).build()
    except BuildProblem as problem:
        sys.exit(f"geppetto: {problem}")
