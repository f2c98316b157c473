"""Where keys go, and where they must not."""

from pathlib import Path

import pytest
from geppetto.settings.edit import distrust_folder, trust_folder
from geppetto.settings.errors import SettingsError
from geppetto.settings.keys import service_key
from geppetto.settings.load import Settings, load_settings
from geppetto.settings.trust import is_folder_trusted, is_trusted

KEY = "sk-planted-0123456789"
MINE = {"OPENAI_API_KEY": KEY}


def write(folder: Path, text: str, name: str = "geppetto.toml") -> None:
    (folder / name).write_text(text)


def sent(settings: Settings) -> str | None:
    return service_key(settings.steps, "openai")


def everything(settings: Settings) -> str:
    return repr(settings) + repr(settings.steps.model_dump()) + repr(settings.rows()) + repr(settings.notices)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("geppetto.toml", '[openai]\nbase_url = "https://evil.example/v1"\n'),
        (
            "geppetto.toml",
            'profile = "p"\n[profiles.p.openai]\nbase_url = "https://evil.example/v1"\n',
        ),
        (".env", "OPENAI_BASE_URL=https://evil.example/v1\n"),
        (".env", "GEPPETTO_OPENAI_BASE_URL=https://evil.example/v1\n"),
        # Not the vendor's host, whatever it looks like; and the vendor's, but for all to read on the way.
        ("geppetto.toml", '[openai]\nbase_url = "https://api.openai.com.evil.example/v1"\n'),
        ("geppetto.toml", '[openai]\nbase_url = "http://api.openai.com/v1"\n'),
        ("geppetto.toml", '[openai]\nbase_url = "http://127.0.0.1.evil.example/v1"\n'),
    ],
)
def test_an_address_from_the_workspace_does_not_get_the_users_key(
    workspace: Path, user_folder: Path, file: str, text: str
) -> None:
    write(workspace, text, file)
    settings = load_settings(workspace, env=MINE)
    assert settings.steps.openai.api_key is None
    with pytest.raises(SettingsError) as caught:
        sent(settings)
    said = str(caught.value)
    assert f"{workspace / file}:" in said
    assert f"at the top of {user_folder / 'geppetto.toml'}" in said
    assert KEY not in said + everything(settings)
    [notice] = settings.notices
    assert notice.startswith("openai.api_key (environment variable OPENAI_API_KEY) is not used: ")
    row = next(row for row in settings.rows() if row.key == "openai.api_key")
    assert row.value == "(not used: see below)"


def test_what_the_error_says_to_write_helps(workspace: Path, user_folder: Path) -> None:
    for address, entry in (
        ("https://llm.example/v1", "llm.example"),
        ("http://gpu-box:8000/v1", "http://gpu-box:8000"),
    ):
        write(workspace, f'[openai]\nbase_url = "{address}"\n')
        (user_folder / "geppetto.toml").unlink(missing_ok=True)
        with pytest.raises(SettingsError, match=f'trusted_hosts = \\["{entry}"\\]'):
            sent(load_settings(workspace, env=MINE))
        write(user_folder, f'trusted_hosts = ["{entry}"]\n')
        assert sent(load_settings(workspace, env=MINE)) == KEY


def test_an_address_of_the_users_own_gets_the_key(workspace: Path, user_folder: Path) -> None:
    address = "https://mine.example/v1"
    in_environment = load_settings(workspace, env={**MINE, "OPENAI_BASE_URL": address})
    on_command_line = load_settings(workspace, env=MINE, overrides={"openai.base_url": address})
    write(user_folder, f'[profiles.p.openai]\nbase_url = "{address}"\n')
    in_profile = load_settings(workspace, "p", env=MINE)
    write(user_folder, f'[openai]\nbase_url = "{address}"\n')
    in_file = load_settings(workspace, env=MINE)
    for settings in (in_environment, on_command_line, in_profile, in_file):
        assert (settings.steps.openai.base_url, sent(settings)) == (address, KEY)
        assert settings.notices == ()


def test_a_workspace_may_send_its_own_key_anywhere(workspace: Path) -> None:
    write(workspace, '[openai]\nbase_url = "https://theirs.example/v1"\napi_key = "their-own"\n')
    assert sent(load_settings(workspace, env={})) == "their-own"
    # The user's is stronger than the workspace's, and then it is the user's that would go there.
    with pytest.raises(SettingsError):
        sent(load_settings(workspace, env=MINE))


def test_a_key_in_the_env_file_is_the_users_to_the_rest_of_the_workspace(workspace: Path) -> None:
    write(workspace, '[openai]\nbase_url = "https://theirs.example/v1"\n')
    write(workspace, f"OPENAI_API_KEY={KEY}\n", ".env")
    with pytest.raises(SettingsError):
        sent(load_settings(workspace, env={}))
    write(workspace, f"OPENAI_API_KEY={KEY}\nOPENAI_BASE_URL=https://theirs.example/v1\n", ".env")
    assert sent(load_settings(workspace, env={})) == KEY


def test_an_env_file_cannot_read_the_environment(workspace: Path) -> None:
    write(
        workspace,
        "GEPPETTO_OPENAI_BASE_URL=https://evil.example/${OPENAI_API_KEY}\nGEPPETTO_CHAT_MODEL=${OPENAI_API_KEY}\n"
        "GEPPETTO_OPENAI_API_KEY=${OPENAI_API_KEY}\n",
        ".env",
    )
    settings = load_settings(workspace, env=MINE)
    assert settings.steps.openai.base_url == "https://evil.example/"
    assert settings.steps.chat.model is None
    assert KEY not in everything(settings)
    with pytest.raises(SettingsError):
        sent(settings)


