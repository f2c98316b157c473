"""From the deprecated ways to run a step to `startStream`, where that does the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geppetto.lsp.lint.findings import Fix, Replacement
from geppetto.lsp.lint.tree import Call, Part, can_await, end_of, members, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

_MAKE_TEXT = ("chatStep", "echoStep")
_TITLE = "Use startStream"
_CALLBACKS = ("onResult", "onError", "onCancel", "onDone")
_OF_EVENT = {"message": "error", "code": "code", "stepID": "step.stepId"}
"""Members of the error that onError got, and where the event has them."""


def migrations(tree: Part, call: Call) -> Iterator[Fix]:
    """Only where the new call does the same."""
    if call.node.has_error:
        return
    if call.name == "startWithCallbacks":
        yield from _from_callbacks(tree, call)
    elif call.arguments:
        yield from _from_result(tree, call)


def _from_result(tree: Part, call: Call) -> Iterator[Fix]:
    """The result left alone, or `[text] = …` of a step that makes text."""
    whole, parent = call.node, call.node.parent
    if call.name == "startAsync":
        if parent is None or parent.type != "await_expression":
            return
        whole, parent = parent, parent.parent
    elif not can_await(call.node):
        return
    if parent is None:
        return
    start, end = start_of(whole), end_of(call.node)
    renamed = _renamed(call)
    awaited = () if call.name == "startAsync" else (Replacement(start, start, "await "),)
    if parent.type == "expression_statement":
        yield Fix(_TITLE, (*awaited, renamed, Replacement(end, end, ".done()")), is_safe=True)
    elif parent.type == "variable_declarator" and tree.text_of(call.receiver) in _MAKE_TEXT:
        if parent.child_by_field_name("type") is not None:
            return  # it is that of the list
        pattern = parent.child_by_field_name("name")
        names = pattern.named_children if pattern is not None and pattern.type == "array_pattern" else []
        is_first = pattern is not None and pattern.children[1:2] == names  # in `[, text]` it is not
        if pattern is not None and is_first and len(names) == 1 and names[0].type == "identifier":
            name = Replacement(start_of(pattern), end_of(pattern), tree.text_of(names[0]))
            yield Fix(_TITLE, (name, *awaited, renamed, Replacement(end, end, ".finalText()")), is_safe=True)


def _renamed(call: Call) -> Replacement:
    return Replacement(start_of(call.method), end_of(call.method), "startStream")


# startWithCallbacks


def _from_callbacks(tree: Part, call: Call) -> Iterator[Fix]:
    """Callbacks become handlers in the options; the function that cancels becomes the stream's own."""
    if len(call.arguments) < 2 or (statement := _statement(call)) is None:
        return
    callbacks = call.arguments[1]
    given = members(tree, callbacks) if callbacks.type == "object" else None
    uses = _uses_of_cancel(tree, call)
    if given is None or uses is None or any(name not in _CALLBACKS for name in given):
        return
    handlers: list[str] = []
    for name, handler in (("onResult", _on_result), ("onError", _on_error), ("onCancel", _on_cancel)):
        if name in given:
            if (written := handler(tree, given[name])) is None:
                return
            handlers.append(written)
    replacements = [_renamed(call), *uses]
    if "onDone" in given:
        hoisted = _on_done(tree, given["onDone"], statement)
        if hoisted is None:
            return
        replacements += hoisted
        ending = "".join(f'.on("{end}", onDone)' for end in ("final", "error", "interrupt"))
        replacements.append(Replacement(end_of(call.node), end_of(call.node), ending))
    options = _options(tree, call.arguments[2:], handlers)
    if options is None:
        return
    start = end_of(call.arguments[0]) if not options else start_of(callbacks)
    replacements.append(Replacement(start, end_of(call.arguments[-1]), options))
    yield Fix(_TITLE, tuple(replacements))


def _statement(call: Call) -> Node | None:
    """The statement that a call is all of, or the value of."""
    at = call.node.parent
    if at is not None and at.type == "variable_declarator":
        at = at.parent
        return at if at is not None and len(at.named_children) == 1 else None
    return at if at is not None and at.type == "expression_statement" else None


def _uses_of_cancel(tree: Part, call: Call) -> list[Replacement] | None:
    """What becomes of `const cancel = …` and its uses; None if that cannot be told."""
    declarator = call.node.parent
    if declarator is None or declarator.type != "variable_declarator":
        return []
    name = declarator.child_by_field_name("name")
    if name is None or name.type != "identifier":
        return None
    stream = next(each for each in ("stream", "started", "running", "") if not tree.places_of(each))
    if not stream or declarator.child_by_field_name("type") is not None:
        return None
    replacements = [Replacement(start_of(name), end_of(name), stream)]
    for use in tree.places_of(tree.text_of(name)):
        if use == name:
            continue
        parent = use.parent
        if parent is None or use.type != "identifier":
            return None
        if parent.type == "call_expression" and parent.child_by_field_name("function") == use:
            replacements.append(Replacement(start_of(use), end_of(use), f"{stream}.cancel"))
        elif parent.type == "arguments":
            replacements.append(Replacement(start_of(use), end_of(use), f"() => void {stream}.cancel()"))
        else:
            return None
    return replacements


