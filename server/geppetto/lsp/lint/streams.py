"""Streams and promises that are started and left alone, and older ways to run a step."""

from __future__ import annotations

from collections.abc import Iterator

from geppetto.lsp.lint.findings import Finding, Fix, Replacement
from geppetto.lsp.lint.migrations import migrations
from geppetto.lsp.lint.rules import (
    DEPRECATED_CALL,
    EMBEDDING_IN_LOOP,
    FLOATING_PROMISE,
    STREAM_NOT_CONSUMED,
)
from geppetto.lsp.lint.tree import Call, Part, can_await, end_of, is_exported, is_in_loop, members, start_of

_STARTS = ("startStream", "startStreamAsync")
_DEPRECATED = ("startAsync", "startBlocking", "startWithCallbacks")
_PROMISES = ("finalText", "done", "addAnswer", "generateEmbeddingAsync", "startAsync")
_TYPESCRIPT_DEPRECATED = frozenset({6385, 6386, 6387})


def check(part: Part) -> Iterator[Finding]:
    for call in part.calls_of(*_STARTS):
        yield from _not_consumed(part, call)
    for call in part.calls_of(*_DEPRECATED):
        yield from _deprecated(part, call)
    for call in part.calls_of(*_PROMISES):
        yield from _floating(call)
    for call in part.calls_of("generateEmbeddingAsync"):
        yield from _in_loop(call)


def _not_consumed(part: Part, call: Call) -> Iterator[Finding]:
    parent = call.node.parent
    if parent is None or _has_handlers(part, call):
        return
    if parent.type == "variable_declarator":
        name = parent.child_by_field_name("name")
        if name is None or name.type != "identifier" or is_exported(parent):
            return
        if part.scope_of(parent).is_used(part.text_of(name)):
            return
        how = f"{part.text_of(name)} is never used"
        fixes: tuple[Fix, ...] = ()
    elif parent.type == "expression_statement":
        how = "it is started and forgotten"
        fixes = _awaited(call, ".finalText()")
    else:
        return
    message = f"Nobody looks at this stream: {how}. Iterate it, give it handlers, or await its finalText()."
    yield Finding(
        STREAM_NOT_CONSUMED, start_of(call.method), end_of(call.method), message, start_of(call.method), fixes
    )


def _has_handlers(part: Part, call: Call) -> bool:
    """Whether handlers may be in the options. What is not written out may hold some."""
    if len(call.arguments) < 2:
        return False
    options = call.arguments[1]
    given = members(part, options) if options.type == "object" else None
    return given is None or any(name.startswith("on") for name in given)


def _floating(call: Call) -> Iterator[Finding]:
    parent = call.node.parent
    if parent is None or parent.type != "expression_statement":
        return
    message = f"Nobody waits for {call.name}(): what it gives is lost, and an error in it ends the run. Put await before it."
    yield Finding(
        FLOATING_PROMISE,
        start_of(call.method),
        end_of(call.method),
        message,
        start_of(call.method),
        _awaited(call),
    )


def _awaited(call: Call, after: str = "") -> tuple[Fix, ...]:
    if not can_await(call.node):
        return ()
    replacements = [Replacement(start_of(call.node), start_of(call.node), "await ")]
    if after:
        replacements.append(Replacement(end_of(call.node), end_of(call.node), after))
    return (Fix("Wait for it", tuple(replacements)),)


def _in_loop(call: Call) -> Iterator[Finding]:
    parent = call.node.parent
    if parent is None or parent.type != "await_expression" or not is_in_loop(parent):
        return
    message = (
        "Each round of the loop waits for one embedding. Start them together and await Promise.all(...): "
        "they are sent as one batch."
    )
    yield Finding(
        EMBEDDING_IN_LOOP, start_of(call.method), end_of(call.method), message, start_of(call.method)
    )


def _deprecated(part: Part, call: Call) -> Iterator[Finding]:
    message = f"{call.name} is deprecated: it shows nothing until the end. Use startStream, or runWithEvents."
    yield Finding(
        DEPRECATED_CALL,
        start_of(call.method),
        end_of(call.method),
        message,
        start_of(call.method),
        tuple(migrations(part.whole, call)),
        _TYPESCRIPT_DEPRECATED,
    )
