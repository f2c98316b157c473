"""Names of models: which are known, and which a script gives that its provider does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from geppetto.lsp.lint.findings import Finding, Fix, Replacement
from geppetto.lsp.lint.rules import UNKNOWN_MODEL
from geppetto.lsp.lint.tree import Part, constant, end_of, members, start_of

if TYPE_CHECKING:
    from tree_sitter import Node

FACTORY = "ChatStepFactory"
TAKE_OPTIONS = (
    "newStep", "startStream", "startStreamAsync", "startAsync", "startBlocking", "startWithCallbacks", "runWithEvents",
)  # fmt: skip
_FINE_TUNED = "ft:"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one profile makes of a script's chat.

    Attributes:
        provider: who answers, unless the script says otherwise.
        complete: by provider, everything that it offers. Only of services at their vendors' own addresses: what
            stands at another may answer to any name.
    """

    provider: str = "echo"
    complete: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What scripts can name, as far as it is known without asking anybody.

    Attributes:
        profiles: by name; None is no profile, or the one that the settings choose.
        models: by provider, every name that was heard of. Under "" those whose provider is anybody's guess.
        tools: those that are written in Python.
    """

    profiles: Mapping[str | None, Chosen] = field(default_factory=lambda: {None: Chosen()})
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    tools: tuple[str, ...] = ()

    def offered(self, place: ModelPlace) -> frozenset[str] | None:
        """The names that are right at a place; None if that cannot be told.

        A script that names no profile may be run with any, so what is not true of all of them is not told.
        """
        possible = [self.profiles[place.profile]] if place.profile in self.profiles else []
        if place.profile is None:
            possible += [chosen for name, chosen in self.profiles.items() if name is not None]
        if not possible:
            return None
        provider = place.provider or possible[0].provider
        if any(provider not in chosen.complete for chosen in possible):
            return None
        heard = (
            self.models.values()
            if place.provider is None
            else (self.models.get(provider, ()), self.models.get("", ()))
        )
        return possible[0].complete[provider].union(*heard)


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A string that names a model.

    Attributes:
        provider, profile: that the script says beside it.
    """

    node: Node
    name: str
    provider: str | None
    profile: str | None
    probe: int


def model_places(part: Part) -> Iterator[ModelPlace]:
    """The models in the options of calls, where the script leaves no doubt about their provider."""
    for options in part.options if part.has("model") else ():
        if options.parent is not None:
            yield from _place(part, options, options.parent.parent)


def check(part: Part, known: KnownNames) -> Iterator[Finding]:
    for place in model_places(part):
        offered = known.offered(place)
        if offered is None or _is_among(place.name, offered):
            continue
        near = get_close_matches(place.name, offered, n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        who = place.provider or "the provider"
        message = f'{who} has not listed a model "{place.name}".{hint} If it is new, `geppetto models` asks for the list again.'
        inside = start_of(place.node) + 1, end_of(place.node) - 1
        fixes = tuple(Fix(f'Change it to "{name}"', (Replacement(*inside, name),)) for name in near)
        yield Finding(UNKNOWN_MODEL, start_of(place.node), end_of(place.node), message, place.probe, fixes)


def _place(part: Part, options: Node, call: Node | None) -> Iterator[ModelPlace]:
    given = members(part, options)
    if call is None or given is None or "model" not in given or "script" in given:
        return
    node = given["model"].child_by_field_name("value")
    name = None if node is None else part.string(node)
    said = {key: _said(part, given[key]) for key in ("provider", "profile") if key in given}
    if node is None or not name or None in said.values():
        return
    asked = called(part, call)
    if asked is None:
        return
    probe, is_plain = asked
    provider = said.get("provider")
    if provider is not None or is_plain:
        yield ModelPlace(node, name, provider, said.get("profile"), start_of(probe))


def called(part: Part, call: Node) -> tuple[Node, bool] | None:
    """The name to ask about, and whether the settings alone decide about the provider."""
    if call.type == "new_expression":
        constructor = call.child_by_field_name("constructor")
        if constructor is not None and part.text_of(constructor) == FACTORY:
            return constructor, True
        return None
    function = call.child_by_field_name("function")
    if call.type != "call_expression" or function is None or function.type != "member_expression":
        return None
    receiver, method = function.child_by_field_name("object"), function.child_by_field_name("property")
    if receiver is None or method is None or part.text_of(method) not in TAKE_OPTIONS:
        return None
    if receiver.type == "identifier" and part.text_of(receiver) != "chatStep":
        receiver = constant(part, part.text_of(receiver)) or receiver
    if receiver.type == "identifier":
        return method, part.text_of(receiver) == "chatStep" and constant(part, "chatStep") is None
    return method, _is_bare_factory(part, receiver)


def _is_bare_factory(part: Part, node: Node) -> bool:
    constructor, arguments = node.child_by_field_name("constructor"), node.child_by_field_name("arguments")
    if node.type != "new_expression" or constructor is None or part.text_of(constructor) != FACTORY:
        return False
    return arguments is None or not arguments.named_children


def _said(part: Part, member: Node) -> str | None:
    value = member.child_by_field_name("value")
    return None if value is None else part.string(value)


def _is_among(model: str, offered: frozenset[str]) -> bool:
    from geppetto.steps.chat.pricing import without_version

    if model.startswith(_FINE_TUNED) or model in offered or f"{model}:latest" in offered:
        return True
    family = without_version(model)
    return family in offered or any(without_version(name) == model for name in offered)
