"""Keys in the system's keychain: macOS Keychain, Windows Credential Locker, Secret Service, through `keyring`.

The package is optional (`geppetto[keychain]`). It is asked in a thread, and not for ever: a locked keychain may
wait for its owner to type a password.
"""

import importlib.util
import logging
import threading
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from geppetto.errors import GeppettoError

SERVICE = "geppetto"
"""Under this name the keys stand in the keychain; the account is the section of the settings, such as `openai`."""

PATIENCE_SECONDS = 20.0

INSTALL_HINT = "Install it with: pip install 'geppetto[keychain]'"

logger = logging.getLogger(__name__)

T = TypeVar("T")


class KeychainError(GeppettoError):
    """There is no keychain, or it did not do what was asked."""


def has_keyring() -> bool:
    """Whether the package is installed; says nothing about a keychain behind it."""
    return importlib.util.find_spec("keyring") is not None


@cache
def read_key(name: str) -> str | None:
    """The key of a service, None if there is none or no keychain to ask. Asked once per process."""
    if not has_keyring():
        return None

    def read() -> str | None:
        import keyring

        return keyring.get_password(SERVICE, name)

    try:
        value = _asked(read)
    except KeychainError as error:
        # Most machines without a desktop have none; a step that needs a key says that it has none.
        logger.info("the keychain was asked for the key of %s: %s", name, error)
        return None
    return (value or "").strip() or None


def store_key(name: str, key: str) -> None:
    """Keep the key of a service; "" removes it.

    Raises:
        KeychainError: there is no keychain, or it refused.
    """
    if not has_keyring():
        raise KeychainError(
            "The package keyring, which reaches the system's keychain, is missing.", hint=INSTALL_HINT
        )

    def store() -> None:
        import keyring
        from keyring.errors import PasswordDeleteError

        if key:
            keyring.set_password(SERVICE, name, key)
        else:
            try:
                keyring.delete_password(SERVICE, name)
            except PasswordDeleteError:
                logger.info("there was no key of %s in the keychain", name)

    _asked(store)
    read_key.cache_clear()


def _asked(question: Callable[[], T]) -> T:
    """What the keychain answers, in time."""
    answers: list[T] = []
    failures: list[Exception] = []

    def ask() -> None:
        try:
            answers.append(question())
        except Exception as error:  # told to whoever asked, in another thread
            failures.append(error)

    # A daemon: one that still waits for a password must not keep the process alive.
    thread = threading.Thread(target=ask, name="keychain", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if answers:
        return answers[0]
    if not failures:
        raise KeychainError(f"The system's keychain did not answer within {PATIENCE_SECONDS:g} s.")
    # The type alone: what a backend puts into its message could be anything.
    raise KeychainError(
        f"The system's keychain cannot be used ({type(failures[0]).__name__}).",
        hint="Set the key in the environment instead, such as OPENAI_API_KEY.",
    ) from None
