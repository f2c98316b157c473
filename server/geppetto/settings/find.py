"""Where settings may come from, told without reading them.

Every run asks this before anything else, so it imports neither pydantic nor a parser.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

CONFIG_NAME = "geppetto.toml"
ENV_FILE_NAME = ".env"
ENV_PREFIX = "GEPPETTO_"
FOLDERS_VARIABLE = "GEPPETTO_TRUSTED_FOLDERS"
"""Folders whose Python code may run; it sets nothing."""

VENDOR_VARIABLES: Mapping[str, str] = {
    "OPENAI_API_KEY": "openai.api_key",
    "OPENAI_BASE_URL": "openai.base_url",
    "ANTHROPIC_API_KEY": "claude.api_key",
    "ANTHROPIC_BASE_URL": "claude.base_url",
    "OLLAMA_HOST": "ollama.base_url",
    "GEPPETTO_BUS": "bus.url",
}
"""Environment variables with names of their own, most of them the vendors', and the setting that each one is."""


def find_config_files(folder: Path) -> list[Path]:
    """The `geppetto.toml` of the workspace around `folder`, then the user's own: strongest first."""
    found = [path for path in (find_workspace_file(folder), user_file()) if path and os.path.lexists(path)]
    return list(dict.fromkeys(found))


def find_workspace_file(folder: Path) -> Path | None:
    """The nearest `geppetto.toml`, from `folder` upwards to the end of the workspace.

    Whatever bears the name counts, even a folder or a dead link: it is somebody's intent, and the loader says
    what is wrong with it.
    """
    return next((path for at in _workspace(folder) if os.path.lexists(path := at / CONFIG_NAME)), None)


def find_env_file(folder: Path) -> Path | None:
    """The nearest `.env` file, from `folder` upwards to the end of the workspace. A folder so named is not one."""
    return next((path for at in _workspace(folder) if os.path.isfile(path := at / ENV_FILE_NAME)), None)


def user_file() -> Path:
    """The user's own `geppetto.toml`, whether it exists or not."""
    import platformdirs

    return platformdirs.user_config_path("geppetto", appauthor=False) / CONFIG_NAME


def is_configured(folder: Path, env: Mapping[str, str]) -> bool:
    """Whether anything at all may be set; False means that the defaults are all there is."""
    return (
        any(
            value and (name.startswith(ENV_PREFIX) or name in VENDOR_VARIABLES) and name != FOLDERS_VARIABLE
            for name, value in env.items()
        )
        or find_env_file(folder) is not None
        or bool(find_config_files(folder))
    )


def _workspace(folder: Path) -> Iterator[Path]:
    """`folder` and its parents, up to the root of its git repository, or of the file system.

    A repository is what people clone, share and review as one. A file above it belongs to something else,
    and a clone must not behave differently for the folder it happens to stand in.
    """
    folder = folder.resolve()
    for at in (folder, *folder.parents):
        yield at
        if os.path.lexists(at / ".git"):
            return
