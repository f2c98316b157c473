"""LiteLLM's proxy: a server that speaks like OpenAI, and like Anthropic, and that others wrote."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / ".cache/litellm/bin/litellm"
KEY = "sk-proxy-planted-42"
ANSWER = "Every puppet needs a string, and every string a hand. Naïve? 🎈"
START_SECONDS = 240
"""It imports for fifteen seconds on a machine that does nothing else."""


@dataclass(frozen=True)
class Proxy:
    """A running proxy.

    Attributes:
        address: where it listens.
        upstream: the port on loopback where it looks for the service behind its model "upstream".
        log: what it wrote.
    """

    address: str
    upstream: int
    log: Path


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One for all tests of the module: it takes its time to start, and is gone when others count processes."""
    if not PROGRAM.exists():
        pytest.skip("LiteLLM is not installed: make litellm")
    folder = tmp_path_factory.mktemp("litellm")
    port, upstream = _free_ports(2)
    models: dict[str, dict[str, object]] = {
        "mocked": {"mock_response": ANSWER},
        "too-many": {"mock_response": "litellm.RateLimitError"},
        "too-long": {"mock_response": "litellm.ContextWindowExceededError"},
        "broken": {"mock_response": "litellm.InternalServerError"},
        "upstream": {"api_base": f"http://127.0.0.1:{upstream}/v1"},
    }
    config = {
        "model_list": [
            {
                "model_name": name,
                "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "sk-behind-the-proxy", **more},
            }
            for name, more in models.items()
        ],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {
            "telemetry": False,
            "num_retries": 0,
            # As everywhere else; it would ask for OpenAI's responses when it is asked for Claude's messages.
            "use_chat_completions_url_for_anthropic_messages": True,
        },
        "router_settings": {"disable_cooldowns": True, "num_retries": 0},
    }
    (folder / "config.yaml").write_text(json.dumps(config, ensure_ascii=False), "utf-8")
    env = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    env |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    proxy = Proxy(f"http://127.0.0.1:{port}", upstream, folder / "log")
    with proxy.log.open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait(process, proxy)
        yield proxy
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", proxy: Proxy) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{proxy.address}/health/liveliness", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the proxy did not start:\n{proxy.log.read_text('utf-8', 'replace')}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
