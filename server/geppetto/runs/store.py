"""The folder of run records: making, finding and forgetting them."""

from __future__ import annotations

import contextlib
from collections.abc import Container
from pathlib import Path

from geppetto.resources import state_dir
from geppetto.runs.records import SUFFIX, RecordError, RunRecord, RunSummary

KEPT_RECORDS = 200
KEPT_BYTES = 256 * 1024 * 1024
RECORD_BYTES = 32 * 1024 * 1024


class RecordStore:
    """The records in a folder, which is made when the first is written; nobody else may read it.

    Args:
        folder: None for this user's (see ``geppetto.resources.state_dir``).
        keep: how many records stay, newest first.
        keep_bytes: how many bytes they may have together.
        record_bytes: how many each may have.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        keep: int = KEPT_RECORDS,
        keep_bytes: int = KEPT_BYTES,
        record_bytes: int = RECORD_BYTES,
    ) -> None:
        self.folder = folder or state_dir() / "runs"
        self.record_bytes = record_bytes
        self._keep = keep
        self._keep_bytes = keep_bytes

    def path(self, run_id: str) -> Path:
        """The file of a run's record. Makes the folder.

        Raises:
            OSError: it cannot be made.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f"{run_id}{SUFFIX}"

    def records(self) -> list[RunRecord]:
        """Every record, newest first."""
        return [RunRecord(path) for path in sorted(self.folder.glob(f"*{SUFFIX}"), reverse=True)]

    def summaries(self, count: int | None = None) -> list[RunSummary]:
        """The records that can be read, newest first, or only so many of them."""
        found: list[RunSummary] = []
        for record in self.records():
            if len(found) == count:
                break
            with contextlib.suppress(
                RecordError, FileNotFoundError
            ):  # another process may remove it meanwhile
                found.append(record.summary())
        return found

    def find(self, name: str) -> RunRecord:
        """The record of a run.

        Args:
            name: the run's id, or its beginning or end where only one record has it; ``last`` for the newest.

        Raises:
            RecordError: there is none, or more than one.
        """
        records = self.records()
        if name == "last" and records:
            return records[0]
        ids = {record.run_id: record for record in records}
        if name in ids:
            return ids[name]
        fitting = [run_id for run_id in ids if run_id.startswith(name) or run_id.endswith(name)]
        match fitting:
            case [run_id] if name:
                return ids[run_id]
            case []:
                raise RecordError(
                    f"There is no record of a run '{name}'", hint="geppetto runs list shows what there is."
                )
            case _:
                raise RecordError(
                    f"'{name}' may be any of {len(fitting)} runs", hint="Give more of the run's id."
                )

    def prune(self, spare: Container[str] = ()) -> None:
        """Removes the oldest records beyond the bounds, but not those of runs that go on.

        Args:
            spare: ids of runs whose records stay in any case.
        """
        size = 0
        for number, record in enumerate(self.records()):
            try:
                size += self.path(record.run_id).stat().st_size
                if number < self._keep and size <= self._keep_bytes:
                    continue
                if record.run_id not in spare and not record.goes_on():
                    record.remove()
            except (OSError, RecordError):
                continue  # removed by another process, or not ours to remove
