"""`geppetto run --record / --replay`, `config set` and `models`, as a user has them; and keys in none of it."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.cassettes.conftest import KEY
from tests.providers import fake_openai
from tests.providers.http_server import Server

SCRIPT = """
const answer = await chatStep.startStream("Say the key").finalText();
console.log(answer.length, params.more ?? "");
if (params.more) await chatStep.startStream(params.more).finalText();
"""


class Machine:
    """A folder to work in, and a home."""

    def __init__(self, tmp_path: Path) -> None:
        self.work = tmp_path / "work"
        (self.work / ".git").mkdir(parents=True)
        self.home = tmp_path / "home"
        self.said: list[str] = []

    async def geppetto(self, *arguments: str, stdin: str = "", **env: str) -> tuple[int, str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GEPPETTO_", "OPENAI_", "ANTHROPIC_", "OLLAMA_"))
        }
        home = {name: str(self.home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "geppetto", *arguments),
            cwd=self.work,
            env={
                **kept,
                **home,
                "NO_PROXY": "127.0.0.1",
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
                **env,
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        self.said += [out.decode(), err.decode()]
        return process.returncode or 0, out.decode(), err.decode()

    def everything(self) -> str:
        """All that was said, and all that lies in the folder and the home."""
        files = [path for root in (self.work, self.home) for path in root.rglob("*") if path.is_file()]
        return "".join(self.said) + "".join(path.read_bytes().decode("latin-1") for path in files)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    (machine.work / "main.geppetto.js").write_text(SCRIPT)
    return machine


async def test_a_run_is_recorded_and_played_without_key_or_server(machine: Machine) -> None:
    pieces = [KEY[n : n + 4] for n in range(0, len(KEY), 4)]
    async with Server([fake_openai.played(fake_openai.answer("It is ", *pieces))]) as server:
        settings = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{server.address}/v1",
            "GEPPETTO_CHAT_PROVIDER": "openai",
            "GEPPETTO_CHAT_MODEL": "m",
            "GEPPETTO_CHAT_CACHE": "disk",
        }
        # What comes from the cache has passed through a file, and has no key in it any more.
        for said in (f"It is {KEY}", "It is [key]"):
            code, out, err = await machine.geppetto(
                "run", "main.geppetto.js", "--record", "t.jsonl", "--no-stream", **settings
            )
            assert (code, out) == (0, f"{len(said)} \n"), err
            machine.said.clear()
        assert len(server.exchanges) == 1  # the second run was answered from the cache
        assert server.exchanges[0].headers["authorization"] == f"Bearer {KEY}"
        await machine.geppetto("config", "show", **settings)
        await machine.geppetto("doctor", **settings)
    code, out, err = await machine.geppetto("run", "main.geppetto.js", "--replay", "t.jsonl", "--no-stream")
    assert (code, out) == (0, "11 \n"), err  # "It is [key]"
    events = await machine.geppetto(
        "run", "main.geppetto.js", "--replay", "t.jsonl", "--events", "jsonl", "--pace", "live"
    )
    types = [json.loads(line)["type"] for line in events[1].splitlines()]
    assert (types[0], types[-1], set(types[1:-1])) == ("start", "final", {"partial"})
    assert KEY not in machine.everything()


async def test_what_goes_wrong_says_what_to_do(machine: Machine) -> None:
    code, _, err = await machine.geppetto("run", "main.geppetto.js", "--replay", "none.jsonl")
    assert code == 2 and "none.jsonl cannot be read" in err and "--record makes one" in err
    code, _, err = await machine.geppetto("run", "main.geppetto.js", "--record", "a", "--replay", "b")
    assert code == 2 and "exclude each other" in err
    run = ("run", "main.geppetto.js", "--no-stream")
    await machine.geppetto(*run, "--record", "t.jsonl", "-p", "more=one")
    code, _, err = await machine.geppetto(*run, "--replay", "t.jsonl", "-p", "more=two")
    assert code == 1 and 'input: recorded "one", now "two"' in err
    code, _, err = await machine.geppetto(*run, "--replay", "t.jsonl")
    assert code == 0 and "1 recorded step was not asked for" in err


async def test_a_key_is_not_sent_where_the_workspace_says(machine: Machine) -> None:
    (machine.work / "geppetto.toml").write_text(
        '[chat]\nprovider = "openai"\nmodel = "m"\n[openai]\nbase_url = "https://evil.example/v1"\n'
    )
    code, _, err = await machine.geppetto("run", "main.geppetto.js", OPENAI_API_KEY=KEY)
    assert code == 1
    assert "https://evil.example, which gets none of your keys" in err
    assert 'trusted_hosts = ["evil.example"]' in err
    _, out, err = await machine.geppetto("config", "show", OPENAI_API_KEY=KEY)
    assert "(not used: see below)" in out and "openai.api_key (environment variable OPENAI_API_KEY)" in err
    assert KEY not in machine.everything()


async def test_settings_are_changed(machine: Machine) -> None:
    config = machine.work / "geppetto.toml"
    assert (await machine.geppetto("config", "set", "chat.model", "a"))[1] == f"written to {config}\n"
    await machine.geppetto("config", "set", "chat.model", "b", "--profile", "p")
    await machine.geppetto("config", "set", "chat.temperature", "0.5", "--user")
    _, out, _ = await machine.geppetto("config", "show", "--profile", "p")
    assert "chat.model                  b" in out and "0.5" in out
    await machine.geppetto("config", "set", "chat.model", "--unset")
    assert "model" not in config.read_text().split("[profiles")[0]
    code, _, err = await machine.geppetto("config", "set", "chat.modle", "a")
    assert code == 1 and 'did you mean "model"' in err
    assert (await machine.geppetto("config", "set", "chat.model"))[0] == 2


async def test_a_key_goes_into_the_keychain_and_nowhere_else(machine: Machine) -> None:
    code, _, err = await machine.geppetto("config", "set", "openai.api_key", KEY)
    machine.said.clear()  # a shell would show what was typed; what we say must not
    assert code == 2 and "does not belong on the command line" in err and KEY not in err
    code, out, err = await machine.geppetto("config", "set", "openai.api_key", stdin=f"{KEY}\n")
    assert (code, out) == (0, "kept in the system's keychain\n"), err
    code, _, err = await machine.geppetto("config", "set", "openai.api_key", stdin="\n")
    assert code == 2 and "nothing has changed" in err
    failing = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    code, _, err = await machine.geppetto("config", "set", "openai.api_key", stdin=f"{KEY}\n", **failing)
    assert code == 1 and "cannot be used" in err and "OPENAI_API_KEY" in err
    assert KEY not in machine.everything()
    assert not (machine.work / "geppetto.toml").exists()


async def test_models_are_listed(machine: Machine) -> None:
    async def models(exchange) -> None:
        assert exchange.path == "/v1/models"
        good = exchange.headers["authorization"] == f"Bearer {KEY}"
        body = {"object": "list", "data": [{"id": "b", "object": "model"}, {"id": "a", "object": "model"}]}
        await exchange.answer(200 if good else 401, body if good else {"error": {"message": "bad key"}})

    async with Server([models]) as server:
        env = {"OPENAI_BASE_URL": f"{server.address}/v1"}
        code, out, err = await machine.geppetto("models", "--provider", "openai", OPENAI_API_KEY=KEY, **env)
        assert (code, out) == (0, "a\nb\n"), err
        code, _, err = await machine.geppetto("models", "--provider", "openai", OPENAI_API_KEY="wrong", **env)
        assert code == 1 and "did not accept the API key" in err
    code, _, err = await machine.geppetto("models")
    assert code == 2 and "The provider echo has no list of models" in err
    code, _, err = await machine.geppetto("models", "--provider", "nobody")
    assert code == 1 and "nobody" in err
    assert KEY not in machine.everything()
