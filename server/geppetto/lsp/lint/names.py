"""Names out of a fixed list: roles of messages, types of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from geppetto.lsp.lint.findings import Finding, Fix, Replacement
from geppetto.lsp.lint.rules import UNKNOWN_EVENT, UNKNOWN_ROLE, Rule
from geppetto.lsp.lint.tree import Part, end_of, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

ROLES = ("system", "assistant", "user", "tool")
EVENTS = ("start", "partial", "tool-call", "tool-result", "final", "error", "interrupt")

_WITH_ROLE = ("addMessage", "AddMessage", "addMessageWithImage", "AddMessageWithImage")
_WITH_EVENT = ("on", "once", "off")
_NOT_ASSIGNABLE = frozenset({2345, 2769, 2820})
_OTHER_WORDS = {
    "ai": "assistant", "bot": "assistant", "model": "assistant", "human": "user", "developer": "system", "function": "tool",
    "data": "partial", "delta": "partial", "token": "partial", "text": "partial", "end": "final", "finish": "final",
    "done": "final", "result": "final", "cancel": "interrupt", "abort": "interrupt", "toolcall": "tool-call",
    "toolresult": "tool-result", "fail": "error",
}  # fmt: skip
"""What other systems call them."""


def check(part: Part) -> Iterator[Finding]:
    for call in part.calls_of(*_WITH_ROLE):
        yield from _check(part, UNKNOWN_ROLE, "role", ROLES, call.arguments[:1], call.method)
    for call in part.calls_of(*_WITH_EVENT):
        yield from _check(part, UNKNOWN_EVENT, "event", EVENTS, call.arguments[:1], call.method)


def _check(
    part: Part, rule: Rule, what: str, known: Sequence[str], arguments: list[Node], method: Node
) -> Iterator[Finding]:
    for node in arguments:
        name = part.string(node)
        if name is None or name in known:
            continue
        meant = _meant(name, known)
        hint = f' Did you mean "{meant}"?' if meant else ""
        fixes: list[Fix] = []
        if meant:
            inside = Replacement(start_of(node) + 1, end_of(node) - 1, meant)
            # A slip of the pen is no guess: any other name may be meant for something else.
            is_slip = _plain(name) == meant
            fixes.append(Fix(f'Change it to "{meant}"', (inside,), is_safe=is_slip))
        listed = ", ".join(f'"{each}"' for each in known)
        message = f'There is no {what} "{name}".{hint} The {what}s are {listed}.'
        yield Finding(
            rule, start_of(node), end_of(node), message, start_of(method), tuple(fixes), _NOT_ASSIGNABLE
        )


def _meant(name: str, known: Sequence[str]) -> str | None:
    word = _plain(name)
    other = _OTHER_WORDS.get(word.replace("-", ""))
    if other in known:
        return other
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), None)


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")
