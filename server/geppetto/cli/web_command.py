"""`geppetto web`: the chat in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from geppetto.cli.options import ChatBus, ChatTool


def web(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder whose settings are used.")
    ] = Path(),
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any but the loopback asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8765,
    profile: Annotated[str | None, typer.Option(help="Profile to use where the page chooses none.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the conversations there. Default: in the user's state folder."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask for the token in this file, also on the loopback; made if it is not there.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Answer to this name too, as behind a proxy. May be repeated."),
    ] = None,
    tool: ChatTool = None,
    bus: ChatBus = None,
) -> None:
    """Serve a chat with the configured model, for browsers. No key is needed to try: echo answers.

    - `geppetto web --open`
    - `geppetto web --host 0.0.0.0 --allow-host puppet.example`

    Only this machine can reach it, unless --host says otherwise; then the printed link carries a token.
    Conversations are kept. Ctrl-C stops the server.
    """
    import logging
    import sys

    from geppetto.errors import GeppettoError

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        from geppetto.web.server import ServerOptions, serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("geppetto"):
            raise
        raise GeppettoError(
            f"The web chat needs a package that is not installed: {error.name}.",
            hint="pip install 'geppetto[web]'",
        ) from None

    def started(address: str, notice: str) -> None:
        if notice:
            typer.echo(notice, err=True)
        typer.echo(f"Geppetto's web chat is at {address}", err=True)
        if open_:
            import webbrowser

            webbrowser.open(address)

    serve(
        ServerOptions(
            folder=folder,
            host=host,
            port=port,
            profile=profile,
            data=data,
            token_file=token_file,
            allowed_hosts=tuple(allow_host or ()),
            tools=tuple(tool or ()),
            bus=bus,
        ),
        on_start=started,
    )
