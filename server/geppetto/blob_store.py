"""Things that can be made again, kept by key: in memory, or in a file that several processes share.

On disk it is SQLite, from the standard library: it locks, it survives a killed process, and it finds the entry
unused for longest without reading the others. (diskcache, the usual library, keeps pickles, so that whoever can
write the file runs code here.)

A store is never worth a failure. What cannot be read is a miss, what cannot be written is forgotten, and a file that
is broken is thrown away.
"""

import asyncio
import logging
import os
import sqlite3
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

ENTRY_OVERHEAD = 250
"""What an entry costs in memory besides its value: the key, the objects, their place in the dictionary."""

_VERSION = 1
_BUSY_SECONDS = 5.0
_PAGE = 4096
_CHECK_BYTES = 8
_STALE_SECONDS = 600
"""A hit is noted only if the last one is older: otherwise every read would be a write."""

_AT_ONCE = 500
"""Keys in one query; SQLite's own limit was 999 for long."""


class BlobStore(Protocol):
    """Bytes by key, with an upper bound of what they take."""

    async def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The values of those keys that are there."""
        ...

    async def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep the values; those unused for longest may have to go."""
        ...


def blob_key(*parts: str) -> bytes:
    """A key of fixed length for texts of any length."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


class MemoryStore:
    """Keeps at most `max_bytes`, counted with what Python adds, for as long as the process lives."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._values: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._bytes

    async def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found = {key: self._values[key] for key in keys if key in self._values}
        for key in found:
            self._values.move_to_end(key)
        return found

    async def put(self, values: Mapping[bytes, bytes]) -> None:
        for key, value in values.items():
            if len(value) + ENTRY_OVERHEAD > self._max_bytes:
                continue  # it would only drive the others out
            if (old := self._values.pop(key, None)) is not None:
                self._bytes -= len(old) + ENTRY_OVERHEAD
            self._values[key] = value
            self._bytes += len(value) + ENTRY_OVERHEAD
        while self._bytes > self._max_bytes:
            _, dropped = self._values.popitem(last=False)
            self._bytes -= len(dropped) + ENTRY_OVERHEAD


class DiskStore:
    """Keeps at most `max_bytes` in a file, which any number of processes may use at the same time.

    The file and its companions (`-wal`, `-shm`) can be read by their owner alone. Opened when first used.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        # A few for what the last write adds, and for SQLite's own.
        self._max_pages = max(max_bytes // _PAGE - 16, 16)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._finalizer: Callable[[], object] | None = None
        self._trouble = 0

    async def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return await asyncio.to_thread(self._guarded, lambda db: _get(db, keys), dict[bytes, bytes]())

    async def put(self, values: Mapping[bytes, bytes]) -> None:
        room = self._max_pages * _PAGE // 2
        fitting = {key: value for key, value in values.items() if len(value) < room}
        await asyncio.to_thread(self._guarded, lambda db: _put(db, fitting, self._max_pages), None)

    def close(self) -> None:
        """Close the file; it is opened again if it is needed."""
        with self._lock:
            self._drop_connection()

    def _guarded(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """The result of some work on the database, or what holds without one."""
        with self._lock:
            if self._trouble > 1:
                return otherwise
            try:
                return work(self._open())
            except (sqlite3.Error, OSError) as error:
                if _is_busy(error):
                    logger.debug("%s: %s", self._path, error)
                    return otherwise
                self._drop_connection()
                if isinstance(error, sqlite3.DatabaseError) and not isinstance(
                    error, sqlite3.OperationalError
                ):
                    logger.warning("%s is broken (%s): beginning a new one", self._path, error)
                    self._remove()
                else:
                    logger.warning("%s cannot be used: %s", self._path, error)
                # A full disk, or a folder that may not be written to, will be so the next time too.
                self._trouble += 1
                return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made here for its mode, which SQLite gives its companions too.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # A text where bytes should be is a broken entry, and not an error.
            connection.text_factory = bytes
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._finalizer = weakref.finalize(self, connection.close)
        return self._connection

    def _drop_connection(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._connection = self._finalizer = None

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            try:
                os.unlink(f"{self._path}{suffix}")
            except FileNotFoundError:
                continue
            except OSError as error:
                # On Windows, while another process has it open.
                logger.warning("%s%s cannot be removed: %s", self._path, suffix, error.strerror)


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _prepare(db: sqlite3.Connection) -> None:
    # A crash of the machine may lose the last entries, and harms nothing else.
    db.execute("PRAGMA synchronous = NORMAL")
    if _version(db) == _VERSION:
        return
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # holds only for a new file
    db.execute("PRAGMA journal_mode = WAL")
    with _Transaction(db):
        if _version(db) == _VERSION:
            return  # another process was faster
        db.execute("DROP TABLE IF EXISTS entries")
        db.execute("CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL, used INTEGER NOT NULL)")
        db.execute("CREATE INDEX entries_used ON entries (used)")
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _version(db: sqlite3.Connection) -> int:
    [version] = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _get(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    stale: list[bytes] = []
    broken: list[bytes] = []
    now = int(time.time())
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        marks = ",".join("?" * len(part))
        for key, stored, used in db.execute(
            f"SELECT key, value, used FROM entries WHERE key IN ({marks})", part
        ):
            if not isinstance(stored, bytes) or (value := _checked(key, stored)) is None:
                broken.append(key)
                continue
            found[key] = value
            if not 0 <= now - used <= _STALE_SECONDS:
                stale.append(key)
    if stale or broken:
        with _Transaction(db):
            db.executemany("UPDATE entries SET used = ? WHERE key = ?", [(now, key) for key in stale])
            db.executemany("DELETE FROM entries WHERE key = ?", [(key,) for key in broken])
    return found


def _put(db: sqlite3.Connection, values: Mapping[bytes, bytes], max_pages: int) -> None:
    now = int(time.time())
    with _Transaction(db):
        db.executemany(
            "INSERT OR REPLACE INTO entries (key, value, used) VALUES (?, ?, ?)",
            [(key, _check(key, value) + value, now) for key, value in values.items()],
        )
        vacuum = _make_room(db, max_pages)
    if vacuum:
        db.execute("PRAGMA incremental_vacuum").fetchall()


def _make_room(db: sqlite3.Connection, max_pages: int) -> bool:
    """Drop what was unused for longest, until a tenth is free, so that not every later write has to."""
    if _used_pages(db) <= max_pages:
        return False
    while _used_pages(db) > max_pages * 9 // 10:
        [count] = db.execute("SELECT count(*) FROM entries").fetchone()
        if not count:
            break
        db.execute(
            "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries ORDER BY used, rowid LIMIT ?)",
            [max(count // 20, 1)],
        )
    return True


def _used_pages(db: sqlite3.Connection) -> int:
    [pages] = db.execute("PRAGMA page_count").fetchone()
    [free] = db.execute("PRAGMA freelist_count").fetchone()
    return int(pages) - int(free)


def _check(key: bytes, value: bytes) -> bytes:
    """SQLite does not notice when the bytes of a value change on disk."""
    return blake2b(value, digest_size=_CHECK_BYTES, key=key).digest()


def _checked(key: bytes, stored: bytes) -> bytes | None:
    value = stored[_CHECK_BYTES:]
    return value if stored[:_CHECK_BYTES] == _check(key, value) else None


class _Transaction:
    """From BEGIN IMMEDIATE, which waits for other writers, to COMMIT or ROLLBACK."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:
            self._db.execute("ROLLBACK")
