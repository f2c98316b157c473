"""Bounds on a process that runs a script: what it does to itself, and what whoever started it watches.

Imports little: the command line needs it before anything else.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import Literal

from geppetto.errors import GeppettoError

_MIB = 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_LEAST_FOR_A_SCRIPT = 8 * _MIB
_SLACK = 64 * _MIB
_NEAR = 0.6
"""How much of its memory a process had when it was last measured, for its death to be blamed on that."""
_OUT_OF_MEMORY = re.compile(rb"out of memory|allocation failed", re.IGNORECASE)

DeathCause = Literal["memory", "killed", "crash"]


def bound_memory(memory_bytes: int) -> int:
    """Bounds what this process may allocate from now on: the system refuses more (``RLIMIT_DATA``).

    To be called when V8 has started: it maps much that it does not use, and the system counts that too.

    Returns:
        How many bytes are mapped and unused, which the bound leaves out; 0 where it cannot be told, and
        then nothing is bounded.

    Raises:
        GeppettoError: the process has more than that already, or so nearly that no script could begin.
    """
    if sys.platform == "win32":
        return 0
    try:
        with open("/proc/self/status", "rb") as status:
            sizes = dict(re.findall(rb"^(VmData|RssAnon):\s+(\d+) kB", status.read(), re.MULTILINE))
    except OSError:
        return 0  # not Linux
    used = int(sizes[b"RssAnon"]) * 1024
    if memory_bytes < used + _LEAST_FOR_A_SCRIPT:
        raise GeppettoError(
            f"{memory_bytes // _MIB} MiB of memory are too little: {used // _MIB} MiB are used before a script begins",
            hint="Raise the limit with --max-memory, or under [limits] in geppetto.toml.",
        )
    unused = int(sizes[b"VmData"]) * 1024 - used
    limit_data(memory_bytes + unused)
    return unused


def limit_data(size: int) -> None:
    """Sets ``RLIMIT_DATA`` to some bytes, or to what the user's own hard limit leaves. POSIX only."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = min(size, sys.maxsize if hard == resource.RLIM_INFINITY else hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))


class MemoryWatch:
    """Measures the memory of another process, on Linux.

    Args:
        pid: a process that lives.
        unused: bytes it has mapped and does not use (see ``bound_memory``).

    Attributes:
        resident: bytes it had in memory, mapped files apart, when it was last measured.

    Raises:
        OSError: nothing can be measured here.
    """

    def __init__(self, pid: int, limit: int, unused: int = 0) -> None:
        self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
        self._limit = limit
        self.unused = unused
        self.resident = 0
        self._mapped = 0

    def is_exceeded(self) -> bool:
        """Measures; whether it has more than it may. A process that has ended keeps its last measure."""
        try:
            fields = [int(field) * _PAGE for field in os.pread(self._statm, 200, 0).split()]
        except ProcessLookupError:
            return False
        if len(fields) < 6 or not fields[0]:
            return False
        _, resident, shared, _, _, self._mapped, *_ = fields
        self.resident = resident - shared
        return self.resident > self._limit + _SLACK

    def was_near(self) -> bool:
        """Whether it had most of what it may, used or only mapped, when it was last measured."""
        return max(self.resident, self._mapped - self.unused) > self._limit * _NEAR

    def close(self) -> None:
        os.close(self._statm)


def cause_of_death(died: int, said: bytes, *, was_near_limit: bool) -> DeathCause:
    """Why a signal ended a process that runs a script.

    Args:
        died: the number of the signal.
        said: what V8 wrote to standard error.
        was_near_limit: whether it had used most of its memory.
    """
    if _OUT_OF_MEMORY.search(said):
        return "memory"
    if died == signal.SIGTRAP and was_near_limit:
        return "memory"
    return "killed" if died in (9, signal.SIGTERM) else "crash"
