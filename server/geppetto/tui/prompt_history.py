"""The questions asked before, on disk: the arrow keys bring them back."""

import json
import os
from pathlib import Path

MAX_QUESTIONS = 500
_MAX_CHARACTERS = 20_000


class PromptHistory:
    """Questions, oldest first, and a place among them. `draft` keeps what was being written meanwhile.

    Args:
        path: the file, a JSON string a line, readable by its owner only; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._questions = _read(path)
        self._at = len(self._questions)
        self._draft = ""

    def add(self, question: str) -> None:
        """Remembers a question, as the latest one.

        Raises:
            OSError: the file cannot be written; the question is remembered until the end.
        """
        if question in self._questions[-1:]:
            self._at = len(self._questions)
            return
        self._questions = [*self._questions, question][-MAX_QUESTIONS:]
        self._at = len(self._questions)
        if self._path is not None and len(question) <= _MAX_CHARACTERS:
            _append(self._path, question, is_full=len(self._questions) == MAX_QUESTIONS)

    def older(self, written: str) -> str | None:
        """The question before the one that is shown; None at the oldest. `written` is what stands there now."""
        if self._at == 0:
            return None
        if self._at == len(self._questions):
            self._draft = written
        self._at -= 1
        return self._questions[self._at]

    def newer(self) -> str | None:
        """The question after the one that is shown, at last the draft; None if that is shown."""
        if self._at == len(self._questions):
            return None
        self._at += 1
        return self._draft if self._at == len(self._questions) else self._questions[self._at]


def _read(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    questions: list[str] = []
    for line in lines[-MAX_QUESTIONS:]:
        try:
            question = json.loads(line)
        except ValueError:
            continue  # cut off by a crash
        if isinstance(question, str):
            questions.append(question)
    return questions


def _append(path: Path, question: str, *, is_full: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if is_full and path.exists():
        kept = path.read_text("utf-8", "replace").splitlines()[-MAX_QUESTIONS:]
        beside = path.with_suffix(".new")
        _open_private(beside, os.O_TRUNC, "".join(f"{line}\n" for line in kept))
        beside.replace(path)
    _open_private(path, os.O_APPEND, json.dumps(question) + "\n")


def _open_private(path: Path, flags: int, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