def _options(tree: Part, given: list[Node], handlers: list[str]) -> str | None:
    """The options with the handlers, empty for none; None if their text cannot be put together."""
    if not given:
        return f"{{ {', '.join(handlers)} }}" if handlers else ""
    if len(given) > 1 or given[0].type == "spread_element":
        return None
    if given[0].type == "object":
        if given[0].named_children and given[0].named_children[-1].type == "comment":
            return None  # what is written after it could be part of it
        inside = tree.text_of(given[0])[1:-1].strip().rstrip(",")
        parts = [inside, *handlers] if inside else handlers
    else:
        parts = [f"...{tree.text_of(given[0])}", *handlers]
    return f"{{ {', '.join(parts)} }}"


def _function(tree: Part, member: Node) -> tuple[Node, Node | None] | None:
    """A function written out, and its one parameter if it is a mere name; None if it is anything else."""
    function = member if member.type == "method_definition" else member.child_by_field_name("value")
    if function is None or function.type not in (
        "method_definition",
        "arrow_function",
        "function_expression",
    ):
        return None
    if any(child.type in ("*", "get", "set") for child in function.children):
        return None
    parameter = function.child_by_field_name("parameter")
    parameters = function.child_by_field_name("parameters")
    named = (
        [parameter]
        if parameter is not None
        else (parameters.named_children if parameters is not None else [])
    )
    if len(named) > 1 or any(each.type != "identifier" for each in named):
        return None
    return function, (named[0] if named else None)


def _name(tree: Part, member: Node) -> str | None:
    """A callback that is a mere name, as in `onResult: show`, or in `onResult`."""
    value = member if member.type == "shorthand_property_identifier" else member.child_by_field_name("value")
    simple = value is not None and value.type in ("identifier", "shorthand_property_identifier")
    return tree.text_of(value) if simple and value is not None else None


def _rewritten(tree: Part, member: Node, name: str, changes: list[Replacement]) -> str:
    """A member under another name, with changes inside."""
    key = member.child_by_field_name("key") or member.child_by_field_name("name")
    assert key is not None
    text, at = "", start_of(member)
    for each in sorted(
        [Replacement(start_of(key), end_of(key), name), *changes], key=lambda each: each.start
    ):
        text += tree.text(at, each.start) + each.text
        at = each.end
    return text + tree.text(at, end_of(member))


def _on_result(tree: Part, member: Node) -> str | None:
    if (name := _name(tree, member)) is not None:
        return f"onFinal: (event) => {name}(event.result)"
    if (found := _function(tree, member)) is None:
        return None
    function, parameter = found
    changes: list[Replacement] = []
    if parameter is not None:
        pattern = (
            "{ result }"
            if tree.text_of(parameter) == "result"
            else f"{{ result: {tree.text_of(parameter)} }}"
        )
        bare = function.child_by_field_name("parameter") is not None
        changes = [Replacement(start_of(parameter), end_of(parameter), f"({pattern})" if bare else pattern)]
    return _rewritten(tree, member, "onFinal", changes)


def _on_error(tree: Part, member: Node) -> str | None:
    """Only where the error's members are used that the event has too; the event is no Error."""
    if (found := _function(tree, member)) is None:
        return None
    function, parameter = found
    changes: list[Replacement] = []
    if parameter is not None:
        for use in tree.places_of(tree.text_of(parameter)):
            if use == parameter or not _is_within(use, function):
                continue
            access = use.parent
            prop = None if access is None else access.child_by_field_name("property")
            if access is None or prop is None or access.child_by_field_name("object") != use:
                return None
            if (known := _OF_EVENT.get(tree.text_of(prop))) is None:
                return None
            changes.append(Replacement(start_of(prop), end_of(prop), known))
    return _rewritten(tree, member, "onError", changes)


def _on_cancel(tree: Part, member: Node) -> str | None:
    if (name := _name(tree, member)) is not None:
        return f"onInterrupt: () => {name}()"
    found = _function(tree, member)
    return None if found is None or found[1] is not None else _rewritten(tree, member, "onInterrupt", [])


def _on_done(tree: Part, member: Node, statement: Node) -> list[Replacement] | None:
    """It is called at any end, so it gets a name, before the statement."""
    if tree.places_of("onDone") and member.type != "shorthand_property_identifier":
        return None
    if (name := _name(tree, member)) is not None:
        if name == "onDone":
            return None
        function = f"() => {name}()"
    else:
        found = _function(tree, member)
        value = member.child_by_field_name("value")
        if found is None or found[1] is not None:
            return None
        if value is None:
            body, parameters = found[0].child_by_field_name("body"), "()"
            is_async = any(child.type == "async" for child in found[0].children)
            if body is None:
                return None
            function = f"{'async ' if is_async else ''}{parameters} => {tree.text_of(body)}"
        else:
            function = tree.text_of(value)
    at = start_of(statement)
    return [Replacement(at, at, f"const onDone = {function};\n{_indent(tree, statement)}")]


def _indent(tree: Part, statement: Node) -> str:
    before = tree.text(0, start_of(statement)).rpartition("\n")[2]
    return before if not before.strip() else ""


def _is_within(node: Node, outer: Node) -> bool:
    return outer.start_byte <= node.start_byte and node.end_byte <= outer.end_byte
