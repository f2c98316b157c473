"""`geppetto check`: what the editor would show, for many scripts at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject
from geppetto.lsp.check.files import shown
from geppetto.lsp.check.problems import Problem, Report, unreadable, unwritable
from geppetto.lsp.check.scripts import Scripts
from geppetto.lsp.diagnosis import Diagnosis, diagnose
from geppetto.lsp.documents.store import Document, Documents
from geppetto.lsp.errors import ResponseError
from geppetto.lsp.lint.check import Severities
from geppetto.lsp.lint.findings import Finding, Fix
from geppetto.lsp.lint.fixes import range_of, text_with
from geppetto.lsp.lint.models import KnownNames
from geppetto.lsp.lint.project import ProjectSettings
from geppetto.lsp.lint.rules import Severity
from geppetto.lsp.params import as_range
from geppetto.lsp.typescript.backend import Backend, Patience, Unavailable
from geppetto.lsp.typescript.process import TypeScriptProcess
from geppetto.lsp.typescript.python_types import typings_of
from geppetto.lsp.typescript.shadow import Shadow
from geppetto.resources import typings_path
from geppetto.settings.find import CONFIG_NAME

_AT_ONCE = 16
"""Scripts that the TypeScript server is asked about at the same time."""

_MAX_ROUNDS = 10
"""One fix may make way for another. More rounds than this are two fixes that undo each other."""

_PATIENCE = Patience(answer_seconds=180.0, start_seconds=60.0, deaths=3)
"""Nobody waits at a keyboard, and the machines of CI are slow."""


class CheckFailed(GeppettoError):
    """The check could not be finished, so nothing is known."""


class Checker:
    """Checks scripts with one TypeScript server. Made inside of the event loop.

    Args:
        patterns: names of scripts.
        on_checked: called for every script that has been looked at.
        on_notice: what the user should know while it goes on.
    """

    def __init__(
        self,
        settings: ProjectSettings,
        patterns: Sequence[str],
        *,
        spawn: Callable[[], TypeScriptProcess] = TypeScriptProcess,
        patience: Patience = _PATIENCE,
        on_checked: Callable[[], None] = lambda: None,
        on_notice: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._settings = settings
        self._spawn = spawn
        self._on_checked = on_checked
        self._on_notice = on_notice
        self._failure = ""
        self._processes: list[TypeScriptProcess] = []
        documents = Documents()
        self._backend = Backend(
            documents,
            Shadow([typings_path()], patterns),
            spawn=self._start_process,
            patience=patience,
            on_restarted=on_notice,
            on_failed=self._fail,
            on_refresh=lambda: None,
        )
        self._scripts = Scripts(self._backend, documents)

    async def check(self, paths: Sequence[Path], *, fix: bool = False) -> Report:
        """Looks at scripts.

        Args:
            fix: applies the fixes that are safe, and writes the scripts. What is left is reported, and scripts that
            cannot be written.

        Raises:
            CheckFailed: the TypeScript server does not answer.
            SettingsError: the settings of one of the folders are wrong.
        """
        try:
            return await self._check(paths, fix=fix)
        except BaseException:
            # An error, or Ctrl-C: nobody waits for a good end.
            for process in self._processes:
                process.kill()
            raise
        finally:
            await self._backend.close()

    async def _check(self, paths: Sequence[Path], *, fix: bool) -> Report:
        report = Report(scripts=len(paths))
        documents: dict[Path, Document] = {}
        for path in paths:
            try:
                documents[path] = self._scripts.read(path)
            except (OSError, UnicodeError) as error:
                report.problems.append(unreadable(path, error))
                self._on_checked()
        if not documents:
            return report
        self._scripts.introduce(documents)
        await self._add_python_steps()
        self._backend.start({})
        diagnoses = await self._look_at(documents, self._on_checked)
        if fix:
            await self._fix(documents, diagnoses, report)
        for path, document in documents.items():
            report.problems += _problems(path, document, diagnoses[path])
        report.sort()
        return report

    async def _add_python_steps(self) -> None:
        """Makes the steps known that the projects' settings name, as far as their code may run."""
        for project in self._backend.shadow:
            if project.folder is None:
                continue
            typings, _ = await typings_of(Path(project.folder))
            self._backend.use_typings(project, typings.text)
            for problem in typings.problems:
                self._on_notice(problem)
            for folder in typings.untrusted:
                self._on_notice(
                    f"the types of the steps in Python that {shown(Path(folder, CONFIG_NAME))} names are not known: "
                    f"you have not said that you trust their code; if you do: geppetto trust '{folder}'"
                )

    async def _look_at(
        self, documents: dict[Path, Document], on_done: Callable[[], None]
    ) -> dict[Path, Diagnosis]:
        """Asks about so many at once, and no more: answers that pile up take memory."""
        waiting = iter(list(documents.items()))
        found: dict[Path, Diagnosis] = {}

        async def work() -> None:
            for path, document in waiting:
                try:
                    found[path] = await self._diagnose(path, document)
                except ResponseError as error:
                    raise CheckFailed(
                        self._failure or f"{shown(path)} could not be checked: {error.message}.",
                        hint="`geppetto doctor` tells whether the TypeScript server works.",
                    ) from None
                on_done()

        await _together([work() for _ in range(min(_AT_ONCE, len(documents)))])
        return found

    async def _diagnose(self, path: Path, document: Document) -> Diagnosis:
        async def severities() -> Severities:
            return self._settings.of(path.parent).severities

        async def models() -> KnownNames:
            return self._settings.names_of(path.parent)

        try:
            return await diagnose(self._backend, document, severities, models, is_strict=True)
        except Unavailable:
            raise
        except ResponseError:
            # TypeScript has its own reasons to leave a file out of a project: another of the same name, say.
            if not self._scripts.open(document):
                raise
            return await diagnose(self._backend, document, severities, models, is_strict=True)

    async def _fix(
        self, documents: dict[Path, Document], diagnoses: dict[Path, Diagnosis], report: Report
    ) -> None:
        open_ones = set(documents)
        for _ in range(_MAX_ROUNDS):
            changed: dict[Path, Document] = {}
            for path in sorted(open_ones):
                fixes = _safe_fixes(diagnoses[path].findings)
                if not fixes:
                    continue
                text = text_with(documents[path].text, fixes)
                try:
                    changed[path] = self._scripts.write(path, text)
                except OSError as error:
                    report.problems.append(unwritable(path, error))
                    continue
                report.fixed += len(fixes)
            if not changed:
                break
            self._scripts.tell_changed(changed.values())
            documents.update(changed)
            diagnoses.update(await self._look_at(changed, lambda: None))
            open_ones = set(changed)

    def _start_process(self) -> TypeScriptProcess:
        self._processes.append(process := self._spawn())
        return process

    def _fail(self, message: str) -> None:
        self._failure = message


