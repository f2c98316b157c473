import os
import subprocess
import sys
from pathlib import Path

from geppetto.settings.find import find_config_files, find_env_file, find_workspace_file, is_configured


def test_nothing_anywhere(workspace: Path) -> None:
    assert find_config_files(workspace) == []
    assert find_env_file(workspace) is None
    assert not is_configured(workspace, {"PATH": "/bin", "OPENAI_API_KEY": "", "GEPPETTO_PROFILE": ""})


def test_the_nearest_file_upwards_then_the_users(workspace: Path, user_folder: Path) -> None:
    deep = workspace / "a" / "b"
    deep.mkdir(parents=True)
    for folder in (workspace, workspace / "a", user_folder):
        (folder / "geppetto.toml").touch()
    assert find_config_files(deep) == [workspace / "a" / "geppetto.toml", user_folder / "geppetto.toml"]
    assert find_config_files(workspace) == [workspace / "geppetto.toml", user_folder / "geppetto.toml"]


def test_two_workspaces_know_nothing_of_each_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "geppetto.toml").touch()
    assert find_workspace_file(tmp_path / "one") == tmp_path / "one" / "geppetto.toml"
    assert find_workspace_file(tmp_path / "two") == tmp_path / "two" / "geppetto.toml"


def test_the_search_ends_at_the_root_of_the_repository(workspace: Path) -> None:
    (workspace.parent / "geppetto.toml").touch()
    (workspace.parent / ".env").touch()
    (workspace / "src").mkdir()
    assert find_workspace_file(workspace / "src") is None
    assert find_env_file(workspace / "src") is None


def test_a_worktree_and_a_submodule_have_a_git_file_and_are_roots_too(tmp_path: Path) -> None:
    (tmp_path / "geppetto.toml").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".git").write_text("gitdir: ../.git/modules/sub")
    assert find_workspace_file(tmp_path / "sub") is None
    assert find_workspace_file(tmp_path) == tmp_path / "geppetto.toml"


def test_the_users_file_counts_once(user_folder: Path) -> None:
    (user_folder / "geppetto.toml").touch()
    assert find_config_files(user_folder) == [user_folder / "geppetto.toml"]


def test_a_folder_named_env_is_somebodys_virtual_environment(workspace: Path) -> None:
    (workspace / "src" / ".env").mkdir(parents=True)
    (workspace / ".env").touch()
    assert find_env_file(workspace / "src") == workspace / ".env"


def test_a_dead_link_is_found_so_that_the_loader_can_complain(workspace: Path) -> None:
    (workspace / "geppetto.toml").symlink_to("gone.toml")
    assert find_config_files(workspace) == [workspace / "geppetto.toml"]


def test_relative_missing_and_dotted_folders(workspace: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (workspace / "geppetto.toml").touch()
    monkeypatch.chdir(workspace)
    for folder in (Path(), Path("."), Path("not/there"), workspace / "x" / ".." / "y"):
        assert find_workspace_file(folder) == workspace / "geppetto.toml"


def test_anything_at_all_is_configured(workspace: Path, user_folder: Path) -> None:
    assert is_configured(workspace, {"OPENAI_API_KEY": "sk-x"})
    assert is_configured(workspace, {"OLLAMA_HOST": "localhost"})
    assert is_configured(workspace, {"GEPPETTO_CHAT_MODEL": "m"})
    (workspace / ".env").touch()
    assert is_configured(workspace, {})
    (workspace / ".env").unlink()
    (user_folder / "geppetto.toml").touch()
    assert is_configured(workspace, {})


def test_looking_is_cheap() -> None:
    """Every run looks; only a run that finds something and uses a step may pay for pydantic."""
    code = (
        "import sys; from pathlib import Path; from geppetto.settings.find import is_configured\n"
        "is_configured(Path('.'), {})\n"
        "print([n for n in ('pydantic', 'tomllib', 'tomlkit', 'dotenv', 'asyncio', 'json') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=dict(os.environ),
    )
    assert done.stdout.strip() == "[]"
