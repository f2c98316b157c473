"""A Python type at the border to scripts: what they pass is checked against it, what they get is made from it.

pydantic knows the types: its models, TypedDicts, dataclasses, enums, Literals, unions, collections, dates and so on.
"""

from __future__ import annotations

import functools
import json
import sys
import types
import typing
from typing import Any, ForwardRef, Generic, TypeVar, cast, get_args, get_origin

import pydantic
from pydantic import TypeAdapter, ValidationError

from geppetto import json_value
from geppetto.conversation.models import ChatMessage, Message
from geppetto.conversation.tree import Conversation
from geppetto.events.codec import well_formed
from geppetto.json_value import JsonValue
from geppetto.plugins.errors import PluginError
from geppetto.steps.errors import ErrorKind, StepError
from geppetto.steps.step import Step

_SHOWN_PROBLEMS = 3


class Shape:
    """One type.

    Args:
        annotation: as it stands in the code; what is unknown takes everything.
        owner: the class or function that it belongs to, for names in it that stand in quotes.

    Raises:
        PluginError: it cannot be said in JSON.
    """

    def __init__(self, annotation: object, owner: object) -> None:
        resolved = _resolved(annotation, owner)
        self.takes_conversation = _takes_conversation(resolved)
        self.annotation: object = Any if self.takes_conversation else resolved
        try:
            self.adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, self.annotation))
        except pydantic.PydanticUserError as error:
            said = str(error).partition("\n")[0].partition(" Set `arbitrary_types_allowed")[0]
            raise PluginError(f"its type {_name(annotation)} cannot be said in JSON: {said}") from error

    def read(self, value: object, name: str) -> Any:
        """What a script passed, as Python wants it.

        Args:
            value: JSON, or a `Conversation`.
            name: of the step, for the error.

        Raises:
            StepError: it does not fit; says all that is wrong, by path.
        """
        if self.takes_conversation:
            if isinstance(value, str | Conversation):
                return value
            raise _refused(f"{name}: input should be a text or a Conversation, not {shown(value)}")
        if isinstance(value, Conversation):
            from geppetto.conversation.wire import to_wire

            value = {"conversation": to_wire(value)}
        try:
            # Strictly as JSON: no text for a number, but texts for dates, and arrays for tuples.
            return self.adapter.validate_json(well_formed(json.dumps(value, ensure_ascii=False)), strict=True)
        except ValidationError as error:
            raise _refused(f"{name}: {'; '.join(_problems(error, value))}") from None

    def write(self, value: object, name: str) -> JsonValue:
        """A value as JSON.

        Raises:
            StepError: it is not of this type, or JSON cannot say it.
        """
        try:
            return cast(JsonValue, json.loads(self.adapter.dump_json(value, by_alias=True, warnings="error")))
        except Exception as error:  # whatever a serializer of the user's raises
            said = str(error).strip().splitlines()[-1].strip()
            raise StepError(
                f"{name}: its result {shown(value)} is not the {_name(self.annotation)} that it declares: {said}"
            ) from error


def step_shapes(step: Step[Any, Any]) -> tuple[Shape, Shape]:
    """The types of a step's input and value: of `Step[In, Out]`, or else of its method `run`.

    Raises:
        PluginError: one of them cannot be said in JSON.
    """
    cls = cast(type, type(step))
    found = _type_arguments(cls, {})
    if found is None or any(isinstance(each, TypeVar) for each in found):
        method = getattr(cls, "run")  # noqa: B009 - its type is what is asked for
        hints: dict[str, object] = dict(getattr(method, "__annotations__", {}))
        names = list(hints)
        found = (
            next((hints[name] for name in names if name not in ("self", "run", "return")), Any),
            hints.get("return", Any),
        )
    return Shape(found[0], cls), Shape(found[1], cls)


def _type_arguments(cls: type, bound: dict[object, object]) -> tuple[object, object] | None:
    """The arguments of `Step` that a class or one of its bases gives."""
    bases: tuple[object, ...] = cls.__dict__.get("__orig_bases__", cls.__bases__)
    for base in bases:
        origin = get_origin(base) or base
        given = tuple(_bound(each, bound) for each in get_args(base))
        if origin is Step:
            return (given[0], given[1]) if len(given) == 2 else None
        if isinstance(origin, type) and origin is not Generic and issubclass(origin, Step):
            parent = cast(type, origin)
            parameters: tuple[object, ...] = getattr(parent, "__parameters__", ())
            found = _type_arguments(parent, dict(zip(parameters, given, strict=False)))
            if found is not None:
                return found
    return None


