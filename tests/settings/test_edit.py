"""`geppetto config set`: one setting changes, everything else stays."""

import os
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from geppetto.settings.edit import set_value
from geppetto.settings.errors import SettingsError
from geppetto.settings.load import load_settings

BEFORE = """\
# My settings.

[chat]
model = "a"   # the small one
temperature = 0.2

# Numbers.
[limits]
tokens = 10
"""


@pytest.fixture
def file(workspace: Path) -> Path:
    path = workspace / "geppetto.toml"
    path.write_text(BEFORE)
    return path


def test_only_the_value_changes(file: Path) -> None:
    set_value(file, "chat.model", "b", kind="workspace")
    assert file.read_text() == BEFORE.replace('"a"', '"b"')


def test_a_new_key_goes_into_its_table_and_can_be_taken_out(file: Path) -> None:
    set_value(file, "chat.max_tokens", "100", kind="workspace")
    text = file.read_text()
    assert "# the small one" in text and "# Numbers." in text
    assert tomllib.loads(text)["chat"] == {"model": "a", "temperature": 0.2, "max_tokens": 100}
    set_value(file, "chat.max_tokens", None, kind="workspace")
    set_value(file, "chat.max_tokens", None, kind="workspace")
    set_value(file, "embeddings.model", None, kind="workspace")
    assert tomllib.loads(file.read_text()) == tomllib.loads(BEFORE)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("chat.temperature", "1", 1),
        ("chat.temperature", "0.5", 0.5),
        ("chat.model", "5", "5"),
        ("chat.model", '"quoted"', "quoted"),
        ("chat.model", "true", "true"),
        ("chat.model", 'x"\n[openai]\nbase_url = "http://e"', 'x"\n[openai]\nbase_url = "http://e"'),
        ("chat.stop", '["a", "b"]', ["a", "b"]),
        ("limits.memory_bytes", "2GiB", "2GiB"),
        ("embeddings.cache_size", "0", 0),
    ],
)
def test_values_have_the_type_of_their_setting(file: Path, key: str, text: str, value: Any) -> None:
    assert set_value(file, key, text, kind="workspace") == value
    section, name = key.split(".")
    document = tomllib.loads(file.read_text())
    assert document[section][name] == value
    assert "openai" not in document
    load_settings(file.parent, env={})


def test_a_profile(file: Path) -> None:
    set_value(file, "chat.temperature", "0", kind="workspace", profile="careful")
    set_value(file, "chat.model", "c", kind="workspace", profile="careful")
    assert load_settings(file.parent, "careful", env={}).steps.chat.model == "c"
    assert file.read_text().startswith(BEFORE)
    assert "[profiles]\n" not in file.read_text()


def test_what_stands_on_top(file: Path, user_folder: Path) -> None:
    set_value(file, "chat.temperature", "0", kind="workspace", profile="careful")
    set_value(file, "profile", "careful", kind="workspace")
    assert load_settings(file.parent, env={}).profile == "careful"
    assert "# My settings." in file.read_text() and "# the small one" in file.read_text()
    set_value(file, "profile", None, kind="workspace")
    assert load_settings(file.parent, env={}).profile is None
    mine = user_folder / "geppetto.toml"
    set_value(mine, "trusted_hosts", '["llm.example"]', kind="user")
    assert tomllib.loads(mine.read_text()) == {"trusted_hosts": ["llm.example"]}
    with pytest.raises(SettingsError, match="--user"):
        set_value(file, "trusted_hosts", '["llm.example"]', kind="workspace")


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("chat.modle", "x", 'did you mean "model"'),
        ("chat.provider", "opnai", "allowed: echo"),
        ("chat.temperature", "hot", "number"),
        ("model", "x", "section.key"),
        ("trusted_hosts", "x", "tuple"),
    ],
)
def test_a_mistake_changes_nothing(file: Path, key: str, text: str, said: str) -> None:
    kind = "user" if key == "trusted_hosts" else "workspace"
    with pytest.raises(SettingsError, match=said):
        set_value(file, key, text, kind=kind)
    assert file.read_text() == BEFORE


