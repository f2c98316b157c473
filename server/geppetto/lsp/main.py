"""`geppetto lsp`: serves one editor over stdio, or editors over TCP for debugging.

The TypeScript server is started before anything else is imported: it gets ready while Python loads.
"""

import os
import sys
from typing import TYPE_CHECKING

from geppetto.errors import GeppettoError
from geppetto.lsp.typescript.process import TypeScriptProcess

if TYPE_CHECKING:
    from geppetto.lsp.server import GeppettoServer


def serve_stdio() -> int:
    """Serves the editor at stdin and stdout until it says `exit` or goes away; returns the exit code."""
    first = _start_ahead()
    # The protocol's output, for nobody else: a stray print goes to stderr.
    output = os.dup(1)
    os.dup2(2, 1)
    import asyncio
    import gc

    _set_up_logging()
    # For so long a thread that looks at a script may hold up what the editor asks meanwhile.
    sys.setswitchinterval(0.001)
    # What is made now lives for ever: the collector need never look at it.
    gc.disable()
    _import_protocol_types()
    import geppetto.lsp.server  # noqa: F401  # pyright: ignore[reportUnusedImport]

    gc.freeze()
    gc.enable()
    return asyncio.run(_serve_pipes(first, 0, output))


def serve_tcp(port: int, host: str = "127.0.0.1") -> int:
    """Serves editors one after another on a port (0: any; it is printed to stderr), until interrupted."""
    import asyncio

    _set_up_logging()
    try:
        asyncio.run(_serve_port(host, port))
    except KeyboardInterrupt:
        return 0
    return 0


def _import_protocol_types() -> None:
    """Imports lsprotocol, most of whose 700 classes stay without the methods that attrs writes for each.

    Messages are JSON here (see `geppetto.lsp.protocol`), so that no such object is ever made, while writing these
    methods would be most of the time that the server takes to start: 0.3 of 0.6 s.
    """
    import attrs

    define = attrs.define
    made_by_pygls = {"ServerInfo"}

    def define_few(cls: type) -> type:
        return define(cls) if cls.__name__ in made_by_pygls else cls

    attrs.__dict__["define"] = define_few
    try:
        import lsprotocol.types  # noqa: F401  # pyright: ignore[reportUnusedImport]
    finally:
        attrs.__dict__["define"] = define


def _start_ahead() -> TypeScriptProcess | None:
    try:
        return TypeScriptProcess()
    except (OSError, GeppettoError):
        return None  # The backend tries again, and tells the user why it cannot.


async def _serve_pipes(first: TypeScriptProcess | None, descriptor: int, output: int) -> int:
    from geppetto.lsp.server import create_server
    from geppetto.lsp.wire import PipeReader, PipeWriter

    server = create_server(first)
    writer = PipeWriter(output, name="editor-out")
    server.rpc.set_writer(writer)

    def on_end(reason: Exception | None) -> None:
        if reason is not None:
            sys.stderr.write(f"geppetto lsp: the editor's messages cannot be read: {reason}\n")
        server.finished.set()

    PipeReader(descriptor, on_bodies=server.rpc.receive, on_end=on_end, name="editor-in")
    await server.finished.wait()
    await server.close()
    writer.close()
    return _exit_code(server)


async def _serve_port(host: str, port: int) -> None:
    import asyncio

    from geppetto.errors import GeppettoError
    from geppetto.lsp.server import create_server
    from geppetto.lsp.wire import FramingError, Unframer

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = create_server()
        server.rpc.set_writer(writer)  # pyright: ignore[reportArgumentType]
        unframer = Unframer()
        try:
            while not server.finished.is_set() and (data := await reader.read(256 * 1024)):
                server.rpc.receive(list(unframer.feed(data)))
        except (OSError, FramingError) as error:
            sys.stderr.write(f"geppetto lsp: the editor's messages cannot be read: {error}\n")
        finally:
            await server.close()
            writer.close()

    try:
        listener = await asyncio.start_server(serve, host, port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise GeppettoError(f"{host}:{port} cannot be listened on: {reason}.") from None
    sys.stderr.write(f"geppetto lsp: listening on {host}:{listener.sockets[0].getsockname()[1]}\n")
    sys.stderr.flush()
    async with listener:
        await listener.serve_forever()


def _exit_code(server: "GeppettoServer") -> int:
    return 0 if server.rpc.is_shut_down else 1


def _set_up_logging() -> None:
    """Warnings to stderr. Never below: pygls logs every message in full."""
    import logging

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
