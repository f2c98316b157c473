"""Options that several commands have."""

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

LIMITS: Final = "Limits of a run (none lifts one)"

Profile: TypeAlias = Annotated[str | None, typer.Option(help="Profile of geppetto.toml to use.")]
Root: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The workspace, which imports may not leave. Default: the project around the script.",
    ),
]
RunBus: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Have workers behind this bus do it; none: this machine. Default: the setting bus.url.",
    ),
]
ChatBus: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Have workers behind this bus answer; none: this machine. Default: the setting bus.url.",
    ),
]
ChatTool: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A tool of yours that models may call; where workers answer, one of theirs. May be repeated.",
    ),
]
Timeout: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Time for the whole run: 90, 90s, 2m. Default: none.", rich_help_panel=LIMITS
    ),
]
MaxMemory: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Memory of the process. Default: 3GiB.", rich_help_panel=LIMITS),
]
MaxTokens: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COUNT", help="Tokens of all models together. Default: none.", rich_help_panel=LIMITS
    ),
]
MaxCost: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DOLLARS", help="Money for all models together. Default: none.", rich_help_panel=LIMITS
    ),
]
