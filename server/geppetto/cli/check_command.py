"""`geppetto check`: what the editor would say, for people and for CI."""

import io
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from geppetto.cli import exit_codes

if TYPE_CHECKING:
    from geppetto.lsp.check.problems import Report


def check(
    paths: Annotated[
        list[Path] | None,
        # One that cannot be read is a finding.
        typer.Argument(
            metavar="[PATHS]...", readable=False, help="Scripts, and folders of them. Default: this folder."
        ),
    ] = None,
    format_: Annotated[
        Literal["text", "json", "sarif", "github"],
        typer.Option("--format", help="For people, for programs, for code hosts, for GitHub Actions."),
    ] = "text",
    fix: Annotated[
        bool, typer.Option("--fix", help="Apply the fixes that are safe, and report what is left.")
    ] = False,
    fail_on: Annotated[
        Literal["error", "warning", "information", "hint"],
        typer.Option(help="Exit with 1 for findings as severe as this. Hints are shown only with `hint`."),
    ] = "warning",
) -> None:
    """Check scripts without running them: TypeScript's errors and Geppetto's own rules.

    - `geppetto check`
    - `geppetto check samples --fix`
    - `geppetto check --format sarif > geppetto.sarif`

    Exit codes: 0 nothing to complain about, 1 findings, 2 nothing could be checked.
    """
    from geppetto.cli.errors import show_error
    from geppetto.errors import GeppettoError

    try:
        code = _check(paths or [Path()], format_, fix, fail_on)
    except KeyboardInterrupt:
        code = exit_codes.CANCELLED
    except BrokenPipeError:
        code = exit_codes.CANCELLED
        sys.stdout = io.StringIO()  # nothing is left to flush
    except GeppettoError as error:
        show_error(error)
        code = exit_codes.USAGE
    raise typer.Exit(code)


def _check(
    paths: list[Path], format_: Literal["text", "json", "sarif", "github"], fix: bool, fail_on: str
) -> int:
    import asyncio

    from geppetto.cli.errors import may_color, show
    from geppetto.lsp.check.checker import Checker
    from geppetto.lsp.check.files import find_scripts, shown
    from geppetto.lsp.check.formats import FORMATS, as_text
    from geppetto.lsp.check.problems import unreadable
    from geppetto.lsp.lint.project import ProjectSettings
    from geppetto.lsp.lint.rules import Severity

    settings = ProjectSettings()
    patterns: set[str] = set()

    def patterns_of(folder: Path) -> tuple[str, ...]:
        found = settings.of(folder.absolute()).patterns
        patterns.update(found)
        return found

    unread: list[OSError] = []
    scripts = find_scripts(paths, patterns_of, unread.append)
    if not scripts:
        named = ", ".join(sorted(patterns))
        sys.stderr.write(
            f"geppetto: there are no scripts in {', '.join(map(shown, paths))}; their names are {named}\n"
        )

    async def run(advance: Callable[[], None]) -> "Report":
        checker = Checker(settings, sorted(patterns), on_checked=advance, on_notice=show)
        return await checker.check(scripts, fix=fix)

    with _progress(len(scripts)) as advance:
        report = asyncio.run(run(advance))
    report.problems += [unreadable(Path(error.filename), error) for error in unread]
    report.sort()
    threshold = Severity[fail_on.upper()]
    if threshold is not Severity.HINT:
        # An editor only greys such places out.
        report.problems = [each for each in report.problems if each.severity is not Severity.HINT]
    base = Path.cwd()
    if format_ == "text":
        encoding = sys.stdout.encoding
        _write(as_text(report, base, color=may_color(sys.stdout.isatty())), encoding)
    else:
        _write(FORMATS[format_](report, base), "utf-8")  # whatever the terminal's is: programs read it
    return exit_codes.SCRIPT_ERROR if report.reaches(threshold) else exit_codes.OK


def _write(text: str, encoding: str) -> None:
    from geppetto.errors import GeppettoError

    output: TextIO = sys.stdout
    try:
        output.buffer.write(text.encode(encoding, "backslashreplace"))
        output.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = io.StringIO()  # what is left cannot be flushed either
        raise GeppettoError(f"The report cannot be written: {error.strerror}.") from None


@contextmanager
def _progress(total: int) -> Generator[Callable[[], None]]:
    """A bar on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty() or total < 2:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Checking"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("check", total=total)
        yield lambda: progress.advance(task)