async def _together(works: Sequence[Awaitable[None]]) -> None:
    """All at the same time; the first error ends the others, and is raised as it is."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _safe_fixes(findings: Sequence[Finding]) -> list[Fix]:
    """Fixes that do not touch each other; the rest has its turn in the next round."""
    chosen: list[Fix] = []
    end = -1
    for finding in findings:
        fix = _safe_fix(finding)
        if fix is None:
            continue
        start = min(each.start for each in fix.replacements)
        if start > end:
            chosen.append(fix)
            end = max(each.end for each in fix.replacements)
    return chosen


def _safe_fix(finding: Finding) -> Fix | None:
    return next((fix for fix in finding.fixes if fix.is_safe), None)


def _problems(path: Path, document: Document, diagnosis: Diagnosis) -> list[Problem]:
    own = [
        Problem(
            path,
            range_of(document.text, finding),
            finding.severity or finding.rule.severity,
            "geppetto",
            finding.rule.code,
            finding.message,
            is_fixable=_safe_fix(finding) is not None,
        )
        for finding in diagnosis.findings
    ]
    return own + [_theirs(path, diagnostic) for diagnostic in diagnosis.typescript]


def _theirs(path: Path, diagnostic: JsonObject) -> Problem:
    severity = diagnostic.get("severity")
    return Problem(
        path,
        as_range(diagnostic.get("range")),
        Severity(severity) if isinstance(severity, int) else Severity.ERROR,
        "typescript",
        f"TS{diagnostic.get('code')}",
        str(diagnostic.get("message", "")),
    )
