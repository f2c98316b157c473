"""What `geppetto models` was told is what checks and editors know, without asking anybody themselves."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from geppetto.steps.chat.offered import keep_offer, kept_offer

from tests.check.conftest import Check, Write

WRONG = 'await new ChatStepFactory().newStep({ provider: "openai", model: "gtp-5" }).startStream("hi").finalText();\n'


@pytest.fixture
def kept(env: dict[str, str]) -> Path:
    return Path(env["XDG_CACHE_HOME"]) / "geppetto" / "models.json"


@pytest.fixture
def address() -> Iterator[str]:
    """A server that is compatible with OpenAI and has one model."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"object": "list", "data": [{"id": "own-model", "object": "model"}]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def codes(check: Check, **extra: str) -> list[str]:
    done = check("--format", "json", **extra)
    return [problem["code"] for problem in json.loads(done.stdout)["problems"]]


def test_a_model_that_the_provider_has_not_listed(check: Check, write: Write, kept: Path) -> None:
    write("a.geppetto.js", WRONG)
    assert codes(check) == [], "no list, no opinion"
    keep_offer("openai", None, ["gpt-5", "gpt-5-mini"], kept)
    done = check()
    assert "unknown-model" in done.stdout and "Did you mean gpt-5" in done.stdout
    assert codes(check, OPENAI_BASE_URL="http://127.0.0.1:9/v1") == [], "another server may have it"
    settings = write("geppetto.toml", '[profiles.lab.openai]\nbase_url = "http://127.0.0.1:9/v1"\n')
    assert codes(check) == [], "it may be run with the profile"
    settings.write_text('[profiles.mine.chat]\nprovider = "openai"\nmodel = "gtp-5"\n')
    assert codes(check) == [], "the settings know it"
    settings.write_text('[lint.rules]\nunknown-model = "error"\n')
    assert codes(check) == ["unknown-model"]
    whole = json.loads(kept.read_text())
    whole["offers"]["openai"]["at"] = time.time() - 31 * 86_400
    kept.write_text(json.dumps(whole))
    assert codes(check) == [], "the list is too old"
    kept.write_text('{"version": 1, "offers": {"openai": 5}}')
    assert codes(check) == []


def test_models_are_kept_by_address(env: dict[str, str], folder: Path, kept: Path, address: str) -> None:
    command = [sys.executable, "-m", "geppetto", "models", "--provider", "openai"]
    asked = {**env, "OPENAI_BASE_URL": address, "OPENAI_API_KEY": "x"}
    kept.parent.mkdir(parents=True)
    kept.write_text("damaged")
    done = subprocess.run(command, cwd=folder, env=asked, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "own-model\n"), done.stderr
    offer = kept_offer("openai", address, kept)
    assert offer is not None and offer.models == ("own-model",) and offer.days < 1
    assert kept_offer("openai", None, kept) is None and kept_offer("claude", address, kept) is None
