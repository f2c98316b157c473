"""Reading a `geppetto.toml`."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from geppetto.settings.errors import Problem, SettingsError
from geppetto.settings.find import user_file
from geppetto.settings.layers import Layer, Origin, leaves
from geppetto.settings.models import FilePath, StepSettings
from geppetto.settings.places import KeyPath, key_lines, line_of
from geppetto.settings.problems import explain
from geppetto.settings.text_file import read_text


def _trusted_host(value: str) -> str:
    """A host, or an origin such as http://gpu-box:8000."""
    try:
        url = urlsplit(value if "://" in value else f"https://{value}")
        good = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        good = False
    else:
        rest = value.partition("://")[2] or value
        good = good and not re.search(r"[/@?#*\s]", rest) and ("://" in value or ":" not in value)
    if not good:
        raise PydanticCustomError("host", "should be a host such as llm.example.com, or http://gpu-box:8000")
    return value


TrustedHost: TypeAlias = Annotated[str, AfterValidator(_trusted_host)]


TRUST = frozenset({"trusted_hosts", "trusted_folders"})
"""What only the user's own file may say."""


class ConfigFile(StepSettings):
    """All that a `geppetto.toml` may say."""

    profile: str | None = None
    profiles: dict[str, StepSettings] = Field(default_factory=dict)
    trusted_hosts: tuple[TrustedHost, ...] = ()
    trusted_folders: tuple[FilePath, ...] = ()


@dataclass(frozen=True, slots=True)
class FileLayers:
    """A `geppetto.toml`: what it says for everybody, and its profiles."""

    path: Path
    common: Layer
    profiles: Mapping[str, Layer]
    trusted_hosts: tuple[str, ...] = ()
    trusted_folders: tuple[Path, ...] = ()


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
    if kind == "workspace" and (told := sorted(TRUST & config.model_fields_set)):
        line = line_of(lines, (told[0],))
        message = f"a workspace cannot say whom you trust: this belongs into your own {user_file()}"
        raise SettingsError([Problem(message, told[0], _place(path, line), path, line)])

    def layer(settings: StepSettings, prefix: KeyPath, origin: Callable[[int | None], Origin]) -> Layer:
        values = dict(leaves(settings))
        origins = {key: origin(line_of(lines, (*prefix, *key.split(".", 1)))) for key in values}
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
        config.trusted_hosts,
        config.trusted_folders,
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
