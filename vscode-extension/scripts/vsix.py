"""Packs the extension with the server inside: one VSIX for each platform.

    python vscode-extension/scripts/vsix.py [PLATFORM … | all]     (default: this platform)

The server travels as wheels, for every Python it runs on, with a pip to install them: the extension does so once,
offline, into its own storage (`src/bundled.ts`). Wheels of others are kept in `.cache/vscode/wheels` until the
dependencies in pyproject.toml change.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from hatch_build import COMPILER_FILES, PLATFORMS, BuildProblem, find_npm, npm_platform, run  # noqa: E402

EXTENSION = ROOT / "vscode-extension"
CACHE = ROOT / ".cache" / "vscode"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# What the bundled server can do besides its core: talk to the vendors.
EXTRAS = ("openai", "claude")
NOT_SOURCES = {"__pycache__", "node_modules", "out", "tests"}


@dataclass(frozen=True)
class Target:
    """A platform by VS Code's name, which is npm's too."""

    name: str
    tags: tuple[str, ...]  # of wheels, the best ones first
    system: str
    sys_platform: str
    os_name: str
    machine: str

    def environment(self, python: str) -> dict[str, str]:
        """What a dependency's marker sees there."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "os_name": self.os_name,
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": self.system,
            "platform_version": "",
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": self.sys_platform,
        }


def _linux(name: str, machine: str) -> Target:
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(28, 16, -1)] + [f"manylinux2014_{machine}"]
    return Target(name, tuple(tags), "Linux", "linux", "posix", machine)


def _darwin(name: str, machine: str) -> Target:
    return Target(name, (f"macosx_13_0_{machine}",), "Darwin", "darwin", "posix", machine)


TARGETS = {
    target.name: target
    for target in (
        _linux("linux-x64", "x86_64"),
        _linux("linux-arm64", "aarch64"),
        _darwin("darwin-x64", "x86_64"),
        _darwin("darwin-arm64", "arm64"),
        Target("win32-x64", ("win_amd64",), "Windows", "win32", "nt", "AMD64"),
        Target("win32-arm64", ("win_arm64",), "Windows", "win32", "nt", "ARM64"),
    )
}


def main(names: list[str]) -> int:
    every = names == ["all"]
    try:
        wanted = list(TARGETS) if every else names or [npm_platform()]
        for name in wanted:
            if name not in TARGETS:
                raise BuildProblem(f"there is no platform {name}; there are {', '.join(TARGETS)}, and all.")
        changed = newest_source()
        todo = [name for name in wanted if not is_fresh(vsix_path(name), changed)]
        if not todo:
            return 0
        CACHE.mkdir(parents=True, exist_ok=True)
        # Of its own, as others may pack too; and where the wheels are, so that they need not be copied.
        with tempfile.TemporaryDirectory(prefix="pack-", dir=CACHE) as work:
            wheel = build_wheel(Path(work))
            bundle_extension()
            missing = 0
            for name in todo:
                try:
                    pack(TARGETS[name], wheel, Path(work) / name)
                except NoWheel as problem:
                    if not every:
                        raise
                    missing += 1
                    print(f"vsix: no VSIX for {name}: {problem}", file=sys.stderr)
        return 0 if missing < len(wanted) else 1
    except BuildProblem as problem:
        print(f"vsix: {problem}", file=sys.stderr)
        return 1


class NoWheel(BuildProblem):
    """Somebody has made no wheel for a platform."""


