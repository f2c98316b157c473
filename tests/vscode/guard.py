"""Runs a command that does not outlive whoever wants it:

    python guard.py HOME COMMAND…

When its standard input closes, everything that has HOME as its home is ended. The other end of that pipe closes by
itself if whoever holds it is killed. Linux only.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

KINDLY = 3.0  # seconds in which processes may end by themselves
PATIENCE = 30.0  # seconds, then those that are left cannot be killed


def members(home: Path) -> list[int]:
    """The processes whose home is that folder, whether or not their parents still live; not this one."""
    mark = f"HOME={home}".encode()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":
                    found.append(int(entry.name))
        except OSError:
            continue  # It has gone, or is somebody else's.
    return found


def end(home: Path) -> None:
    began = time.monotonic()
    told: set[int] = set()
    while (left := members(home)) and (spent := time.monotonic() - began) < PATIENCE:
        for pid in left:
            try:
                if spent > KINDLY:
                    os.kill(pid, signal.SIGKILL)
                elif pid not in told:
                    told.add(pid)
                    os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def main(home: Path, command: list[str]) -> int:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only now: the command would inherit that
    ended = os.pidfd_open(process.pid)
    try:
        select.select([sys.stdin.fileno(), ended], [], [])
    finally:
        end(home)
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
