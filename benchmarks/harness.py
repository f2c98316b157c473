"""How everything is measured: warmed up, in turns, and told with its spread."""

import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent
GEPPETTO = str(Path(sys.executable).with_name("geppetto"))


class MissingPeer(Exception):
    """What a question measures against is not here; the message says what to install."""


def need(program: str, how: str) -> str:
    """Where a program is.

    Args:
        how: what to install, for people.

    Raises:
        MissingPeer: it is not on PATH.
    """
    found = shutil.which(program)
    if found is None:
        raise MissingPeer(f"{program} was not found; install {how}")
    return found


_bytecode = tempfile.TemporaryDirectory()


def environment() -> dict[str, str]:
    """As this process's, but with compiled modules on disk, as an installed Python keeps them."""
    skipped = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    kept = {name: value for name, value in os.environ.items() if name not in skipped}
    return {**kept, "PYTHONPYCACHEPREFIX": _bytecode.name}


@dataclass(frozen=True)
class Series:
    """What one contender measured, a number a round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def over(self, other: "Series") -> "Series":
        """The ratios round by round: what disturbs a round disturbs both sides of it."""
        return Series(tuple(mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)))


def exponent(sizes: tuple[int, int], smaller: Series, larger: Series) -> Series:
    """The power of the size that a cost grows with, from one size to another: 1 is in proportion, 2 quadratic."""
    steps = math.log(sizes[1] / sizes[0])
    return Series(tuple(math.log(ratio) / steps for ratio in larger.over(smaller).values))


@dataclass(frozen=True)
class Row:
    """One line of the results.

    Attributes:
        target: the limit and its side, such as "<= 4" or ">= 50000"; "" if there is none.
        note: what else a reader must know, in a few words.
    """

    name: str
    unit: str
    series: Series
    target: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps to the target; None without one."""
        if not self.target:
            return None
        side, limit = self.target.split()
        return self.series.median <= float(limit) if side == "<=" else self.series.median >= float(limit)

    def as_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "series": list(self.series.values),
            "median": self.series.median,
            "met": self.met,
        }


@dataclass
class Bench:
    """The settings of one run, and what the questions use to measure.

    Attributes:
        rounds: how often each contender has its turn.
    """

    rounds: int = 5
    versions: dict[str, str] = field(default_factory=dict[str, str])

    def take_turns(
        self, contenders: dict[str, Callable[[], float]], *, rounds: int | None = None, warm_up: int = 1
    ) -> dict[str, Series]:
        """Runs A B A B …, so that a change of the machine's mood meets all of them. Each returns its figure."""
        measured: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(warm_up + (rounds or self.rounds)):
            for name, contender in contenders.items():
                figure = contender()
                if turn >= warm_up:
                    measured[name].append(figure)
        return {name: Series(tuple(values)) for name, values in measured.items()}

    def peer(self, name: str, *command: str) -> None:
        """Notes the version of a program measured against, which is the first line that the command prints."""
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        self.versions[name] = said.stdout.strip().splitlines()[0]


@dataclass(frozen=True)
class Finished:
    """A program that ran to its end, with its children: seconds, CPU seconds and the largest one's peak memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_program(command: Sequence[str], *, cwd: Path | None = None, timeout: float = 300) -> Finished:
    """Runs a program, its output thrown away.

    Raises:
        RuntimeError: it failed; the message has the end of its stderr.
        TimeoutError: it took too long.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        alarm = _kill_after(process, timeout)
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        alarm.cancel()
    finally:
        process.stderr.close()
    seconds = time.perf_counter() - started
    if seconds >= timeout:
        raise TimeoutError(f"{' '.join(command)} took longer than {timeout:g} s")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {errors.decode()[-2000:]}")
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return Finished(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilobyte)


def _kill_after(process: "subprocess.Popen[bytes]", seconds: float) -> threading.Timer:
    alarm = threading.Timer(seconds, process.kill)
    alarm.daemon = True
    alarm.start()
    return alarm


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or not this kind of processor: the short name has to do
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