def pack(target: Target, wheel: Path, work: Path) -> None:
    """Makes the VSIX of a platform."""
    manifest = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
    stage = work / "extension"
    ignored = shutil.ignore_patterns("node_modules", "src", "tests", "scripts", "server", "*.vsix")
    shutil.copytree(EXTENSION, stage, ignore=ignored)
    shutil.copyfile(ROOT / "LICENSE", stage / "LICENSE")
    for unneeded in ("scripts", "devDependencies", "private"):
        manifest.pop(unneeded, None)
    (stage / "package.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    (stage / "README.md").write_text(packed_readme(), encoding="utf-8")
    wheels = stage / "server" / "wheels"
    wheels.mkdir(parents=True)
    own = wheel if target.name == npm_platform() else port(wheel, target, work)
    others = complete(target, own)
    shutil.copy2(own, wheels)
    for name in others.names:
        os.link(_store(target) / name, wheels / name)
    digest = hashlib.sha256(" ".join(others.names).encode())
    digest.update(own.read_bytes())
    carried = {
        "id": f"{manifest['version']}-{digest.hexdigest()[:12]}",
        "pythons": others.pythons,
        "extras": EXTRAS,
    }
    (stage / "server" / "manifest.json").write_text(json.dumps(carried), encoding="utf-8")

    packed = work / "packed.vsix"
    run(
        *(_npx("vsce"), "package", "--no-dependencies", "--target", target.name, "--out", str(packed)),
        *("--skip-license", "--allow-missing-repository"),
        cwd=stage,
    )
    vsix = vsix_path(target.name)
    vsix.parent.mkdir(exist_ok=True)
    packed.replace(vsix)
    shutil.rmtree(work)
    print(f"{vsix.relative_to(ROOT)}: {vsix.stat().st_size / 1e6:.1f} MB, {len(others.names) + 1} wheels")


def packed_readme() -> str:
    """The README as VS Code's page of an installed extension shows it.

    That page has pictures from addresses on the web only, and takes `data:` away; those that travel with the extension
    are in the walkthrough.
    """
    readme = (EXTENSION / "README.md").read_text(encoding="utf-8")
    made = re.sub(r"^!\[[^]]*\]\(media/[^)]*\)\n\n", "", readme, flags=re.MULTILINE)
    if broken := re.search(r"\]\((?!https:|#)[^)]*\)", made):
        raise BuildProblem(f"README.md has a link that leads nowhere in a package: {broken.group()}")
    return made


def vsix_path(name: str) -> Path:
    version = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))["version"]
    return ROOT / "dist" / f"geppetto-{name}-{version}.vsix"


def is_fresh(vsix: Path, changed: float) -> bool:
    return vsix.is_file() and vsix.stat().st_mtime > changed


def newest_source() -> float:
    """When something was changed last of what goes into a VSIX."""
    newest = 0.0
    for place in ("server", "typings", "vscode-extension"):
        for folder, folders, files in os.walk(ROOT / place):
            folders[:] = [name for name in folders if name not in NOT_SOURCES]
            newest = max([newest, *((Path(folder) / name).stat().st_mtime for name in files)])
    return max(newest, *((ROOT / name).stat().st_mtime for name in ("hatch_build.py", "pyproject.toml")))


# --- our own wheel


