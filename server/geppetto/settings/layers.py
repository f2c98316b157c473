"""A layer: checked values of one origin. The settings are layers upon layers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import ValidationError

from geppetto.json_value import JsonValue
from geppetto.settings.errors import Problem, SettingsError
from geppetto.settings.models import Section, StepSettings
from geppetto.settings.problems import explain, section_type, suggestion

Kind: TypeAlias = Literal[
    "command line", "environment", ".env", "profile", "workspace", "user", "keychain", "default"
]

_LISTS = ("chat.stop", "lint.file_patterns")
TABLES = ("lint.rules",)
"""Settings that are tables of their own."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from; `str()` of it is for people."""

    kind: Kind
    name: str = ""
    path: Path | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path or "")
        return (
            " ".join(part for part in (self.name, f"({place})" if self.name and place else place) if part)
            or self.kind
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one origin, checked. `values` has the dotted names of the settings; keys are SecretStr."""

    values: Mapping[str, object] = field(default_factory=dict[str, object])
    origins: Mapping[str, Origin] = field(default_factory=dict[str, Origin])
    profile: str | None = None
    """The profile that this layer asks for."""
    profile_origin: Origin = Origin("default")
    notices: tuple[str, ...] = ()


def check(values: Mapping[str, tuple[JsonValue, Origin]], base: Path) -> Layer:
    sections: dict[str, dict[str, JsonValue]] = {}
    origins = {key: origin for key, (_, origin) in values.items()}
    problems: list[Problem] = []
    for key, (value, origin) in values.items():
        section, dot, name = key.partition(".")
        if not dot:
            names = [
                f"{section}.{field}" for section in StepSettings.model_fields for field in fields_of(section)
            ]
            near = suggestion(key, [*StepSettings.model_fields, *names])
            problems.append(Problem(f"should be section.key, such as chat.model{near}", key, str(origin)))
            continue
        sections.setdefault(section, {})[name] = unfolded(key, value)
    try:
        settings = StepSettings.model_validate(sections, context={"base": base})
    except ValidationError as error:
        for location, message in explain(error, StepSettings):
            key = ".".join(map(str, location))
            of_section = (origin for name, origin in origins.items() if name.startswith(f"{key}."))
            origin = origins.get(".".join(map(str, location[:2]))) or next(of_section, Origin("default"))
            problems.append(Problem(message, key, str(origin), origin.path, origin.line))
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return Layer(dict(leaves(settings)), origins)


def unfolded(key: str, value: JsonValue) -> JsonValue:
    """The value of a setting that may have come as one text: a list or a table as JSON, or a list's only element."""
    if not isinstance(value, str):
        return value
    return _list(value) if key in _LISTS else _table(value) if key in TABLES else value


def leaves(settings: StepSettings) -> Iterator[tuple[str, object]]:
    """What was really said, by dotted name."""
    for section in sorted(settings.model_fields_set & StepSettings.model_fields.keys()):
        values: object = getattr(settings, section)
        if isinstance(values, Section):
            for key in sorted(values.model_fields_set):
                yield f"{section}.{key}", getattr(values, key)


def fields_of(section: str) -> list[str]:
    model = section_type(section)
    return list(model.model_fields) if model else []


def _table(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _list(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return [text]
    return value if isinstance(value, list) else [text]
