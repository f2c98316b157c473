"""The other commands, from outside."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from geppetto import __version__
from geppetto.resources import typings_path

Geppetto = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = [sys.executable, "-m", "geppetto"]


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(geppetto: Geppetto, option: str) -> None:
    assert geppetto(option).stdout == f"geppetto {__version__}\n"


def test_the_version_needs_next_to_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "geppetto", "--version"], capture_output=True, text=True
    )
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "geppetto" in imported
    assert not imported & {"typer", "click", "rich", "asyncio", "typing", "json", "py_mini_racer"}


@pytest.mark.parametrize(
    "command", [[], ["run"], ["init"], ["typings"], ["doctor"], ["config"], ["config", "show"]]
)
def test_every_command_explains_itself(geppetto: Geppetto, command: list[str]) -> None:
    done = geppetto(*command, "--help")
    assert done.returncode == 0 and "Usage" in done.stdout


def test_a_mistyped_command_is_a_usage_error(geppetto: Geppetto) -> None:
    done = geppetto("rnu")
    assert done.returncode == 2 and "run" in done.stderr


def test_typings(geppetto: Geppetto, tmp_path: Path) -> None:
    text = typings_path().read_text(encoding="utf-8")
    assert geppetto("typings").stdout == text
    assert geppetto("typings", "--out", "types/api.d.ts").returncode == 0
    assert (tmp_path / "types" / "api.d.ts").read_text(encoding="utf-8") == text
    assert geppetto("typings", "--out", ".").returncode == 0
    assert (tmp_path / "geppetto.d.ts").exists()


def test_init_writes_one_file_that_runs(geppetto: Geppetto, tmp_path: Path) -> None:
    assert geppetto("init", "new").returncode == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["hello.geppetto.js"]
    done = geppetto("run", "new/hello.geppetto.js")
    assert (done.returncode, done.stdout) == (0, "Tell me a story about a puppet.\n7 words.\n"), done.stderr


def test_init_overwrites_nothing(geppetto: Geppetto, tmp_path: Path) -> None:
    (tmp_path / "geppetto.toml").write_text("mine")
    done = geppetto("init", "--config")
    assert done.returncode == 1 and "geppetto.toml exists already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["geppetto.toml"]
    assert (tmp_path / "geppetto.toml").read_text() == "mine"


def test_init_with_everything_runs_and_its_settings_are_valid(geppetto: Geppetto, tmp_path: Path) -> None:
    assert geppetto("init", "--typescript", "--config", "--editor").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "hello.geppetto.ts",
        "geppetto.toml",
        "geppetto.d.ts",
        "jsconfig.json",
    }
    # Every choice that is commented out is valid too.
    config = tmp_path / "geppetto.toml"
    lines = config.read_text().splitlines()
    config.write_text(
        "\n".join(line.removeprefix("# ") if "=" in line or "[" in line else line for line in lines)
    )
    done = geppetto("run", "hello.geppetto.ts", "--profile", "careful")
    assert (done.returncode, done.stdout) == (0, "Tell me a story about a puppet.\n7 words.\n"), done.stderr


def test_the_editors_view_of_the_starter_has_no_errors(geppetto: Geppetto, tmp_path: Path) -> None:
    from geppetto.resources import tsc_path

    geppetto("init", "--editor")
    done = subprocess.run(
        [tsc_path(), "-p", "jsconfig.json"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_doctor_is_content_here(geppetto: Geppetto) -> None:
    done = geppetto("doctor")
    assert done.returncode == 0, done.stdout
    assert "runs scripts" in done.stdout and "echo: nothing is configured" in done.stdout
    report = json.loads(geppetto("doctor", "--json").stdout)
    assert report["ok"] is True and {"V8", "TypeScript", "typings"} <= {
        found["name"] for found in report["findings"]
    }


def test_doctor_names_a_wrong_setting_and_masks_keys(geppetto: Geppetto, tmp_path: Path) -> None:
    config = tmp_path / "geppetto.toml"
    config.write_text('[chat]\nprovider = "openai"\n')
    done = geppetto("doctor", OPENAI_API_KEY="sk-very-secret-1234567890")
    assert done.returncode == 0, done.stdout
    assert "openai.api_key" in done.stdout and "very-secret" not in done.stdout
    config.write_text('[chat]\nprovider = "nobody"\n')
    done = geppetto("doctor")
    assert done.returncode == 1 and "geppetto.toml:2" in done.stdout


def test_doctor_tells_what_is_missing(geppetto: Geppetto, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from geppetto import resources
from geppetto.cli.doctor import examine, print_report
resources._PACKAGE = resources._SOURCE_TREE = Path("nowhere")
raise SystemExit(print_report(examine(Path()), as_json=False))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert (
        "✗ TypeScript" in done.stdout
        and "✗ typings" in done.stdout
        and "Install Geppetto again" in done.stdout
    )


def test_config_path_and_show(geppetto: Geppetto, tmp_path: Path) -> None:
    config = tmp_path / "geppetto.toml"
    config.write_text('[chat]\nprovider = "openai"\n')
    assert geppetto("config", "path").stdout == f"{config}\n"
    shown = geppetto("config", "show", OPENAI_API_KEY="sk-very-secret-1234567890").stdout
    assert "very-secret" not in shown
    assert any(
        line.startswith("chat.provider") and "openai" in line and "geppetto.toml:2" in line
        for line in shown.splitlines()
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
@pytest.mark.parametrize("command", [["config", "show"], ["typings"], ["run", "--help"]])
def test_output_that_cannot_be_written_is_told(
    env: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *command],
            cwd=tmp_path,
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == "geppetto: the output cannot be written: No space left on device.\n"


def test_a_port_that_cannot_be_used_is_told(geppetto: Geppetto) -> None:
    assert geppetto("lsp", "--tcp", "99999").returncode == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = geppetto("lsp", "--tcp", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"geppetto: 127.0.0.1:{port} cannot be listened on: "), done.stderr
