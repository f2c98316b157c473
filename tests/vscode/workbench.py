"""A VS Code workbench for a browser, with the packaged extension in it.

    python -m tests.vscode.workbench FOLDER

shows a folder in it until Ctrl+C: `make vscode`.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from pathlib import Path
from urllib.parse import quote

from tests.vscode import guard

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT / ".cache" / "vscode" / "workbench"
# Nothing moves, nothing calls home, nothing asks.
SETTINGS: dict[str, object] = {
    "chat.disableAIFeatures": True,
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.cursorBlinking": "solid",
    "editor.minimap.enabled": False,
    "editor.wordBasedSuggestions": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    "git.enabled": False,
    "js/ts.tsserver.automaticTypeAcquisition.enabled": False,
    "telemetry.telemetryLevel": "off",
    "typescript.disableAutomaticTypeAcquisition": True,
    "update.showReleaseNotes": False,
    "workbench.editor.useModal": "off",
    "workbench.reduceMotion": "on",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
}


class Workbench:
    """A server of its own, which ends with this process; all that it writes is under `home`."""

    def __init__(self, home: Path, settings: dict[str, object] | None = None) -> None:
        self.home = home
        self.data = home / "data"
        self.extensions = home / "extensions"
        self.port = _free_port()
        self.environment = _environment(home)
        self._process: subprocess.Popen[bytes] | None = None
        user = self.data / "User"
        user.mkdir(parents=True)
        (user / "settings.json").write_text(json.dumps({**SETTINGS, **(settings or {})}, indent=2))
        (home / "config.yaml").write_text("")

    def install(self, *extensions: Path) -> None:
        options = [option for vsix in extensions for option in ("--install-extension", str(vsix))]
        done = subprocess.run(
            [*self._command(), *options],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        installed = done.stdout.count("was successfully installed")
        assert done.returncode == 0 and installed == len(extensions), done.stdout + done.stderr

    def start(self, *, asks_for_trust: bool = True) -> None:
        command = [*self._command(), "--auth", "none", "--bind-addr", f"127.0.0.1:{self.port}"]
        command += ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"]
        command += [] if asks_for_trust else ["--disable-workspace-trust"]
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, guard.__file__, str(self.home), *command],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # what is typed at our terminal is not meant for it
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"The workbench does not start:\n{(self.home / 'log').read_text()}")
            time.sleep(0.1)

    def url(self, folder: Path, *, open_file: Path | None = None) -> str:
        """Where the browser finds the folder."""
        base = f"http://127.0.0.1:{self.port}/?folder={quote(str(folder))}"
        if open_file is None:
            return base
        remote = f"vscode-remote://127.0.0.1:{self.port}{open_file}"
        return f"{base}&payload={quote(json.dumps([['openFile', remote]]))}"

    def members(self) -> list[int]:
        """The processes that belong to it, whether or not their parents still live; the browser's are among them."""
        return guard.members(self.home)

    def stop(self) -> None:
        """Ends all of them; the extension host would live on for some seconds by itself."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=guard.PATIENCE + 30)

    @property
    def servers(self) -> Path:
        """Where the extension installs the server that it carries."""
        return self.data / "User" / "globalStorage" / "geppetto.geppetto" / "server"

    def find(self, subcommand: str) -> list[int]:
        """The processes of `geppetto SUBCOMMAND` in it."""
        ending = f"-m\0geppetto\0{subcommand}\0".encode()
        return [pid for pid in self.members() if _command_line(pid).endswith(ending)]

    def log(self) -> str:
        """What the extension has written to its log."""
        return "\n".join(
            path.read_text() for path in sorted(self.data.glob("logs/*/exthost*/geppetto*/*.log"))
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _command(self) -> list[str]:
        return [
            *(str(_node()), str(INSTALLED / "node_modules/code-server/out/node/entry.js")),
            *("--config", str(self.home / "config.yaml")),
            *("--user-data-dir", str(self.data), "--extensions-dir", str(self.extensions)),
        ]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # It has gone.


def _node() -> Path:
    machine = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
    return INSTALLED / f"node_modules/node-linux-{machine}/bin/node"


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the user's home; and no other geppetto than that in the extension."""
    kept = {name: value for name, value in os.environ.items() if name in {"LANG", "LC_ALL", "TERM", "USER"}}
    folders = [
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if not (Path(folder) / "geppetto").exists()
    ]
    private = {
        "HOME": home,
        "TMPDIR": home / "tmp",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_DATA_HOME": home / "share",
        "XDG_RUNTIME_DIR": home / "runtime",
        "XDG_STATE_HOME": home / "state",
    }
    for folder in private.values():
        folder.mkdir(parents=True, exist_ok=True)
    return {**kept, "PATH": os.pathsep.join(folders), **{name: str(path) for name, path in private.items()}}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def packaged() -> Path:
    """The VSIX for this machine, packed anew if something has changed."""
    from hatch_build import npm_platform

    subprocess.run([sys.executable, str(ROOT / "vscode-extension" / "scripts" / "vsix.py")], check=True)
    version = json.loads((ROOT / "vscode-extension" / "package.json").read_text())["version"]
    return ROOT / "dist" / f"geppetto-{npm_platform()}-{version}.vsix"


def main(folder: Path) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    first = folder / "hello-stream.geppetto.js"
    with tempfile.TemporaryDirectory(prefix="geppetto-vscode-", ignore_cleanup_errors=True) as home:
        workbench = Workbench(Path(home))
        workbench.install(packaged())
        try:
            workbench.start(asks_for_trust=False)
            url = workbench.url(folder, open_file=first if first.is_file() else None)
            print(f"VS Code with Geppetto: {url}\nCtrl+C ends it.", flush=True)
            if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
                webbrowser.open(url)
            signal.pause()
        except KeyboardInterrupt:
            print()
        finally:
            workbench.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
