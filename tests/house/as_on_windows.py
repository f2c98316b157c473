"""Imports Geppetto in a Python without what there is not on Windows. What it is made from is imported before."""

import os
import select
import signal
import socket
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from types import ModuleType

MODULES = (
    "geppetto.cli.app",
    "geppetto.cli.execute",
    "geppetto.cli.main",
    "geppetto.lsp.check.checker",
    "geppetto.lsp.main",
    "geppetto.lsp.server",
    "geppetto.runs.ahead",
    "geppetto.runs.host",
    "geppetto.runs.supervisor",
    "geppetto.tui.chat_app",
    "geppetto.tui.run_app",
    "geppetto.web.app",
    "geppetto.workers.worker",
)
NOT_THERE: dict[ModuleType, tuple[str, ...]] = {
    os: (
        "fork",
        "getuid",
        "pidfd_open",
        "pread",
        "register_at_fork",
        "set_blocking",
        "setsid",
        "sysconf",
        "WNOHANG",
    ),
    select: ("poll",),
    signal: ("SIGCHLD", "SIGHUP", "SIGKILL", "SIGTRAP", "pidfd_send_signal"),
    socket: ("AF_UNIX", "recv_fds", "send_fds"),
}
NO_MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty")


class Missing(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname in NO_MODULES:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def import_all() -> None:
    for name in MODULES:
        import_module(name)
    sys.modules["geppetto.runs.ahead"].import_modules()


import_all()
for name in list(sys.modules):
    if name.partition(".")[0] == "geppetto" or name in NO_MODULES:
        del sys.modules[name]
sys.meta_path.insert(0, Missing())
for module, names in NOT_THERE.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "win32"
import_all()
