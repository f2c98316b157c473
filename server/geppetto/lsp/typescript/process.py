"""The TypeScript server as a child process. Imports next to nothing, so that it can be started before all else."""

import os
import subprocess
import sys
import threading
from collections import deque

from geppetto.resources import tsc_path

_STDERR_TAIL_BYTES = 4096


class TypeScriptProcess:
    """A running `tsc --lsp`. It ends by itself when its stdin closes, so it dies with us, however we die."""

    def __init__(self) -> None:
        # A session of its own, so that Ctrl-C in a terminal reaches us alone, and we end it in good order.
        self._popen = subprocess.Popen(
            [os.fspath(tsc_path()), "--lsp", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=sys.platform != "win32",
            creationflags=0x200 if sys.platform == "win32" else 0,
        )
        assert self._popen.stdin and self._popen.stdout and self._popen.stderr
        self._stderr: deque[bytes] = deque(maxlen=16)
        self.stdin = self._popen.stdin.fileno()
        if sys.platform != "win32":
            os.set_blocking(self.stdin, False)  # this end is nobody's but ours
        self.stdout = self._popen.stdout.fileno()
        self.pid = self._popen.pid
        self._stderr_reader = threading.Thread(
            target=self._read_stderr, args=(self._popen.stderr.fileno(),), name="tsc-stderr", daemon=True
        )
        self._stderr_reader.start()

    def kill(self) -> None:
        if self._popen.poll() is None:
            self._popen.kill()

    def close_stdin(self) -> None:
        if self._popen.stdin:
            self._popen.stdin.close()

    def wait(self, timeout: float) -> int | None:
        """The exit code, or None if it still runs after `timeout` seconds."""
        try:
            code = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._stderr_reader.join(timeout=0.5)
        return code

    def release(self) -> None:
        """Closes the pipes of a process that has ended, after their readers have seen the end."""
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe:
                pipe.close()

    @property
    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return b"".join(self._stderr)[-_STDERR_TAIL_BYTES:].decode("utf-8", "replace").strip()

    def _read_stderr(self, descriptor: int) -> None:
        try:
            while data := os.read(descriptor, 4096):
                self._stderr.append(data)
        except OSError:
            return
