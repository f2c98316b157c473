"""Runs from an editor that workers do, by one setting."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from geppetto.workers.worker import Worker, WorkerOptions, open_bus

from tests.events.brokers import NatsServer, serving
from tests.lsp.test_runs import ABLE, ENDLESS, Connect, ended, run, says
from tests.workers.bench import SECONDS

pytestmark = [pytest.mark.timeout(120), pytest.mark.e2e]


async def test_the_setting_sends_runs_to_the_workers_and_back(
    connect: Connect, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEPPETTO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GEPPETTO_CONFIG_DIR", str(tmp_path / "config"))
    path = workspace / "a.geppetto.js"
    async with serving(NatsServer) as server:
        (workspace / "geppetto.toml").write_text(f'[bus]\nurl = "{server.url}"\n')
        bus = await open_bus(server.url)
        worker = Worker(bus, WorkerOptions(concurrency=1, settings_folder=str(tmp_path)))
        working = asyncio.create_task(worker.run())
        client: Any = await connect()
        await client.initialize(workspace, capabilities=ABLE)
        text = (
            "const { word } = params;\nconsole.log(await echoStep.startStream(word).finalText());\nnull.x;\n"
        )
        events = await ended(
            client, await run(client, uri=path.as_uri(), text=text, params={"word": "hello"})
        )
        assert [event["text"] for event in events if event["kind"] == "console"] == ["hello"]
        [error] = events[-1]["errors"]
        assert (error["place"]["file"], error["place"]["line"]) == (str(path), 3)
        endless = await run(client, uri=path.as_uri(), text=ENDLESS)
        await says(client, endless, "on")
        assert await client.ask("geppetto/cancelRun", {"runId": endless})
        assert (await ended(client, endless))[-1]["outcome"] == "cancelled"
        assert await client.leave() == 0
        worker.drain()
        async with asyncio.timeout(SECONDS):
            await working
        await bus.close()
    assert worker.done == 2