def build_wheel(folder: Path) -> Path:
    """The wheel of this platform, built from the source tree."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    return next(folder.glob("*.whl"))


def port(wheel: Path, target: Target, folder: Path) -> Path:
    """The same wheel for another platform: all that differs is the native compiler in it."""
    name, version, _, _ = parse_wheel_filename(wheel.name)
    made = folder / f"{name}-{version}-py3-none-{PLATFORMS[target.name]}.whl"
    vendor = "geppetto/_vendor/typescript/"
    record = f"{name}-{version}.dist-info/RECORD"
    rows: list[tuple[str, str, str]] = []
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as result:

        def add(path: str, data: bytes, mode: int) -> None:
            info = zipfile.ZipInfo(path, (2020, 2, 2, 0, 0, 0))
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            result.writestr(info, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append((path, f"sha256={digest}", str(len(data))))

        for info in source.infolist():
            if info.is_dir() or info.filename == record or info.filename.startswith(vendor):
                continue
            data = source.read(info)
            if info.filename.endswith(".dist-info/WHEEL"):
                lines = [line for line in data.decode().splitlines() if line and not line.startswith("Tag:")]
                tags = [f"Tag: py3-none-{tag}" for tag in PLATFORMS[target.name].split(".")]
                data = "\n".join([*lines, *tags, ""]).encode()
            add(info.filename, data, 0o644)
        for path, data, mode in compiler_files(target):
            add(vendor + path, data, mode)
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([*rows, (record, "", "")])
        result.writestr(record, table.getvalue())
    return made


def compiler_files(target: Target) -> Iterable[tuple[str, bytes, int]]:
    """Path, content and mode of the files of the native compiler for a platform; what the lock file says is what we take."""
    lock = json.loads((ROOT / "server" / "prelude" / "package-lock.json").read_text(encoding="utf-8"))
    package = f"@typescript/typescript-{target.name}"
    entry = lock["packages"].get(f"node_modules/{package}")
    if entry is None:
        raise NoWheel(f"the lock file of the prelude has no {package}")
    with tempfile.TemporaryDirectory() as folder:
        run(find_npm(), "pack", "--silent", f"{package}@{entry['version']}", cwd=Path(folder))
        packed = next(Path(folder).glob("*.tgz"))
        algorithm, _, expected = str(entry["integrity"]).partition("-")
        if base64.b64encode(hashlib.new(algorithm, packed.read_bytes()).digest()).decode() != expected:
            raise BuildProblem(f"{package} is not what the lock file says.")
        with tarfile.open(packed) as archive:
            for member in archive:
                path = member.name.partition("/")[2]
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or not (path.startswith("lib/") or path in COMPILER_FILES):
                    continue
                yield path, content.read(), 0o755 if member.mode & 0o100 else 0o644


# --- everybody else's


@dataclass(frozen=True)
class Wheels:
    """What a platform gets besides our own wheel, and the versions of Python that it suffices for."""

    names: list[str]
    pythons: list[str]


def complete(target: Target, own: Path) -> Wheels:
    """The wheels that `own` needs there; they are in the target's store then.

    Raises NoWheel if there is no version of Python for which all of them exist.
    """
    store = _store(target)
    wanted = requirements()
    key = hashlib.sha256(repr((wanted, target, PYTHONS)).encode()).hexdigest()
    stamp = store / "complete.json"
    if stamp.is_file() and (known := json.loads(stamp.read_text(encoding="utf-8"))).get("key") == key:
        return Wheels(known["wheels"], known["pythons"])
    print(f"vsix: fetching the wheels for {target.name}", file=sys.stderr)
    shutil.rmtree(store, ignore_errors=True)
    found: set[str] = set()
    pythons: list[str] = []
    for python in PYTHONS:
        # A folder for each Python: two of them may want different versions.
        folder = store / python
        try:
            download(target, python, [*wanted, "pip"], folder)
            while missing := unmet(target, python, own, folder):
                download(target, python, missing, folder, "--no-deps")
        except NoWheel as problem:
            print(f"vsix: {target.name} does without Python {python}: {problem}", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            continue
        for wheel in folder.glob("*.whl"):
            wheel.replace(store / wheel.name)
            found.add(wheel.name)
        folder.rmdir()
        pythons.append(python)
    if not pythons:
        raise NoWheel("there is no Python for which all wheels exist")
    result = Wheels(sorted(found), pythons)
    record = {"key": key, "wheels": result.names, "pythons": result.pythons}
    stamp.write_text(json.dumps(record), encoding="utf-8")
    return result


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(wanted for extra in EXTRAS for wanted in optional[extra])]


def download(target: Target, python: str, wanted: list[str], folder: Path, *options: str) -> None:
    platforms = [part for tag in target.tags for part in ("--platform", tag)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", *options),
            *("--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms),
            *("--dest", str(folder), *wanted),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.startswith("ERROR:")] or [
            done.stdout.strip()
        ]
        raise NoWheel(said[-1].removeprefix("ERROR: "))


def unmet(target: Target, python: str, own: Path, folder: Path) -> list[str]:
    """What is still asked for: pip reads markers (`sys_platform == …`) as if for the machine it runs on."""
    have = {parse_wheel_filename(wheel.name)[0]: wheel for wheel in folder.glob("*.whl")}
    seen: set[tuple[str, str]] = set()
    missing: dict[str, str] = {}
    todo = [(own, extra) for extra in ("", *EXTRAS)]
    while todo:
        wheel, extra = todo.pop()
        for wanted in _asks_for(wheel):
            if wanted.marker and not wanted.marker.evaluate({**target.environment(python), "extra": extra}):
                continue
            name = canonicalize_name(wanted.name)
            if name not in have:
                missing[name] = f"{wanted.name}{wanted.specifier}"
                continue
            for inner in ("", *wanted.extras):
                if (name, inner) not in seen:
                    seen.add((name, inner))
                    todo.append((have[name], inner))
    return list(missing.values())


def _asks_for(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = BytesHeaderParser().parsebytes(archive.read(name))
    return [Requirement(str(line)) for line in headers.get_all("Requires-Dist", [])]


def _store(target: Target) -> Path:
    return CACHE / "wheels" / target.name


# --- the extension's own code


def bundle_extension() -> None:
    if not (EXTENSION / "node_modules").is_dir():
        raise BuildProblem("the extension's dependencies are not installed: run `make vsix`.")
    run(find_npm(), "run", "build", "--silent", cwd=EXTENSION)


def _npx(tool: str) -> str:
    return str(EXTENSION / "node_modules" / ".bin" / (f"{tool}.cmd" if os.name == "nt" else tool))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
