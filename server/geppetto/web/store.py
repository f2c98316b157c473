"""Conversations on disk: one SQLite file, one thread that reads and writes it."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from geppetto.conversation.answer import ToolPart, parts_adapter
from geppetto.errors import GeppettoError
from geppetto.web.turns import Turn, TurnMeta

T = TypeVar("T")

_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, profile TEXT NOT NULL, head TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL
) STRICT;
CREATE INDEX conversations_updated ON conversations (updated);
CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    parent TEXT NOT NULL, role TEXT NOT NULL, status TEXT NOT NULL, parts TEXT NOT NULL,
    error TEXT NOT NULL, meta TEXT NOT NULL, created REAL NOT NULL
) STRICT;
CREATE INDEX turns_conversation ON turns (conversation);
"""


class StoreError(GeppettoError):
    """The file of conversations cannot be used."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation without what was said. `updated` is in seconds since 1970."""

    id: str
    title: str
    profile: str
    head: str
    updated: float


class Store:
    """The conversations of one server, which has the file to itself while it is open.

    What is called first is written first. Every method but `open` and `close` waits for the disk, not the loop.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="conversations")
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, or make it, readable by its owner only. Answers that a crash cut off become interrupted.

        Raises:
            StoreError: another server uses it, it is of a newer version, or it is no such file.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.touch(mode=0o600)
            self._thread.submit(self._open).result()
        except (sqlite3.Error, OSError) as error:
            self._thread.shutdown()
            if "locked" in str(error):
                raise StoreError(
                    f"The conversations in {self.path} are in use by another `geppetto web`.",
                    hint="Open that one, stop it, or keep other conversations with --data FILE.",
                ) from None
            raise StoreError(f"The conversations in {self.path} cannot be opened: {error}.") from None
        except StoreError:
            self._thread.shutdown()
            raise

    def close(self) -> None:
        """Write what is waiting and close the file."""
        if self._database is not None:
            self._thread.submit(self._database.close)
        self._thread.shutdown()

    async def summaries(self, limit: int = 500) -> list[Summary]:
        """The conversations, the one used last first."""
        sql = "SELECT id, title, profile, head, updated FROM conversations ORDER BY updated DESC LIMIT ?"
        return await self._do(lambda db: [Summary(*row) for row in db.execute(sql, (limit,))])

    async def load(self, id: str) -> tuple[Summary, list[Turn]] | None:
        """A conversation with its turns, oldest first; None when there is none of that id."""
        return await self._do(lambda db: _load(db, id))

    async def save_conversation(self, id: str, title: str, profile: str, head: str) -> None:
        """Keep a conversation, new or changed."""
        now = time.time()
        sql = """
            INSERT INTO conversations (id, title, profile, head, created, updated) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET
                title = excluded.title, profile = excluded.profile, head = excluded.head, updated = excluded.updated
        """
        await self._do(lambda db: db.execute(sql, (id, title, profile, head, now, now)))

    async def save_turn(self, conversation: str, turn: Turn) -> None:
        """Keep a turn, new or changed, as it is now. One of a conversation that was deleted is not kept."""
        values = (
            turn.id,
            conversation,
            turn.parent,
            turn.role,
            turn.status,
            parts_adapter.dump_json(turn.parts).decode(),
            turn.error,
            turn.meta.model_dump_json(exclude_defaults=True),
            turn.created,
            conversation,
        )
        sql = """
            INSERT OR REPLACE INTO turns (id, conversation, parent, role, status, parts, error, meta, created)
            SELECT ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM conversations WHERE id = ?)
        """
        await self._do(lambda db: db.execute(sql, values))

    async def delete(self, id: str) -> None:
        """Forget a conversation and all that was said in it."""
        await self._do(lambda db: db.execute("DELETE FROM conversations WHERE id = ?", (id,)))

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        database = self._database
        assert database is not None, "the store is open"
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, database)

    def _open(self) -> None:
        database = sqlite3.connect(self.path, timeout=1, isolation_level=None)
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("PRAGMA secure_delete = ON")
            # The lock is taken by the first write, and kept.
            database.execute("BEGIN IMMEDIATE")
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise StoreError(f"{self.path} was written by a newer Geppetto.", hint="Update Geppetto.")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
            if version == 1:
                _note_answered_calls(database)
            database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute("UPDATE turns SET status = 'interrupted' WHERE status = 'streaming'")
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        self._database = database


def _note_answered_calls(database: sqlite3.Connection) -> None:
    """From version 1, which marked a call of an answer that was cut off as done, whether or not it had a result.

    It did not note rounds either: calls without text between them count as made together.
    """
    cut_off = database.execute(
        "SELECT id, parts FROM turns WHERE status <> 'done' AND parts LIKE '%\"type\":\"tool\"%'"
    ).fetchall()
    for id, kept in cut_off:
        parts = parts_adapter.validate_json(kept)
        for part in parts:
            if isinstance(part, ToolPart) and part.result is None and not part.is_error:
                part.done = False
        database.execute(
            "UPDATE turns SET parts = ? WHERE id = ?", (parts_adapter.dump_json(parts).decode(), id)
        )


def _load(database: sqlite3.Connection, id: str) -> tuple[Summary, list[Turn]] | None:
    found = database.execute(
        "SELECT id, title, profile, head, updated FROM conversations WHERE id = ?", (id,)
    ).fetchone()
    if found is None:
        return None
    rows = database.execute(
        "SELECT id, parent, role, status, parts, error, meta, created FROM turns"
        " WHERE conversation = ? ORDER BY created, rowid",
        (id,),
    )
    turns = [
        Turn(
            id=turn_id,
            parent=parent,
            role=role,
            status=status,
            parts=parts_adapter.validate_json(parts),
            error=error,
            meta=TurnMeta.model_validate_json(meta),
            created=created,
        )
        for turn_id, parent, role, status, parts, error, meta, created in rows
    ]
    return Summary(*found), turns
