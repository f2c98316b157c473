"""The commands and their options. What they do stands in modules of their own, imported when one is called."""

from pathlib import Path
from typing import Annotated

import typer

from geppetto.cli.chat_command import chat
from geppetto.cli.check_command import check
from geppetto.cli.map_command import map_inputs
from geppetto.cli.run_command import run
from geppetto.cli.runs_command import runs
from geppetto.cli.web_command import web
from geppetto.cli.worker_command import worker

app = typer.Typer(
    name="geppetto",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config = typer.Typer(no_args_is_help=True, help="Show the settings and where they come from, or change one.")


@app.callback(invoke_without_command=True)
def geppetto(
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Small JavaScript programs that talk to language models.

    Start with `geppetto init`, then `geppetto run hello.geppetto.js`. No key is needed.
    """
    if version:
        from geppetto import __version__

        typer.echo(f"geppetto {__version__}")
        raise typer.Exit


app.command(no_args_is_help=True)(run)
app.command()(chat)
app.command()(check)
app.command("map", no_args_is_help=True)(map_inputs)
app.command()(worker)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; made if it is not there.")] = Path(),
    typescript: Annotated[bool, typer.Option("--typescript", help="Write the script in TypeScript.")] = False,
    config: Annotated[
        bool, typer.Option("--config", help="Also write a geppetto.toml with every choice explained.")
    ] = False,
    editor: Annotated[
        bool,
        typer.Option(
            "--editor",
            help="Also write typings and a jsconfig.json for editors without Geppetto's language server.",
        ),
    ] = False,
) -> None:
    """Write a first script, `hello.geppetto.js`, and nothing else. Overwrites nothing."""
    from geppetto.cli.starter import write_starter

    written = write_starter(folder, typescript=typescript, config=config, editor=editor)
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"Now: geppetto run {written[0]}")


@app.command()
def typings(
    folder: Annotated[
        Path,
        typer.Argument(metavar="[DIR]", help="The folder of the scripts; its Python steps are included."),
    ] = Path(),
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them there instead; overwrites.")
    ] = None,
) -> None:
    """Print the TypeScript typings of everything a script can use.

    With the steps in Python that the folder's `geppetto.toml` names, if you trust it, and those of packages.

    - `geppetto typings --out types/geppetto.d.ts`
    """
    from geppetto.cli.typings import all_typings
    from geppetto.errors import GeppettoError

    text = all_typings(folder)
    if out is None:
        typer.echo(text, nl=False)
        return
    target = out / "geppetto.d.ts" if out.is_dir() else out
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GeppettoError(f"{target} cannot be written: {error.strerror}.") from None
    typer.echo(f"wrote {target}")


@app.command()
def trust(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Default: this folder.")] = Path(),
    remove: Annotated[bool, typer.Option("--remove", help="Trust it no more.")] = False,
) -> None:
    """Let the Python code run that the `geppetto.toml` of a folder, or of one in it, names.

    Scripts run in a sandbox. Steps and tools in Python do not: they can do whatever you can, and read your keys. The
    folder is written into your own `geppetto.toml`, as `trusted_folders`.
    """
    from geppetto.cli.settings import change_trust

    typer.echo(change_trust(folder, remove=remove))


@app.command()
def doctor(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder whose settings are checked.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
) -> None:
    """Check that everything works, and say what to do about what does not.

    Exit code 1 when something that is needed is missing.
    """
    from geppetto.cli.doctor import examine, print_report

    raise typer.Exit(print_report(examine(folder), as_json=as_json))


@config.command("path")
def config_path(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder whose settings are meant.")
    ] = Path(),
) -> None:
    """Print the settings files in force, strongest first; on standard error, those that could be."""
    from geppetto.settings.find import find_config_files, find_env_file, user_file

    found = find_config_files(folder)
    if env_file := find_env_file(folder):
        found.insert(0, env_file)
    for path in found:
        typer.echo(path)
    if user_file() not in found:
        typer.echo(f"not there: {user_file()}", err=True)


@config.command("show")
def config_show(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder whose settings are meant.")
    ] = Path(),
    profile: Annotated[str | None, typer.Option(help="Profile to use.")] = None,
) -> None:
    """Print every setting with where it comes from; keys are masked."""
    from geppetto.settings.load import load_settings

    settings = load_settings(folder, profile)
    rows = settings.rows()
    width = max(len(row.key) for row in rows)
    for row in rows:
        typer.echo(f"{row.key:<{width}}  {row.value or '-'}  ({row.origin})")
    for notice in settings.notices:
        typer.echo(notice, err=True)


@config.command("set")
def config_set(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The setting, such as chat.model.")],
    value: Annotated[
        str | None, typer.Argument(metavar="[VALUE]", help="The value, as TOML or simply as text.")
    ] = None,
    user: Annotated[
        bool, typer.Option("--user", help="In your own file. Default: in the workspace's.")
    ] = False,
    profile: Annotated[str | None, typer.Option(help="In this profile only.")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take the setting out.")] = False,
) -> None:
    """Write one setting into a geppetto.toml; everything else in it stays.

    A key, such as `openai.api_key`, is asked for, or read from standard input, and goes into the system's keychain.

    - `geppetto config set chat.model gpt-5 --profile careful`
    """
    from geppetto.cli.settings import change_setting

    typer.echo(change_setting(key, value, user=user, profile=profile, unset=unset))


@app.command()
def lsp(
    tcp: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=0, max=65535, help="Serve on this port of the loopback, for debugging."
        ),
    ] = None,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Serve on standard input and output; the default.")
    ] = True,
) -> None:
    """Start the language server. Editors do this; docs/editors.md says how."""
    from geppetto.lsp.main import serve_stdio, serve_tcp

    raise typer.Exit(serve_stdio() if tcp is None else serve_tcp(tcp))


@app.command()
def models(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder whose settings are used.")
    ] = Path(),
    provider: Annotated[
        str | None, typer.Option(help="openai, claude or ollama. Default: the one of the settings.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Profile to use.")] = None,
) -> None:
    """Print the names of the models that a provider offers, one a line."""
    from geppetto.cli.settings import offered_models

    for name in offered_models(folder, provider, profile):
        typer.echo(name)


app.command()(web)
app.add_typer(config, name="config")
app.add_typer(runs, name="runs")
