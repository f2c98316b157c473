"""What runs leave behind, and what can be done with it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from geppetto.errors import GeppettoError
from geppetto.runs.protocol import EndEvent, GapEvent, NoticeEvent, RunEvent, RunRequest
from geppetto.runs.records import RecordError
from geppetto.runs.store import RecordStore
from geppetto.runs.supervisor import RunsOptions, RunSupervisor

from tests.runs.conftest import SECONDS, Supervise, Write, fake, read, read_until

REQUEST = RunRequest(path="/w/script.geppetto.js")


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    """The store that `supervise` gives its supervisors."""
    return RecordStore(tmp_path / "state" / "runs")


async def finished(supervisor: RunSupervisor, request: RunRequest = REQUEST) -> tuple[str, list[RunEvent]]:
    """Runs to the end; returns the id and the events, when the record is complete."""
    run = supervisor.start(request)
    events = await read(run)
    await supervisor.close()
    return run.id, events


def merged(events: list[RunEvent]) -> list[object]:
    """Events without what differs between a run and its replay."""
    return [event for event in events if event.kind not in ("queued", "started")]


async def test_a_record_says_what_happened(supervise: Supervise, write: Write, store: RecordStore) -> None:
    request = write("console.log('one'); await echoStep.startStream('a b c').done(); null.x")
    run_id, events = await finished(supervise(), request)
    record = store.find(run_id)
    assert merged([recorded.event for recorded in record.events()]) == merged(events)
    times = [recorded.at for recorded in record.events()]
    assert times == sorted(times) and times[0] >= 0
    summary = record.summary()
    assert (summary.state, summary.path, summary.steps) == ("error", request.path, 1)
    assert summary.error is not None and summary.error.startswith("TypeError: ")
    assert store.summaries() == [summary]


async def test_a_record_keeps_no_secrets(
    supervise: Supervise, write: Write, store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment-0123456789")
    saved = write("", params={"service": {"apiKey": 'param"secret-123'}, "max": 3})
    text = "console.log(params.service.apiKey, 'unsaved text', 'sk-environment-0123456789')"
    request = saved.model_copy(update={"text": text})
    run_id, events = await finished(supervise(), request)
    assert 'param"secret-123' in str(events)
    text = (store.folder / f"{run_id}.jsonl").read_text()
    assert "secret-123" not in text and "sk-environment" not in text
    head = store.find(run_id).head()
    assert head.request["params"] == {"service": {"apiKey": "***"}, "max": 3}
    assert "text" not in head.request and len(str(head.request["textSha256"])) == 64


async def test_only_the_user_may_read_records(supervise: Supervise, store: RecordStore) -> None:
    run_id, _ = await finished(supervise("ends well"))
    assert store.folder.stat().st_mode & 0o077 == 0
    assert store.path(run_id).stat().st_mode & 0o077 == 0


async def test_a_run_outlives_its_record(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    supervisor = RunSupervisor(
        RunsOptions(warm=0, command=fake("waits")), RecordStore(tmp_path / "file" / "runs")
    )
    run = supervisor.start(REQUEST)
    seen = await read_until(run, "notice")
    assert isinstance(seen[-1], NoticeEvent) and "leaves no record" in seen[-1].text
    run.cancel()
    await read(run)
    await supervisor.close()


async def test_a_large_run_leaves_a_small_record_with_a_gap(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "runs", record_bytes=100_000)
    run_id, _ = await finished(RunSupervisor(RunsOptions(warm=0, command=fake("floods")), store))
    record = store.find(run_id)
    events = [recorded.event for recorded in record.events()]
    assert isinstance(events[-1], EndEvent)
    assert isinstance(events[-2], GapEvent) and events[-2].events > 100_000
    assert record.summary().bytes < 110_000


async def test_old_records_are_forgotten(tmp_path: Path) -> None:
    store = RecordStore(tmp_path / "runs", keep=3)
    supervisor = RunSupervisor(RunsOptions(warm=0, at_once=1, command=fake("ends well")), store)
    runs = [supervisor.start(REQUEST) for _ in range(6)]
    for run in runs:
        await read(run)
    await supervisor.close()
    store.prune()
    assert len(store.records()) == 3


def test_records_are_forgotten_by_size_oldest_first(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, keep_bytes=2500)
    for number in range(5):
        record(store, f"2026010{number}-000000-aaaaaa", filler=900)
    store.prune(spare={"20260100-000000-aaaaaa"})
    assert [kept.run_id[:8] for kept in store.records()] == ["20260104", "20260103", "20260100"]


def test_records_of_runs_that_go_on_are_not_forgotten(tmp_path: Path) -> None:
    store = RecordStore(tmp_path, keep=1)
    record(store, "20260101-000000-aaaaaa", end=False)
    record(store, "20260102-000000-aaaaaa", end=False, pid=dead_pid())
    record(store, "20260103-000000-aaaaaa")
    assert [summary.state for summary in store.summaries()] == ["ok", "lost", "running"]
    store.prune()
    assert [kept.run_id[:8] for kept in store.records()] == ["20260103", "20260101"]


@pytest.mark.parametrize("name", ["20260101-000000-aaaaaa", "20260101", "aaaaaa"])
def test_a_record_is_found_by_part_of_its_name(tmp_path: Path, name: str) -> None:
    store = RecordStore(tmp_path)
    record(store, "20260101-000000-aaaaaa")
    record(store, "20260102-000000-bbbbbb")
    assert store.find(name).run_id == "20260101-000000-aaaaaa"
    assert store.find("last").run_id == "20260102-000000-bbbbbb"


@pytest.mark.parametrize("name", ["2026", "", "nope", "../../etc/passwd"])
def test_a_record_that_is_not_there(tmp_path: Path, name: str) -> None:
    store = RecordStore(tmp_path)
    record(store, "20260101-000000-aaaaaa")
    record(store, "20260102-000000-bbbbbb")
    with pytest.raises(RecordError):
        store.find(name)


def test_a_file_that_is_no_record_does_not_hide_the_others(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    record(store, "20260101-000000-aaaaaa")
    (tmp_path / "20260102-000000-bbbbbb.jsonl").write_text("what is this\n")
    (tmp_path / "20260103-000000-cccccc.jsonl").write_text("")
    assert [summary.run_id for summary in store.summaries()] == ["20260101-000000-aaaaaa"]
    with pytest.raises(RecordError):
        list(store.find("bbbbbb").events())


async def test_a_replay_is_the_run_again(supervise: Supervise, write: Write) -> None:
    supervisor = supervise()
    run = supervisor.start(write("console.log('one'); await echoStep.startStream('a b c').done();"))
    events = await read(run)
    # At once: what is still to be written is waited for.
    assert merged(await read(await supervisor.replay(run.id))) == merged(events)


async def test_a_run_that_goes_on_has_no_replay_yet(supervise: Supervise, write: Write) -> None:
    supervisor = supervise()
    run = supervisor.start(write("console.log('on'); setInterval(() => {}, 1000);"))
    await read_until(run, "console")
    async with asyncio.timeout(SECONDS):
        while not supervisor.records or not supervisor.records.records():
            await asyncio.sleep(0.02)
    with pytest.raises(GeppettoError, match="goes on"):
        await supervisor.replay("last")


async def test_a_replay_keeps_the_pace_and_can_be_cancelled(supervise: Supervise, store: RecordStore) -> None:
    store.folder.mkdir(parents=True)
    record(store, "20260101-000000-aaaaaa", times=(0.0, 0.2, 0.4))
    record(store, "20260102-000000-bbbbbb", times=(0.0, 500.0))
    supervisor = supervise()
    began = time.monotonic()
    events = await read(await supervisor.replay("aaaaaa", pace=2.0))
    assert time.monotonic() - began >= 0.15
    assert [event.kind for event in events] == ["console"] * 3 + ["end"]
    slow = await supervisor.replay("bbbbbb", pace=1.0)
    await read_until(slow, "console")
    assert slow.cancel()
    end = (await read(slow))[-1]
    assert isinstance(end, EndEvent) and (end.outcome, end.seconds > 0) == ("cancelled", True)


async def test_a_record_that_was_cut_off_has_an_end_all_the_same(
    supervise: Supervise, store: RecordStore
) -> None:
    store.folder.mkdir(parents=True)
    record(store, "20260101-000000-aaaaaa", end=False, pid=dead_pid())
    with store.path("20260101-000000-aaaaaa").open("a") as file:
        file.write('{"at":1.0,"event":{"kind":"cons')
    events = await read(await supervise().replay("aaaaaa"))
    assert [event.kind for event in events] == ["console", "end"]
    assert isinstance(events[-1], EndEvent) and events[-1].errors[0].code == "run.lost"


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GEPPETTO_STATE_DIR", str(tmp_path))
    assert RecordStore().folder == tmp_path / "runs"
    monkeypatch.delenv("GEPPETTO_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert RecordStore().folder.is_relative_to(tmp_path / "xdg")


def record(
    store: RecordStore,
    run_id: str,
    *,
    end: bool = True,
    pid: int | None = None,
    filler: int = 1,
    times: tuple[float, ...] = (0.0,),
) -> None:
    """Writes a record as an older run would have left it."""
    head = {
        "record": 1,
        "runId": run_id,
        "startedAt": "2026-01-01T00:00:00Z",
        "pid": os.getpid() if pid is None else pid,
        "request": {"path": "/w/a.js"},
    }
    lines: list[object] = [head]
    lines += [{"at": at, "event": {"kind": "console", "level": "log", "text": "x" * filler}} for at in times]
    if end:
        lines.append({"at": times[-1], "event": {"kind": "end", "outcome": "ok", "seconds": 0.1}})
    store.path(run_id).write_text("".join(json.dumps(line) + "\n" for line in lines))


def dead_pid() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