def _bound(annotation: object, bound: dict[object, object]) -> object:
    """The annotation with what is known of its type variables."""
    if isinstance(annotation, TypeVar):
        return bound.get(annotation, annotation)
    open_ones: tuple[object, ...] = getattr(annotation, "__parameters__", ())
    if not open_ones or isinstance(annotation, type):
        return annotation
    return cast(Any, annotation)[tuple(bound.get(each, each) for each in open_ones)]


def _resolved(annotation: object, owner: object) -> object:
    """The type itself, where it or a part of it stands in quotes."""
    plain = _with_json(annotation)
    if _is_unknown(plain) or isinstance(plain, TypeVar):
        return Any
    module = sys.modules.get(str(getattr(owner, "__module__", "")))
    known: dict[str, object] = dict(vars(module)) if module is not None else {}
    holder = types.SimpleNamespace(__annotations__={"it": plain})
    try:
        hints = typing.get_type_hints(holder, globalns=known, localns=_JSON_NAMES, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise PluginError(
            f"its type {_name(annotation)} is not known: {error}",
            hint="Import it where the module runs, not only `if TYPE_CHECKING:`.",
        ) from error
    return Any if _is_unknown(hints["it"]) else hints["it"]


def _is_unknown(annotation: object) -> bool:
    return annotation is Any or annotation is object


_JSON_NAMES: dict[str, object] = {"JsonValue": pydantic.JsonValue}


def _with_json(annotation: object) -> object:
    """pydantic's `JsonValue` in the place of ours, which names itself and would have no end."""
    text = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
    if text == json_value.JsonValue:
        return pydantic.JsonValue
    args = get_args(annotation)
    origin = get_origin(annotation)
    if not args or origin in (typing.Literal, typing.Annotated):
        return annotation
    new = tuple(_with_json(each) for each in args)
    if new == args:
        return annotation
    if isinstance(annotation, types.UnionType):
        return functools.reduce(_either, new)
    if isinstance(annotation, types.GenericAlias):
        return types.GenericAlias(cast(type, origin), new)
    return cast(Any, annotation).copy_with(new)


def _either(one: Any, other: Any) -> Any:
    return one | other


def _takes_conversation(annotation: object) -> bool:
    """Whether it is what chat steps take: a Conversation, perhaps or a text."""
    members = get_args(annotation) if _is_union(annotation) else (annotation,)
    return Conversation in members and all(
        each in (str, Conversation) or Message in get_args(each) or ChatMessage in get_args(each)
        for each in members
    )


def _is_union(annotation: object) -> bool:
    return get_origin(annotation) in (typing.Union, types.UnionType)


def _refused(message: str) -> StepError:
    return StepError(f"TypeError: {message}", kind=ErrorKind.INVALID_INPUT)


def _problems(error: ValidationError, value: object) -> list[str]:
    """Each wrong place once, with all that could stand there: of a union, every member complains."""
    by_place: dict[str, tuple[list[str], object]] = {}
    for details in error.errors(include_url=False):
        place, there = _place(details["loc"], details["type"], value)
        said = details["msg"].removeprefix("Input ").removeprefix("Value error, ")
        if details["type"] == "missing":
            said = "is missing"
        texts, _ = by_place.setdefault(place, ([], there))
        if said not in texts:
            texts.append(said)
    told = [
        f"{place} {' or '.join(texts)}" + ("" if texts == ["is missing"] else f", not {shown(there)}")
        for place, (texts, there) in by_place.items()
    ]
    more = len(told) - _SHOWN_PROBLEMS
    return told[:_SHOWN_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])


def _place(location: tuple[str | int, ...], kind: str, value: object) -> tuple[str, object]:
    """Where in the input, and what is there. pydantic puts the names of a union's members between."""
    place = "input"
    there: Any = value
    for number, part in enumerate(location):
        if (isinstance(there, dict) and part in there) or (
            isinstance(there, list) and isinstance(part, int) and part < len(cast("list[object]", there))
        ):
            there = cast(Any, there)[part]
        elif not (kind == "missing" and number == len(location) - 1):
            continue
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    return place, cast(object, there)


def shown(value: object) -> str:
    """A value in an error, cut short."""
    if value is None:
        return "nothing"
    if isinstance(value, Conversation):
        return "a Conversation"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _name(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).removeprefix("typing.")