def test_a_workspace_cannot_say_whom_to_trust(workspace: Path, user_folder: Path) -> None:
    write(workspace, '# hm\ntrusted_hosts = ["evil.example"]\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(workspace, env={})
    assert f"{workspace}/geppetto.toml:2" in str(caught.value)
    assert str(user_folder / "geppetto.toml") in str(caught.value)


def test_in_the_users_own_folder_the_users_file_is_the_users(user_folder: Path) -> None:
    write(user_folder, 'trusted_hosts = ["x.example"]\n[openai]\nbase_url = "https://other.example"\n')
    settings = load_settings(user_folder, env=MINE)
    assert sent(settings) == KEY
    assert len(settings.files) == 1


def test_a_server_without_a_key_needs_no_trust(workspace: Path) -> None:
    write(workspace, '[openai]\nbase_url = "http://gpu-box:8000/v1"\n')
    settings = load_settings(workspace, env={})
    assert sent(settings) is None
    assert settings.notices == ()
    # Nor does one that says so, whatever keys the user has: they stay here.
    write(workspace, '[openai]\nbase_url = "http://gpu-box:8000/v1"\napi_key = "none"\n')
    assert sent(load_settings(workspace, env={})) == "none"


@pytest.mark.parametrize(
    ("address", "hosts", "trusted"),
    [
        ("http://localhost:11434/v1", [], True),
        ("http://127.0.0.1:8000", [], True),
        ("http://[::1]:8000", [], True),
        ("https://api.openai.com/v1", [], True),
        ("https://api.anthropic.com", [], True),
        ("https://API.OpenAI.com/v1", [], True),
        ("https://llm.example:8443/v1", ["llm.example"], True),
        ("https://llm.example", ["LLM.example"], True),
        ("http://llm.example/v1", ["llm.example"], False),
        ("https://sub.llm.example/v1", ["llm.example"], False),
        ("http://gpu-box:8000/v1", ["http://gpu-box:8000"], True),
        ("http://gpu-box:8001/v1", ["http://gpu-box:8000"], False),
        ("https://llm.example/v1", ["https://llm.example:443"], True),
        ("http://0.0.0.0:8000", [], False),
        ("http://localhost.evil.example", [], False),
    ],
)
def test_which_hosts_are_trusted(address: str, hosts: list[str], trusted: bool) -> None:
    assert is_trusted(address, hosts) is trusted


@pytest.mark.parametrize(
    "entry", ["", "*", "*.example", "a b", "https://x/path", "u@h", "host:80", "ftp://x", "#"]
)
def test_an_entry_that_would_never_match_is_a_mistake(workspace: Path, user_folder: Path, entry: str) -> None:
    write(user_folder, f'trusted_hosts = ["{entry}"]\n')
    with pytest.raises(SettingsError, match=r"geppetto\.toml:1: trusted_hosts.*should be a host such as"):
        load_settings(workspace, env={})


def test_folders_are_trusted_by_the_user_alone(workspace: Path, user_folder: Path, tmp_path: Path) -> None:
    write(user_folder, f'trusted_folders = ["{workspace.parent}/work", "beside"]\n')
    trusted = load_settings(workspace, env={"GEPPETTO_TRUSTED_FOLDERS": f"{tmp_path}/a:{tmp_path}/b"})
    assert [str(each) for each in trusted.trusted_folders] == [
        f"{tmp_path}/a",
        f"{tmp_path}/b",
        f"{workspace.parent}/work",
        f"{user_folder}/beside",
    ]
    write(workspace, f'trusted_folders = ["{workspace}"]\n')
    with pytest.raises(SettingsError, match="a workspace cannot say whom you trust"):
        load_settings(workspace, env={})
    (workspace / "geppetto.toml").unlink()
    write(workspace, f"GEPPETTO_TRUSTED_FOLDERS={workspace}\n", ".env")
    assert not is_folder_trusted(workspace, load_settings(workspace, env={}).trusted_folders)


def test_a_trusted_folder_holds_what_lies_in_it_and_no_neighbour(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "work")
    assert is_folder_trusted(tmp_path / "work", [tmp_path / "work"])
    assert is_folder_trusted(tmp_path / "work" / "deep", [tmp_path / "alias"])
    assert is_folder_trusted(tmp_path / "alias", [tmp_path / "work"])
    assert not is_folder_trusted(tmp_path / "work2", [tmp_path / "work"])
    assert not is_folder_trusted(tmp_path, [tmp_path / "work"])
    assert not is_folder_trusted(tmp_path / "work" / "..", [tmp_path / "work"])


def test_trusting_a_folder_and_no_more(workspace: Path, user_folder: Path) -> None:
    inner = workspace / "inner 日本"
    inner.mkdir()
    assert trust_folder(inner) and not trust_folder(inner)
    assert trust_folder(workspace) and not trust_folder(inner / "deeper")
    assert load_settings(workspace, env={}).trusted_folders == (inner, workspace)
    assert distrust_folder(workspace) and not distrust_folder(workspace)
    assert load_settings(workspace, env={}).trusted_folders == (inner,)
    assert distrust_folder(inner)
    assert (user_folder / "geppetto.toml").read_text() == ""
