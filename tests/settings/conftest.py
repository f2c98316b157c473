from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest
from geppetto.settings.keychain import read_key

Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, so that the developer's settings play no part."""
    home = tmp_path / "home"
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    folder = platformdirs.user_config_path("geppetto", appauthor=False)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A git repository, so that nothing above it plays a part either."""
    folder = tmp_path / "workspace"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def no_keychain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The developer's own keychain plays no part either."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    read_key.cache_clear()
    yield
    read_key.cache_clear()
