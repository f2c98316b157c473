"""Reading a `geppetto.toml`."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from geppetto.settings.errors import Problem, SettingsError
from geppetto.settings.layers import Layer, Origin, leaves
from geppetto.settings.models import StepSettings
from geppetto.settings.places import KeyPath, key_lines, line_of
from geppetto.settings.problems import explain
from geppetto.settings.text_file import read_text


class ConfigFile(StepSettings):
    """All that a `geppetto.toml` may say."""

    profile: str | None = None
    profiles: dict[str, StepSettings] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileLayers:
    """A `geppetto.toml`: what it says for everybody, and its profiles."""

    path: Path
    common: Layer
    profiles: Mapping[str, Layer]


def read_config(path: Path, kind: Literal["workspace", "user"]) -> FileLayers:
    """Read and check a whole `geppetto.toml`, the profiles that nobody chose included.

    Raises:
        SettingsError: it cannot be read, is not TOML, or says something wrong: all problems at once.
    """
    text = read_text(path)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError([_malformed(path, text, error)]) from None
    lines = key_lines(text)
    try:
        config = ConfigFile.model_validate(document, context={"base": path.parent})
    except ValidationError as error:
        problems = [
            Problem(
                message,
                key=".".join(map(str, location)),
                origin=_place(path, line := line_of(lines, location)),
                path=path,
                line=line,
            )
            for location, message in explain(error, ConfigFile)
        ]
        raise SettingsError(sorted(problems, key=lambda problem: problem.line or 0)) from None

    def layer(settings: StepSettings, prefix: KeyPath, origin: Callable[[int | None], Origin]) -> Layer:
        values = dict(leaves(settings))
        origins = {key: origin(line_of(lines, (*prefix, *key.split(".")))) for key in values}
        return Layer(values, origins)

    return FileLayers(
        path,
        replace(
            layer(config, (), lambda line: Origin(kind, path=path, line=line)),
            profile=config.profile,
            profile_origin=Origin(kind, path=path, line=line_of(lines, ("profile",))),
        ),
        {
            name: layer(
                profile,
                ("profiles", name),
                lambda line, name=name: Origin("profile", f"profile {name}", path=path, line=line),
            )
            for name, profile in config.profiles.items()
        },
    )


def _malformed(path: Path, text: str, error: Exception) -> Problem:
    if isinstance(error, RecursionError):
        return Problem("the values are nested too deeply", origin=str(path), path=path)
    # Until Python 3.14 the place is told in the message only.
    said = str(error)
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", said)
    message = said[: place.start()] if place else said
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:
        last = text.rstrip("\n").split("\n")
        line, column = len(last), len(last[-1]) + 1
    return Problem(f"not valid TOML: {message}", "", f"{path}:{line}:{column}", path, line, column)


def _place(path: Path, line: int | None) -> str:
    return f"{path}:{line}" if line else str(path)
