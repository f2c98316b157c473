"""What pydantic found wrong, said for the person who wrote it."""

import difflib
import re
import reprlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from geppetto.settings.models import PriceSettings, PricesSettings, ServiceSettings, StepSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

_OF_KEY = "[key]"


def explain(error: ValidationError, model: type[BaseModel]) -> list[tuple[Location, str]]:
    """The place and the message of each error. No message repeats a value that could be a key."""
    return [(_place(details["loc"]), _message(details, model)) for details in error.errors(include_url=False)]


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean "model"?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def section_type(name: str) -> type[BaseModel] | None:
    """The model of a section of the settings, such as `chat`."""
    field = StepSettings.model_fields.get(name)
    annotation = field.annotation if field else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _place(location: Location) -> Location:
    """Without what pydantic adds when the key is what is wrong."""
    return location[:-1] if location[-1:] == (_OF_KEY,) else location


def _message(details: "ErrorDetails", model: type[BaseModel]) -> str:
    location = details["loc"]
    match details["type"]:
        case "extra_forbidden":
            known = _keys_around(location, model)
            word = str(location[-1])
            return f"unknown key{suggestion(word, known) or '; known keys: ' + ', '.join(known)}"
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", str(details.get("ctx", {}).get("expected", "")))
            word = details["input"]
            hint = suggestion(word, allowed) if isinstance(word, str) else ""
            if location[-1] == _OF_KEY:
                return f"unknown key{hint or '; known keys: ' + ', '.join(allowed)}"
            return f"{_shown(details)} is not allowed; allowed: {', '.join(allowed)}{hint}"
        case "missing":
            return "is missing"
        case "model_type" | "dict_type":
            return f"should be a table, as in [{'.'.join(map(str, location))}]"
        case "byte_size" | "byte_size_unit":
            return f"should be a size such as 512MiB, not {_shown(details)}"
        case _:
            said = details["msg"].removeprefix("Input ")
            return said if _may_be_secret(location) else f"{said}, not {_shown(details)}"


def _keys_around(location: Location, model: type[BaseModel]) -> list[str]:
    *path, _ = location
    if path[:1] == ["profiles"]:
        path, model = path[2:], StepSettings
    section = section_type(str(path[0])) if path else model
    if section is PricesSettings and len(path) > 1:
        section = PriceSettings
    return list((section or model).model_fields)


def _shown(details: "ErrorDetails") -> str:
    brief = reprlib.Repr()
    brief.maxstring = 60
    value = details["input"]
    return f'"{brief.repr(value)[1:-1]}"' if isinstance(value, str) else brief.repr(value)


def _may_be_secret(location: Location) -> bool:
    return any(isinstance(part, str) and section_type(part) is ServiceSettings for part in location)
