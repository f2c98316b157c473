from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

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
