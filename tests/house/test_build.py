"""What the build makes, when it calls npm, and what it says when it cannot."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
assert _spec is not None and _spec.loader is not None
hatch_build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hatch_build)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake npm is a shell script")


class Tree:
    """A source tree with a fake Node and npm that note how they were called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "npm.log"
        self.prelude = root / "server" / "prelude"
        (self.prelude / "src").mkdir(parents=True)
        (root / "server" / "geppetto" / "runtime").mkdir(parents=True)
        (self.prelude / "src" / "main.ts").write_text("main")
        package = f"node_modules/@typescript/typescript-{hatch_build.npm_platform()}"
        (self.prelude / "package-lock.json").write_text(
            json.dumps({"packages": {package: {"version": "7.0.2"}}})
        )
        self.web = root / "server" / "web-assets"
        self.web.mkdir()
        (self.web / "package-lock.json").write_text(
            json.dumps({"packages": {"node_modules/htmx.org": {"version": "4.0.1"}}})
        )
        self.tool("node", "echo v20.1.0")
        self.tool(
            "npm",
            f"""
            echo "$*" >> {self.log}
            case "${{PWD##*/}} $1" in
            "web-assets ci")
                mkdir -p node_modules/htmx.org/dist/ext; cd node_modules/htmx.org
                echo htmx > dist/htmx.min.js; echo sse > dist/ext/hx-sse.min.js; echo licence > LICENSE
                echo '{{"version": "4.0.1"}}' > package.json
                touch ../.package-lock.json ;;
            *" ci")
                mkdir -p {package}/lib
                echo tsc > {package}/lib/tsc; chmod +x {package}/lib/tsc
                echo '{{"version": "7.0.2"}}' > {package}/package.json
                echo licence > {package}/LICENSE; echo notice > {package}/NOTICE.txt
                touch node_modules/.package-lock.json ;;
            *" run")
                echo built > ../geppetto/runtime/prelude.js
                echo licences > ../geppetto/runtime/prelude.LICENSES.txt ;;
            esac
            """,
        )

    def tool(self, name: str, script: str) -> None:
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def build(self) -> list[str]:
        """Builds; returns how npm was called."""
        self.log.unlink(missing_ok=True)
        hatch_build.Assets(self.root).build()
        return self.log.read_text().splitlines() if self.log.exists() else []

    def make_newer(self, path: Path) -> None:
        newest = max(file.stat().st_mtime for file in self.root.rglob("*")) + 10
        os.utime(path, (newest, newest))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return Tree(tmp_path)


def test_a_first_build_makes_everything_and_a_second_one_calls_no_npm(tree: Tree) -> None:
    assert [call.split()[0] for call in tree.build()] == ["ci", "run", "ci"]
    vendor = tree.root / "server" / "geppetto" / "_vendor" / "typescript"
    assert os.access(vendor / "lib" / "tsc", os.X_OK)
    assert (vendor / "LICENSE").read_text() == "licence\n"
    assert (vendor / "NOTICE.txt").read_text() == "notice\n"
    htmx = vendor.parent / "htmx"
    assert sorted(file.name for file in htmx.iterdir()) == [
        "LICENSE",
        "htmx.min.js",
        "hx-sse.min.js",
        "package.json",
    ]

    tree.tool("npm", "exit 9")  # would be a loud failure
    tree.tool("node", "exit 9")
    assert tree.build() == []


def test_a_changed_source_is_built_again_without_installing(tree: Tree) -> None:
    tree.build()
    tree.make_newer(tree.prelude / "src" / "main.ts")
    assert tree.build() == ["run build --silent"]


def test_a_changed_test_of_the_prelude_builds_nothing(tree: Tree) -> None:
    tree.build()
    (tree.prelude / "test").mkdir()
    (tree.prelude / "test" / "some.test.ts").write_text("test")
    tree.make_newer(tree.prelude / "test" / "some.test.ts")
    assert tree.build() == []


def test_another_locked_compiler_replaces_the_copied_one(tree: Tree) -> None:
    tree.build()
    shutil.rmtree(tree.root / "server" / "geppetto" / "_vendor")
    assert tree.build() == []  # node_modules still has them
    assert (tree.root / "server" / "geppetto" / "_vendor" / "typescript" / "lib" / "tsc").exists()


@pytest.mark.parametrize(
    ("node", "says"),
    [("echo v18.19.0", "v18.19.0"), ("exit 1", "not a working Node.js")],
)
def test_a_node_that_will_not_do_is_named(tree: Tree, node: str, says: str) -> None:
    tree.tool("node", node)
    with pytest.raises(hatch_build.BuildProblem, match=r"needs Node.js 20 or newer") as problem:
        tree.build()
    assert says in str(problem.value)


def test_what_npm_says_when_it_fails_is_shown(tree: Tree, capfd: pytest.CaptureFixture[str]) -> None:
    tree.tool("npm", "echo 'npm error: no network'; exit 3")
    with pytest.raises(hatch_build.BuildProblem, match=r"`npm ci .* exit code 3"):
        tree.build()
    assert "npm error: no network" in capfd.readouterr().err


def source_tree(target: Path) -> Path:
    """A copy of this source tree as git has it, and as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_without_npm_the_build_says_one_sentence(tmp_path: Path, target: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    tree = source_tree(tmp_path / "source")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target],
        cwd=tree,
        env={"PATH": str(empty), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = done.stderr.strip().splitlines()
    assert len(said) == 1, done.stderr
    assert "needs Node.js 20 or newer with npm" in said[0] and "was not found on PATH" in said[0]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this source tree."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_is_for_this_platform_and_carries_what_it_needs(wheel: Path) -> None:
    assert "-py3-none-" in wheel.name and not wheel.name.endswith("-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tsc = "tsc.exe" if sys.platform == "win32" else "tsc"
    assert {
        "geppetto/runtime/prelude.js",
        "geppetto/runtime/prelude.LICENSES.txt",
        "geppetto/typings/geppetto.d.ts",
        f"geppetto/_vendor/typescript/lib/{tsc}",
        "geppetto/_vendor/typescript/lib/lib.esnext.d.ts",
        "geppetto/_vendor/typescript/LICENSE",
        "geppetto/_vendor/typescript/NOTICE.txt",
        "geppetto/_vendor/htmx/htmx.min.js",
        "geppetto/_vendor/htmx/LICENSE",
        "geppetto/web/templates/page.html",
        "geppetto/web/static/chat.js",
    } <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not any(name.startswith(("geppetto/prelude", "tests", "prelude")) for name in names)


def test_an_installed_wheel_needs_neither_node_nor_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--no-deps",
            "--no-index",
        ]
        + ["--target", str(site), str(wheel)],
        check=True,
        timeout=100,
        capture_output=True,
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    script = tmp_path / "typed.geppetto.ts"
    script.write_text(
        'const words: string[] = ["typed", "script"];\nconsole.log(words.join(" "), globalThis.where);\n'
    )
    env = {"PATH": str(empty), "HOME": str(tmp_path), "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}

    def geppetto(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "geppetto", *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )

    where = subprocess.run(
        [sys.executable, "-c", "import geppetto; print(geppetto.__file__)"],
        env=env,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(site))
    assert geppetto("--version").stdout.startswith("geppetto ")
    ran = geppetto("run", str(script))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "typed script undefined\n", "")
    doctor = geppetto("doctor", "--json")
    assert json.loads(doctor.stdout)["ok"] is True, doctor.stdout
    assert str(ROOT) not in doctor.stdout
