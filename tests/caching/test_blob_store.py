"""The store behind the caches: bounded, shared between processes, and never worth a failure."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from geppetto.blob_store import ENTRY_OVERHEAD, BlobStore, DiskStore, MemoryStore, blob_key

MIB = 1024 * 1024


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return MemoryStore(MIB) if request.param == "memory" else DiskStore(tmp_path / "s.sqlite3", MIB)


def key(number: int) -> bytes:
    return blob_key(str(number))


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


async def test_what_is_put_is_there(store: BlobStore) -> None:
    values = {key(n): os.urandom(n) for n in range(0, 2000, 3)}
    await store.put(values)
    await store.put({key(0): b"newer"})
    found = await store.get([*map(key, range(2000))])
    assert found == {**values, key(0): b"newer"}
    assert await store.get([]) == {}


async def test_it_stays_within_its_bounds_and_keeps_the_newest(store: BlobStore, tmp_path: Path) -> None:
    for n in range(400):
        await store.put({key(n): os.urandom(10_000)})
        assert await store.get([key(n)])
    kept = await store.get([*map(key, range(400))])
    assert 50 <= len(kept) <= 105
    assert set(kept) == {key(n) for n in range(400 - len(kept), 400)}
    if isinstance(store, DiskStore):
        store.close()
        assert size(tmp_path / "s.sqlite3") <= MIB
    else:
        assert isinstance(store, MemoryStore) and store.size <= MIB


async def test_a_value_larger_than_everything_drives_nothing_out(store: BlobStore) -> None:
    await store.put({key(1): b"small"})
    await store.put({key(2): bytes(2 * MIB)})
    assert await store.get([key(1), key(2)]) == {key(1): b"small"}


async def test_memory_forgets_what_was_not_asked_for_longest() -> None:
    store = MemoryStore(2 * (ENTRY_OVERHEAD + 1))
    await store.put({b"a": b"1", b"b": b"2"})
    await store.get([b"a"])
    await store.put({b"c": b"3"})
    assert await store.get([b"a", b"b", b"c"]) == {b"a": b"1", b"c": b"3"}


async def test_disk_forgets_what_was_not_asked_for_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1_000_000.0
    monkeypatch.setattr("geppetto.blob_store.time.time", lambda: clock)
    store = DiskStore(tmp_path / "s.sqlite3", MIB)
    for n in range(300):
        clock += 1000
        await store.put({key(n): os.urandom(10_000)})
        await store.get([key(0)])
    assert await store.get([key(0)])
    assert not await store.get([key(1)])


async def test_it_outlives_the_process_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s.sqlite3"
    first = DiskStore(path, MIB)
    await first.put({b"k": b"v"})
    if sys.platform != "win32":
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert len(modes) == 3
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    first.close()
    assert await DiskStore(path, MIB).get([b"k"]) == {b"k": b"v"}


async def test_an_entry_whose_bytes_changed_is_a_miss_and_goes(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    store = DiskStore(path, MIB)
    await store.put({b"a": b"right", b"b": b"right too", b"c": b"x", b"d": b"moved"})
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entries SET value = substr(value, 1, 8) || x'00' WHERE key = ?", [b"a"])
        db.execute("UPDATE entries SET value = 'text' WHERE key = ?", [b"c"])
        db.execute(
            "UPDATE entries SET value = (SELECT value FROM entries WHERE key = ?) WHERE key = ?", [b"b", b"d"]
        )
    db.close()
    assert await store.get([b"a", b"b", b"c", b"d"]) == {b"b": b"right too"}
    store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT key FROM entries").fetchall() == [(b"b",)]
    db.close()


@pytest.mark.parametrize("damage", ["garbage", "middle", "empty", "newer"])
async def test_a_broken_file_is_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "s.sqlite3"
    store = DiskStore(path, MIB)
    values = {key(n): os.urandom(5000) for n in range(50)}
    await store.put(values)
    store.close()
    if damage == "garbage":
        path.write_bytes(os.urandom(20_000))
    elif damage == "middle":
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    store = DiskStore(path, MIB)
    assert await store.get([*values]) == {}
    await store.put({b"k": b"v"})
    assert await store.get([b"k"]) == {b"k": b"v"}


@pytest.mark.parametrize("place", ["file/s.sqlite3", "folder"])
async def test_a_place_that_cannot_be_used_is_a_store_without_entries(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    store = DiskStore(tmp_path / place, MIB)
    for _ in range(3):
        await store.put({b"k": b"v"})
        assert await store.get([b"k"]) == {}
    assert (tmp_path / "folder").is_dir()


async def test_while_another_holds_the_lock_nothing_is_lost_but_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geppetto.blob_store._BUSY_SECONDS", 0.05)
    path = tmp_path / "s.sqlite3"
    store = DiskStore(path, MIB)
    await store.put({b"k": b"v"})
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        await store.put({b"l": b"w"})
        assert await store.get([b"k", b"l"]) == {b"k": b"v"}
    other.execute("ROLLBACK")
    other.close()
    await store.put({b"l": b"w"})
    assert await store.get([b"l"]) == {b"l": b"w"}


WORKER = """
import asyncio, os, sys
from pathlib import Path
from geppetto.blob_store import DiskStore, blob_key

async def main():
    me, store = sys.argv[2], DiskStore(Path(sys.argv[1]), 1024 * 1024)
    for n in range(150):
        await store.put({blob_key(me, str(n)): me.encode() * 5000, blob_key("shared"): me.encode()})
        found = await store.get([blob_key(me, str(n)), blob_key("shared")])
        assert found.get(blob_key(me, str(n)), me.encode() * 5000) == me.encode() * 5000
        assert found[blob_key("shared")] in (b"a", b"b", b"c")
asyncio.run(main())
"""


async def test_many_processes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    async with asyncio.timeout(60):
        workers = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", WORKER, str(path), name, stderr=subprocess.PIPE
            )
            for name in "abc"
        ]
        # One more, killed in the middle of its work.
        victim = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, str(path), "b")
        while not path.exists():
            await asyncio.sleep(0.01)
        victim.kill()
        await victim.wait()
        for worker in workers:
            _, errors = await worker.communicate()
            assert worker.returncode == 0, errors.decode()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    assert size(path) <= 2 * MIB


def test_keys_of_different_parts_differ() -> None:
    assert len({blob_key("ab", "c"), blob_key("a", "bc"), blob_key("abc"), blob_key("abc", "")}) == 4
    assert blob_key("\ud800") != blob_key("\ud801")
