"""What the settings of a folder say: `[lint]` in `geppetto.toml` or its variables, and the models they lead to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from geppetto.lsp.documents.scripts import DEFAULT_PATTERNS
from geppetto.lsp.lint.models import Chosen, KnownNames
from geppetto.lsp.lint.rules import SEVERITIES, Severity

if TYPE_CHECKING:
    from geppetto.settings.models import LintSettings, ServiceName, StepSettings

_SERVICES: tuple["ServiceName", ...] = ("openai", "claude", "ollama")
_FRESH_DAYS = 30
"""A list of models that is older may lack the one that a script names."""

_VARIABLES = ("GEPPETTO_LINT_", "GEPPETTO_PROFILE")


@dataclass(frozen=True, slots=True)
class Lint:
    """Checked settings.

    Attributes:
        patterns: names of files that are scripts, with `*` and `?`.
        severities: of rules, by code; None is off. Rules that are not in it keep their own.
    """

    patterns: tuple[str, ...] = DEFAULT_PATTERNS
    severities: Mapping[str, Severity | None] = field(default_factory=dict[str, Severity | None])


class ProjectSettings:
    """The settings by folder. They are read when first asked for, and again after `forget`."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = os.environ if env is None else env
        self._by_folder: dict[Path, Lint] = {}
        self._by_file: dict[Path, Lint] = {}
        self._names: dict[Path, tuple[int, KnownNames]] = {}
        self._complaints: set[str] = set()

    def of(self, folder: Path) -> Lint:
        """What holds for scripts in a folder.

        Raises:
            SettingsError: something in the settings is wrong, about whatever it is.
        """
        known = self._by_folder.get(folder)
        if known is None:
            known = self._by_folder[folder] = self._read(folder)
        return known

    def names_of(self, folder: Path) -> KnownNames:
        """What scripts in a folder can name, from the settings and what services have said before.

        Raises:
            SettingsError: something in the settings is wrong, about whatever it is.
        """
        from geppetto.steps.chat.offered import offers_stamp

        stamp = offers_stamp()
        known = self._names.get(folder)
        if known is None or known[0] != stamp:
            known = self._names[folder] = stamp, _known_names(folder, self._env)
        return known[1]

    def known(self, folder: Path) -> Lint | None:
        """The same, if it has been read already."""
        return self._by_folder.get(folder)

    def settle(self, folder: Path, complaint: str) -> bool:
        """Lets the defaults hold for a folder whose settings are wrong; True if the complaint is a new one."""
        self._by_folder[folder] = Lint()
        is_new = complaint not in self._complaints
        self._complaints.add(complaint)
        return is_new

    def forget(self) -> None:
        self._by_folder.clear()
        self._by_file.clear()
        self._names.clear()
        self._complaints.clear()

    def _read(self, folder: Path) -> Lint:
        from geppetto.settings.find import find_config_files, find_env_file

        files = find_config_files(folder)
        env_file = find_env_file(folder)
        if not files and env_file is None and not any(name.startswith(_VARIABLES) for name in self._env):
            return Lint()  # without importing what reads them
        # Most folders of a workspace share one file.
        nearest = files[0] if files and env_file is None else None
        if nearest is not None and nearest in self._by_file:
            return self._by_file[nearest]
        from geppetto.settings.load import load_settings

        found = _lint(load_settings(folder, env=self._env).steps.lint)
        if nearest is not None:
            self._by_file[nearest] = found
        return found


def _lint(settings: "LintSettings") -> Lint:
    return Lint(
        settings.file_patterns, {code: SEVERITIES[severity] for code, severity in settings.rules.items()}
    )


def _known_names(folder: Path, env: Mapping[str, str]) -> KnownNames:
    from geppetto.settings.load import load_settings
    from geppetto.steps.chat.offered import kept_offer
    from geppetto.steps.chat.pricing import built_in_prices
    from geppetto.steps.services import address_of

    plain = load_settings(folder, env=env)
    by_profile: dict[str | None, StepSettings] = {None: plain.steps}
    by_profile |= {name: load_settings(folder, name, env=env).steps for name in plain.profiles}
    profiles: dict[str | None, Chosen] = {}
    names: dict[str, dict[str, None]] = {}
    for profile, steps in by_profile.items():
        if steps.chat.model is not None:
            names.setdefault(steps.chat.provider, {})[steps.chat.model] = None
        complete: dict[str, frozenset[str]] = {}
        for service in _SERVICES:
            offer = kept_offer(service, address_of(steps, service))
            if offer is None:
                continue
            names.setdefault(service, {}).update(dict.fromkeys(offer.models))
            if getattr(steps, service).base_url is None and offer.days <= _FRESH_DAYS:
                complete[service] = frozenset(offer.models)
        profiles[profile] = Chosen(steps.chat.provider, complete)
        names.setdefault("", {}).update(dict.fromkeys(steps.prices.by_model))
    for model in built_in_prices():
        names.setdefault("claude" if model.startswith("claude") else "openai", {})[model] = None
    tools = dict.fromkeys(name for steps in by_profile.values() for name in steps.tools.by_name)
    models = {service: tuple(heard) for service, heard in names.items()}
    return KnownNames(profiles, models, tuple(tools))
