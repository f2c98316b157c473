"""`geppetto web`: serves the chat until it is stopped."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import quote

import uvicorn
from starlette.types import ASGIApp

from geppetto.chat.answering import Answering
from geppetto.errors import GeppettoError
from geppetto.events.router import EventRouter
from geppetto.events.transports import Transport
from geppetto.resources import state_dir
from geppetto.steps.tools import ToolBox
from geppetto.web.app import create_app
from geppetto.web.chats import Chats
from geppetto.web.gate import MIN_TOKEN
from geppetto.web.store import Store
from geppetto.web.views import Views

_GRACE: Final = 3
"""Seconds that open requests get when the server is stopped."""


class ServerError(GeppettoError):
    """The server cannot be started as asked."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to serve.

    Attributes:
        folder: whose settings hold.
        host, port: where to listen; port 0 takes a free one.
        profile: the profile to use where the page chooses none.
        data: the file of the conversations; None for the user's own.
        token_file: where the token stands; None asks for one, kept in the user's state folder, unless only
            this machine can reach the server.
        allowed_hosts: names under which it may be reached, besides addresses and localhost.
        tools: names of the tools, of those that the settings or packages name, that models may call. Where workers
            answer, theirs.
        bus: whose workers answer: a URL, or ``none``. None leaves it to the settings.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8765
    profile: str | None = None
    data: Path | None = None
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    bus: str | None = None


def serve(
    options: ServerOptions,
    *,
    tools: ToolBox | None = None,
    on_start: Callable[[str, str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; answers that are coming then are kept as far as they came.

    Args:
        tools: what else models may call. Workers cannot: where they answer, this is an error.
        on_start: called when the server listens, with the address to open, token included, and with what the
            person should know about who answers, "" for nothing.

    Raises:
        GeppettoError: the port, the file of the conversations, the token, a tool or the bus cannot be used.
    """
    try:
        asyncio.run(_serve(options, tools, on_start))
    except KeyboardInterrupt:
        return  # everything was put in order before it came here


async def _serve(
    options: ServerOptions, tools: ToolBox | None, on_start: Callable[[str, str], None] | None
) -> None:
    token, views = _token(options), Views()
    answering = Answering(options.folder, options.profile, bus=options.bus, tools=options.tools)
    tools = await answering.open(tools)
    bus = answering.bus()
    with _listener(options.host, options.port) as listener:
        store = Store(options.data or state_dir() / "web" / "conversations.sqlite")
        store.open()
        transport: Transport | None = None
        try:
            if bus is not None:
                from geppetto.events.transports.connect import connect

                transport = await connect(bus)
            async with EventRouter() as router:
                chats = Chats(store, views, router, answering.make_step, tools, transport)

                async def stop() -> None:
                    # Before the server gives the signal back, which may end the process at once.
                    await chats.close()
                    await answering.close()
                    store.close()

                notice = (await answering.choice()).notice
                address = _address(options.host, listener.getsockname()[1], token)
                app = create_app(
                    chats,
                    views,
                    answering,
                    token=token,
                    allowed_hosts=(*options.allowed_hosts, options.host),
                    on_start=(lambda: on_start(address, notice)) if on_start else None,
                    on_stop=stop,
                )
                await _uvicorn(app).serve(sockets=[listener])
        finally:
            await answering.close()
            store.close()
            if transport is not None:
                await transport.close()


def _uvicorn(app: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    return uvicorn.Server(config)


@contextmanager
def _listener(host: str, port: int) -> Generator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ServerError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}.",
            hint="Choose another with --port (0 takes a free one) or --host.",
        ) from None
    with listener:
        yield listener


def _token(options: ServerOptions) -> str | None:
    """The token that is asked for, made where there is none; None when only this machine can come."""
    if options.token_file is None and _is_loopback(options.host):
        return None
    path = options.token_file or state_dir() / "web" / "token"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{secrets.token_urlsafe(24)}\n")
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(f"The token in {path} cannot be read: {error}.") from None
    if len(token) < MIN_TOKEN or not token.isprintable():
        raise ServerError(
            f"The token in {path} is too easy to guess: it has {len(token)} characters.",
            hint=f"Use {MIN_TOKEN} or more, or remove the file, and a good one is made.",
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(host: str, port: int, token: str | None) -> str:
    try:
        parsed = ip_address(host)
        # A browser cannot open "every address"; this machine's own name is as good a guess as any.
        name = socket.gethostbyname(socket.gethostname()) if parsed.is_unspecified else host
        name = f"[{name}]" if ":" in name else name
    except (ValueError, OSError):
        name = host
    return f"http://{name}:{port}/" + (f"login?token={quote(token, safe='')}" if token else "")
