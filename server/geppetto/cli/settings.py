"""What `geppetto config set` and `geppetto models` do."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from geppetto.cli.params import UsageError
from geppetto.settings.find import CONFIG_NAME, find_workspace_file, user_file

_KEY = ".api_key"


def change_setting(key: str, value: str | None, *, user: bool, profile: str | None, unset: bool) -> str:
    """Change a setting in a file, or a key in the keychain; what was done, for people.

    Raises:
        GeppettoError: it is not allowed, or did not work; nothing has changed then.
    """
    if unset and value is not None:
        raise UsageError("--unset takes no value.")
    if key.endswith(_KEY):
        return _change_key(key, value, profile, unset)
    if value is None and not unset:
        raise UsageError(f"What should {key} be?", hint=f"geppetto config set {key} VALUE, or --unset.")
    from geppetto.settings.edit import set_value

    path = user_file() if user else find_workspace_file(Path.cwd()) or Path.cwd() / CONFIG_NAME
    # In the user's own folder, the nearest file is the user's.
    mine = user or path == user_file()
    set_value(path, key, value, kind="user" if mine else "workspace", profile=profile)
    return f"{'removed from' if unset else 'written to'} {path}"


def change_trust(folder: Path, *, remove: bool) -> str:
    """Trust a folder's Python code, or no more; what was done, for people.

    Raises:
        GeppettoError: there is no such folder, or the user's file cannot be used.
    """
    from geppetto.settings.edit import distrust_folder, trust_folder

    folder = folder.resolve()
    if remove:
        if distrust_folder(folder):
            return f"{folder} is not trusted any more: {user_file()}"
        return f"{folder} is not named in {user_file()}"
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.")
    if trust_folder(folder):
        return f"{folder} is trusted: {user_file()}"
    return f"{folder} was trusted already: {user_file()}"


def _change_key(key: str, value: str | None, profile: str | None, unset: bool) -> str:
    from geppetto.settings.keychain import store_key
    from geppetto.settings.trust import SERVICES

    name = key.removesuffix(_KEY)
    if name not in SERVICES:
        raise UsageError(f"There is no setting {key}.", hint=f"Keys: {', '.join(s + _KEY for s in SERVICES)}")
    if profile is not None:
        raise UsageError("The keychain knows no profiles.", hint="Leave --profile out.")
    if value is not None:
        raise UsageError(
            "A key does not belong on the command line, where others can read it.",
            hint=f"geppetto config set {key}, and it is asked for; or: geppetto config set {key} < FILE",
        )
    if unset:
        store_key(name, "")
        return "removed from the system's keychain"
    if sys.stdin.isatty():
        from getpass import getpass

        secret = getpass(f"{key}: ").strip()
    else:
        secret = sys.stdin.readline(4096).strip()
    if not secret:
        raise UsageError("No key was given; nothing has changed.", hint="--unset removes one.")
    store_key(name, secret)
    return "kept in the system's keychain"


def offered_models(folder: Path, provider: str | None, profile: str | None) -> list[str]:
    """The names of the models of a provider.

    Raises:
        GeppettoError: the settings are wrong, the provider has no list or does not give it.
    """
    from geppetto.settings.load import load_settings
    from geppetto.steps.chat.factory import create_chat_step
    from geppetto.steps.chat.offered import keep_offer
    from geppetto.steps.chat.remote import RemoteChatStep
    from geppetto.steps.services import address_of

    settings = load_settings(folder, profile)
    step = create_chat_step(settings.steps, {} if provider is None else {"provider": provider}, folder=folder)
    if not isinstance(step, RemoteChatStep):
        raise UsageError(
            f"The provider {step.type} has no list of models.",
            hint="Choose one with --provider: openai, claude or ollama.",
        )

    async def ask() -> list[str]:
        try:
            return await step.models()
        finally:
            await step.clients.aclose()

    models = asyncio.run(ask())
    name = settings.steps.chat.provider if provider is None else provider
    if name in ("openai", "claude", "ollama"):
        # For editors, which offer these names. Where nothing can be kept, they offer fewer.
        with suppress(OSError):
            keep_offer(name, address_of(settings.steps, name), models)
    return models
