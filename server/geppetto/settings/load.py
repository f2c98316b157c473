"""The settings that hold for a folder, and where each one came from.

The first that says something wins:

1. the command line,
2. the environment: `GEPPETTO_SECTION_KEY`, then the vendors' own variables,
3. the nearest `.env` file, from the folder upwards,
4. the chosen profile: of the workspace's `geppetto.toml`, then of the user's,
5. the workspace's `geppetto.toml`, the nearest from the folder upwards,
6. the user's own `geppetto.toml`,
7. the defaults; for keys, the system's keychain.

Upwards ends at the root of the git repository. Every file is checked as a whole, the profiles that nobody chose
included, so that a mistake is told when it is made and not when it first matters.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import cast

from pydantic import SecretStr

from geppetto.json_value import JsonValue
from geppetto.settings.config_file import FileLayers, read_config
from geppetto.settings.environment import read_env_file, read_environment
from geppetto.settings.errors import Problem, SettingsError
from geppetto.settings.find import find_env_file, find_workspace_file, user_file
from geppetto.settings.keychain import read_key
from geppetto.settings.layers import Layer, Origin, check, fields_of
from geppetto.settings.models import (
    PriceSettings,
    PricesSettings,
    ServiceSettings,
    StepSettings,
    StepsSettings,
    ToolsSettings,
)
from geppetto.settings.problems import suggestion
from geppetto.settings.trust import folders_trusted_by, withhold_keys

DEFAULT = Origin("default")
COMMAND_LINE = Origin("command line")
KEYCHAIN = Origin("keychain")
MASK = "********"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of `geppetto config show`. `value` is text with every secret masked, empty when not set."""

    key: str
    value: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, and their story."""

    steps: StepSettings
    origins: Mapping[str, Origin]
    profile: str | None
    """The chosen profile."""
    profiles: tuple[str, ...]
    """The profiles there are to choose from."""
    files: tuple[Path, ...]
    """The files that were read, strongest first."""
    notices: tuple[str, ...]
    """What the user should be told, once, though nothing is wrong enough to stop."""
    trusted_folders: tuple[Path, ...] = ()
    """Folders whose Python code may run: see `settings.trust`."""

    def origin_of(self, key: str) -> Origin:
        """Where a setting, such as `chat.model`, comes from; KeyError if there is no such setting."""
        section, _, name = key.partition(".")
        if name not in self._names(section):
            raise KeyError(key)
        return self.origins.get(key, DEFAULT)

    def rows(self) -> list[Row]:
        """Every setting with its value and origin."""
        keys = [(section, name) for section in StepSettings.model_fields for name in self._names(section)]
        return [self._row(section, name) for section, name in keys]

    def _names(self, section: str) -> list[str]:
        match getattr(self.steps, section, None):
            case PricesSettings(by_model=named) | StepsSettings(by_name=named) | ToolsSettings(by_name=named):
                return sorted(named)
            case _:
                return fields_of(section)

    def _row(self, section: str, name: str) -> Row:
        settings: object = getattr(self.steps, section)
        value, origin = getattr(settings, name), self.origin_of(f"{section}.{name}")
        if isinstance(settings, ServiceSettings) and name == "api_key" and value is None:
            if settings.withheld:
                return Row(f"{section}.{name}", "(not used: see below)", origin)
            if read_key(section) is not None:
                return Row(f"{section}.{name}", MASK, KEYCHAIN)
        return Row(f"{section}.{name}", _masked(value), origin)


def load_settings(
    folder: Path,
    profile: str | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Mapping[str, JsonValue] | None = None,
) -> Settings:
    """The settings for a script in `folder`.

    Args:
        folder: where the script is; files are looked for from here upwards.
        profile: the profile chosen on the command line.
        env: the environment; the process's own if None.
        overrides: dotted names and values from the command line, such as {"chat.model": "gpt-5"}.

    Raises:
        SettingsError: a file, a variable or an override is wrong; names the place and what is allowed.
    """
    env = os.environ if env is None else env
    cwd = Path.cwd()
    files = _config_files(folder)
    env_file = find_env_file(folder)
    command_line = check({key: (value, COMMAND_LINE) for key, value in (overrides or {}).items()}, cwd)
    environment = [read_environment(env, cwd)]
    if env_file:
        environment.append(read_env_file(env_file, env))

    common = [file.common for file in files]
    chosen, chosen_by = _chosen_profile(profile, [*environment, *common])
    profiles = sorted(set(chain.from_iterable(file.profiles for file in files)))
    of_profile: list[Layer] = []
    if chosen is not None:
        if chosen not in profiles:
            raise _no_such_profile(chosen, chosen_by, profiles)
        of_profile = [file.profiles[chosen] for file in files if chosen in file.profiles]

    layers = [command_line, *environment, *of_profile, *common]
    steps, origins = _merge(layers)
    trusted = tuple(chain.from_iterable(file.trusted_hosts for file in files))
    steps, withheld = withhold_keys(steps, origins, user_file(), trusted)
    return Settings(
        steps=steps,
        origins=origins,
        profile=chosen,
        profiles=tuple(profiles),
        files=tuple(path for path in (env_file, *(file.path for file in files)) if path),
        notices=(*chain.from_iterable(layer.notices for layer in layers), *withheld),
        trusted_folders=(
            *folders_trusted_by(env),
            *chain.from_iterable(file.trusted_folders for file in files),
        ),
    )


def _config_files(folder: Path) -> list[FileLayers]:
    workspace, user = find_workspace_file(folder), user_file()
    # A script in the user's own folder of settings: the file is the user's all the same.
    is_user = workspace is not None and os.path.realpath(workspace) == os.path.realpath(user)
    files = [read_config(workspace, "user" if is_user else "workspace")] if workspace else []
    if os.path.lexists(user) and not is_user:
        files.append(read_config(user, "user"))
    return files


def _chosen_profile(argument: str | None, layers: Sequence[Layer]) -> tuple[str | None, Origin | None]:
    """The profile, and where it was chosen; None for whoever asks, who may be a command line, an editor or a worker."""
    if argument is not None:
        return argument, None
    choice = next((layer for layer in layers if layer.profile is not None), Layer())
    return choice.profile, choice.profile_origin


def _no_such_profile(name: str, origin: Origin | None, profiles: Sequence[str]) -> SettingsError:
    if profiles:
        message = f'no profile "{name}"; profiles: {", ".join(profiles)}{suggestion(name, profiles)}'
    else:
        message = f'no profile "{name}": no profiles are defined'
    problem = Problem(message, "profile")
    if origin is not None:
        problem = replace(problem, origin=str(origin), path=origin.path, line=origin.line)
    return SettingsError([problem], hint=f"A profile is a table [profiles.{name}.chat] in a geppetto.toml.")


def _merge(layers: Sequence[Layer]) -> tuple[StepSettings, dict[str, Origin]]:
    sections: dict[str, dict[str, object]] = {}
    origins: dict[str, Origin] = {}
    for layer in layers:
        for key, value in layer.values.items():
            section, _, name = key.partition(".")
            if key not in origins:
                sections.setdefault(section, {})[name] = value
                origins[key] = layer.origins[key]
            elif isinstance(value, dict):
                # A table such as lint.rules: the weaker one says what the stronger leaves open.
                sections[section][name] = {**value, **cast("dict[str, object]", sections[section][name])}
    # Every value was checked in its layer, so this cannot fail.
    return StepSettings.model_validate(sections), origins


def _masked(value: object) -> str:
    match value:
        case None | ():
            return ""
        case SecretStr():
            return MASK
        case PriceSettings():
            said = value.model_dump(exclude_none=True)
            return ", ".join(f"{name} {price:g}" for name, price in said.items())
        case dict():
            said = cast("dict[str, object]", value)
            return ", ".join(f"{name} {each}" for name, each in sorted(said.items()))
        case tuple():
            return ", ".join(repr(part) for part in value)  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
        case _:
            return str(value)