def test_a_broken_file_is_left_alone(file: Path) -> None:
    file.write_text("[chat\n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        set_value(file, "chat.model", "x", kind="workspace")
    assert file.read_text() == "[chat\n"


def test_a_missing_file_and_its_folder_are_made(user_folder: Path) -> None:
    path = user_folder / "deeper" / "geppetto.toml"
    set_value(path, "chat.provider", "echo", kind="user")
    assert tomllib.loads(path.read_text()) == {"chat": {"provider": "echo"}}
    assert os.listdir(path.parent) == ["geppetto.toml"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links are POSIX's")
def test_a_link_and_the_mode_stay(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(BEFORE)
    real.chmod(0o600)
    file.unlink()
    file.symlink_to(real)
    set_value(file, "chat.model", "b", kind="workspace")
    assert file.is_symlink()
    assert '"b"' in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_a_price_is_set_as_a_whole(file: Path) -> None:
    set_value(file, "prices.gpt-4.1", "{ input = 2, output = 8 }", kind="workspace")
    price = load_settings(file.parent, env={}).steps.prices.by_model["gpt-4.1"]
    assert (price.input, price.output, price.cached) == (2, 8, None)
    with pytest.raises(SettingsError, match="should be a table"):
        set_value(file, "prices.gpt-4.1", "cheap", kind="workspace")


def test_the_severity_of_a_rule(file: Path) -> None:
    set_value(file, "lint.rules.floating-promise", "error", kind="workspace")
    set_value(file, "lint.rules.unknown-role", "off", kind="workspace", profile="careful")
    assert tomllib.loads(file.read_text())["lint"] == {"rules": {"floating-promise": "error"}}
    rules = load_settings(file.parent, "careful", env={}).steps.lint.rules
    assert rules == {"floating-promise": "error", "unknown-role": "off"}
    set_value(file, "lint.rules.floating-promise", None, kind="workspace")
    assert load_settings(file.parent, env={}).steps.lint.rules == {}


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (
            "lint.rules.floating-promis",
            "error",
            'floating-promis: unknown key; did you mean "floating-promise"',
        ),
        ("lint.rules.floating-promise", "loud", "lint.rules.floating-promise: .* allowed: error, warning"),
    ],
)
def test_a_rule_or_severity_that_does_not_exist(file: Path, key: str, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        set_value(file, key, text, kind="workspace")
    assert file.read_text() == BEFORE


def test_steps_and_tools_in_python(file: Path) -> None:
    set_value(file, "steps.wordCount", "my_steps:WordCount", kind="workspace")
    set_value(file, "tools.look-up", "my_tools:box.look_up", kind="workspace")
    settings = load_settings(file.parent, env={})
    assert dict(settings.steps.steps.by_name) == {"wordCount": "my_steps:WordCount"}
    assert dict(settings.steps.tools.by_name) == {"look-up": "my_tools:box.look_up"}
    assert settings.origin_of("steps.wordCount").line == 12
    with pytest.raises(SettingsError, match="a name that a script can use"):
        set_value(file, "steps.word-count", "my_steps:WordCount", kind="workspace")
    with pytest.raises(SettingsError, match="should be module:name, such as my_steps:WordCount, not"):
        set_value(file, "steps.wordCount", "my_steps.py", kind="workspace")


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("chat.stop", "END", ["END"]),
        ("chat.stop", '["A", "B"]', ["A", "B"]),
        ("lint.file_patterns", "*.prompt.js", ["*.prompt.js"]),
        ("lint.rules", '{"floating-promise": "error"}', {"floating-promise": "error"}),
    ],
)
def test_what_is_written_can_be_read_and_changed_again(
    file: Path, key: str, text: str, expected: object
) -> None:
    set_value(file, key, text, kind="workspace")
    section, name = key.split(".")
    assert tomllib.loads(file.read_text())[section][name] == expected
    load_settings(file.parent)
    set_value(file, key, None, kind="workspace")
    assert tomllib.loads(file.read_text()).get(section, {}).get(name) is None
