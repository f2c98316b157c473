"""Ends that are not what they seem: what follows `done()`, and misunderstood `cancel`s."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geppetto.lsp.lint.findings import Finding, Fix, Replacement
from geppetto.lsp.lint.rules import CANCEL_MISUSE, CODE_AFTER_DONE
from geppetto.lsp.lint.tree import FUNCTIONS, Call, Part, Tree, can_await, constant, end_of, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

_STARTS = ("startStream", "startStreamAsync")
_ENDS = ("done", "finalText")
_BLOCKS = ("program", "statement_block", "switch_case", "switch_default")
_DO_NOTHING = frozenset(
    {
        "comment", "function_declaration", "generator_function_declaration", "class_declaration", "empty_statement",
        "interface_declaration", "type_alias_declaration", "abstract_class_declaration", "ambient_declaration",
        "import_statement", "export_statement",
        "return_statement", "break_statement", "continue_statement",
    }
)  # fmt: skip
"""They may follow an end: they declare, or leave."""


_LOOK_AHEAD = 20
"""Statements after a cancel."""


def check_top_level(tree: Tree) -> Iterator[Finding]:
    """What follows what in the script itself; inside of its statements is not looked."""
    if tree.has("cancel") or tree.has("done"):
        yield from _check_block(tree, tree.root)


def check(part: Part) -> Iterator[Finding]:
    cancels = part.has("cancel")
    for block in part.blocks if cancels or part.has("done") else ():
        yield from _check_block(part, block)
    for node in part.members if cancels else ():
        method = node.child_by_field_name("property")
        if method is not None and part.text_of(method) == "cancel":
            yield from _without_its_stream(part, node, method)


def _check_block(part: Part, block: Node) -> Iterator[Finding]:
    statements = block.named_children
    yield from _after_done(part, statements)
    yield from _cancels(part, statements)


# What follows done()


def _is_done(part: Part, statement: Node) -> Node | None:
    """The name `done`, if a statement is a call of it."""
    if statement.type != "expression_statement" or not statement.named_children:
        return None
    function = statement.named_children[0].child_by_field_name("function")
    if function is None or function.type != "identifier" or part.text_of(function) != "done":
        return None
    return function


def _after_done(part: Part, statements: list[Node]) -> Iterator[Finding]:
    ends = ((number, name) for number, each in enumerate(statements) if (name := _is_done(part, each)))
    number, name = next(ends, (0, None))
    if name is None:
        return
    message = "The run ends at done(): nothing from here on can be seen to happen."
    group: list[Node] = []
    before = statements[number]
    for node in [*statements[number + 1 :], None]:
        if node is not None and node.type not in _DO_NOTHING:
            group.append(node)
        elif group and (node is None or node.type != "comment"):
            fix = Fix("Remove what follows done()", (Replacement(end_of(before), end_of(group[-1]), ""),))
            start, end = start_of(group[0]), end_of(group[-1])
            yield Finding(CODE_AFTER_DONE, start, end, message, start_of(name), (fix,))
            group = []
        if node is not None and not group:
            before = node


# cancel


def _without_its_stream(part: Part, node: Node, method: Node) -> Iterator[Finding]:
    """`setTimeout(stream.cancel, 100)`: a method that has lost its stream throws when it is called."""
    parent, receiver = node.parent, node.child_by_field_name("object")
    if parent is None or receiver is None:
        return
    if parent.type == "expression_statement":
        message = "This names cancel, and does not call it."
        fix = Fix("Call it", (Replacement(end_of(node), end_of(node), "()"),))
    elif (
        parent.type == "arguments"
        or (parent.type in ("pair", "variable_declarator") and parent.child_by_field_name("value") == node)
        or (parent.type == "assignment_expression" and parent.child_by_field_name("right") == node)
    ):
        whole = part.text_of(node)
        message = (
            f"Whoever calls this cancel calls it without its stream, and that throws. Pass () => {whole}()."
        )
        fix = Fix(
            "Pass a function that calls it", (Replacement(start_of(node), end_of(node), f"() => {whole}()"),)
        )
    else:
        return
    fixes = (fix,) if receiver.type in ("identifier", "this") or parent.type == "expression_statement" else ()
    yield Finding(CANCEL_MISUSE, start_of(method), end_of(method), message, start_of(method), fixes)


def _cancels(part: Part, statements: list[Node]) -> Iterator[Finding]:
    """Statements `stream.cancel();` and `await stream.cancel();` among others of the same block."""
    ended: set[str] = set()
    for number, statement in enumerate(statements):
        if (call := _cancel(part, statement)) is not None:
            before, after = statements[number - 1], statements[number + 1 : number + 1 + _LOOK_AHEAD]
            yield from _of_a_stream(part, call, before, after, has_ended=part.text_of(call.receiver) in ended)
        elif (name := _waits_for_end(part, statement)) is not None:
            ended.add(name)


def _cancel(part: Part, statement: Node) -> Call | None:
    if statement.type != "expression_statement" or not statement.named_children:
        return None
    call = part.call(_awaited(statement.named_children[0]))
    return call if call is not None and call.name == "cancel" and call.receiver.type == "identifier" else None


def _of_a_stream(
    part: Part, call: Call, before: Node, after: list[Node], *, has_ended: bool
) -> Iterator[Finding]:
    name = part.text_of(call.receiver)
    if not _is_stream(part, constant(part, name)):
        return
    place = start_of(call.method), end_of(call.method)
    parent = call.node.parent
    is_awaited = parent is not None and parent.type == "await_expression"
    if has_ended:
        message = f"{name} has ended before this line, so there is nothing to cancel."
        whole = parent.parent if is_awaited and parent is not None else parent
        removal = Replacement(end_of(before), end_of(whole or call.node), "")
        yield Finding(CANCEL_MISUSE, *place, message, start_of(call.method), (Fix("Remove it", (removal,)),))
    elif not is_awaited and (early := _looks_too_early(part, after, name)):
        fixes: tuple[Fix, ...] = ()
        if can_await(call.node):
            at = start_of(call.node)
            fixes = (Fix("Wait for it", (Replacement(at, at, "await "),), is_safe=True),)
        yield Finding(CANCEL_MISUSE, *place, early, start_of(call.method), fixes)


def _is_stream(part: Part, value: Node | None) -> bool:
    """Whether a value is a stream just started, with handlers or without."""
    while value is not None and value.type == "call_expression":
        function = value.child_by_field_name("function")
        method = None if function is None else function.child_by_field_name("property")
        if function is None or method is None:
            return False
        if part.text_of(method) in _STARTS:
            return True
        if part.text_of(method) not in ("on", "once", "off"):
            return False
        value = function.child_by_field_name("object")
    return False


def _waits_for_end(part: Part, statement: Node) -> str | None:
    """The stream that has ended for sure when a statement is through."""
    if statement.type == "for_in_statement":
        over = statement.child_by_field_name("right")
        if over is None or over.type != "identifier" or not _is_await_loop(statement):
            return None
        # Who leaves the loop early may leave a stream that somebody else still reads.
        leaves = any(node.type in ("break_statement", "continue_statement") for node in _own(statement))
        return None if leaves else part.text_of(over)
    waiting = statement.named_children[0] if statement.named_children else None
    if waiting is not None and waiting.type == "variable_declarator":
        waiting = waiting.child_by_field_name("value")
    if waiting is None or waiting.type != "await_expression":
        return None
    call = part.call(_awaited(waiting))
    return part.text_of(call.receiver) if call is not None and call.name in _ENDS else None


def _looks_too_early(part: Part, after: list[Node], name: str) -> str | None:
    """What the statements after a cancel that nobody waited for get wrong, as far as they do not wait either."""
    for statement in after:
        if _is_done(part, statement) is not None:
            return (
                f"The run ends before {name} is cancelled: handlers of its interrupt are never called. "
                "Put await before it."
            )
        for node in _own(statement):
            if node.type == "await_expression" or _is_await_loop(node):
                return None
            if node.type == "member_expression" and part.text_of(node) == f"{name}.state":
                return f"{name}.state is read below before the cancel is through. Put await before it."
    return None


def _awaited(node: Node) -> Node:
    return node.named_children[0] if node.type == "await_expression" and node.named_children else node


def _is_await_loop(node: Node) -> bool:
    return node.type == "for_in_statement" and any(child.type == "await" for child in node.children)


def _own(node: Node) -> Iterator[Node]:
    """A node and what is below it, without the insides of functions, in order."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if at.type not in FUNCTIONS:
            yield at
            waiting += reversed(at.children)
