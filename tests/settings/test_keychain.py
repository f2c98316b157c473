"""Keys in the system's keychain, through the real package with a keychain of the test's own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from geppetto.settings import keychain
from geppetto.settings.errors import SettingsError
from geppetto.settings.keychain import KeychainError, read_key, store_key
from geppetto.settings.keys import known_keys, service_key
from geppetto.settings.load import load_settings
from geppetto.settings.models import StepSettings

keyring = pytest.importorskip("keyring")
from keyring.backend import KeyringBackend  # noqa: E402
from keyring.errors import PasswordDeleteError  # noqa: E402

KEY = "sk-planted-in-the-keychain"


class Drawer(KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[tuple[str, str], str] = {}
        self.broken = False
        self.locked: threading.Event | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            self.locked.wait(30)
        if self.broken:
            raise RuntimeError(f"backend trouble with {KEY}")
        return self.keys.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.broken:
            raise RuntimeError(f"backend trouble with {password}")
        self.keys[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.keys:
            raise PasswordDeleteError("not there")
        del self.keys[service, username]


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    before = keyring.get_keyring()
    drawer = Drawer()
    keyring.set_keyring(drawer)
    read_key.cache_clear()
    yield drawer
    keyring.set_keyring(before)


def test_a_key_is_stored_and_used_and_removed(workspace: Path, drawer: Drawer) -> None:
    assert service_key(load_settings(workspace, env={}).steps, "openai") is None
    store_key("openai", KEY)
    settings = load_settings(workspace, env={})
    assert service_key(settings.steps, "openai") == KEY
    assert service_key(settings.steps, "claude") is None
    assert list(known_keys(settings.steps)) == [KEY]
    row = next(row for row in settings.rows() if row.key == "openai.api_key")
    assert (row.value, str(row.origin)) == ("********", "keychain")
    assert KEY not in repr(settings) + repr(settings.rows())
    store_key("openai", "")
    store_key("openai", "")
    assert service_key(settings.steps, "openai") is None


def test_every_other_place_is_stronger(workspace: Path, drawer: Drawer) -> None:
    store_key("openai", KEY)
    settings = load_settings(workspace, env={"OPENAI_API_KEY": "sk-environment"})
    assert service_key(settings.steps, "openai") == "sk-environment"


def test_it_does_not_go_where_the_workspace_sends_it(workspace: Path, drawer: Drawer) -> None:
    store_key("openai", KEY)
    (workspace / "geppetto.toml").write_text('[openai]\nbase_url = "https://evil.example"\n')
    settings = load_settings(workspace, env={})
    with pytest.raises(SettingsError, match="gets none of your keys"):
        service_key(settings.steps, "openai")
    assert list(known_keys(settings.steps)) == []


def test_a_broken_keychain_has_no_keys_and_tells_none(
    drawer: Drawer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    drawer.broken = True
    assert service_key(StepSettings(), "openai") is None
    with pytest.raises(KeychainError, match="cannot be used") as caught:
        store_key("openai", KEY)
    assert KEY not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None


def test_a_locked_keychain_is_not_waited_for_for_ever(
    drawer: Drawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawer.locked = threading.Event()
    monkeypatch.setattr(keychain, "PATIENCE_SECONDS", 0.05)
    try:
        assert read_key("openai") is None
    finally:
        drawer.locked.set()


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keychain, "has_keyring", lambda: False)
    assert read_key("openai") is None
    with pytest.raises(KeychainError) as caught:
        store_key("openai", KEY)
    assert "geppetto[keychain]" in (caught.value.hint or "")
