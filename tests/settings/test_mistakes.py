"""Every mistake is told with its place and a way out, and no message tells a key."""

import logging
import os
import tempfile
import traceback
from pathlib import Path

import pytest
from geppetto.json_value import JsonValue
from geppetto.settings.errors import SettingsError
from geppetto.settings.load import load_settings
from geppetto.settings.text_file import MAX_FILE_SIZE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def mistake(folder: Path, profile: str | None = None, **arguments: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(folder, profile, **{"env": {}, **arguments})  # type: ignore[arg-type]
    return caught.value


TOML = [
    ('[chat]\nprovider = "opnai"', 2, "chat.provider", '"opnai" is not allowed; allowed: echo, scripted, openai, claude, ollama; did you mean "openai"?'),
    ("[chat]\n\nprovider = 5", 3, "chat.provider", "5 is not allowed; allowed: echo,"),
    ('[chat]\ntemprature = 1', 2, "chat.temprature", 'unknown key; did you mean "temperature"?'),
    ('[chat]\nzzz = 1', 2, "chat.zzz", "unknown key; known keys: provider, model, temperature,"),
    ("[chta]\nmodel = 'm'", 1, "chta", 'unknown key; did you mean "chat"?'),
    ('[chat]\ntemperature = "hot"', 2, "chat.temperature", 'should be a valid number, unable to parse string as a number, not "hot"'),
    ("[chat]\ntemperature = 3.5", 2, "chat.temperature", "should be less than or equal to 2, not 3.5"),
    ("[chat]\ntemperature = true", 2, "chat.temperature", "should be a number, not true or false"),
    ("[chat]\ntemperature = nan", 2, "chat.temperature", "not nan"),
    ("[chat]\ntop_p = -1", 2, "chat.top_p", "greater than or equal to 0"),
    ("[chat]\nmax_tokens = 0", 2, "chat.max_tokens", "greater than 0"),
    ("[chat]\nmax_tokens = 1.5", 2, "chat.max_tokens", "integer"),
    ("[chat]\nmodel = 5", 2, "chat.model", "should be a valid string, not 5"),
    ('[chat]\nmodel = ""', 2, "chat.model", "at least 1 character"),
    ("[chat]\nstop = 'x'", 2, "chat.stop", "should be a valid tuple"),
    ("[chat]\nstop = [\n 'x',\n 5,\n]", 2, "chat.stop.1", "should be a valid string"),
    ("[chat]\nscript = 5", 2, "chat.script", "path"),
    ("[chat]\ndelay = -1", 2, "chat.delay", "greater than or equal to 0"),
    ("chat = 5", 1, "chat", "should be a table, as in [chat]"),
    ("[[chat]]\nmodel = 'm'", 1, "chat", "should be a table"),
    ("profile = 5", 1, "profile", "should be a valid string"),
    ("profiles = 5", 1, "profiles", "should be a table"),
    ("[profiles]\nwork = 5", 2, "profiles.work", "should be a table"),
    ('[profiles.work.chat]\nprovider = "x"', 2, "profiles.work.chat.provider", "allowed: echo"),
    ('[profiles.work.chat]\nmodle = "x"', 2, "profiles.work.chat.modle", 'did you mean "model"?'),
    ("[profiles.work.profiles]", 1, "profiles.work.profiles", "unknown key"),
    ("[limits]\nheap_bytes = 'lots'", 2, "limits.heap_bytes", "should be a size such as 512MiB, not \"lots\""),
    ("[limits]\nheap_bytes = -5", 2, "limits.heap_bytes", "should be a size such as 512MiB, not -5"),
    ("[embeddings]\nprovider = 'word2vec'", 2, "embeddings.provider", '"word2vec" is not allowed; allowed: hashing'),
    ("[embeddings]\ndimensions = 2", 2, "embeddings.dimensions", "greater than or equal to 16"),
    ("[openai]\nbase_url = 'localhost'", 2, "openai.base_url", "should be an address such as http://"),
    ("[openai]\nbase_url = 'http://user:hunter2@host'", 2, "openai.base_url", "should be an address such as http://"),
    ("[openai]\nbase_url = 'http://a b'", 2, "openai.base_url", "should be an address such as http://"),
    ("[openai]\nbase_url = 'http://a:port'", 2, "openai.base_url", "should be an address such as http://"),
    ("[timeouts]\nidle = 0", 2, "timeouts.idle", "greater than 0, not 0"),
    ("[timeouts]\nfirst_tokn = 5", 2, "timeouts.first_tokn", 'unknown key; did you mean "first_token"?'),
    ("[retries]\nattempts = 0", 2, "retries.attempts", "greater than 0"),
    ("[retries]\nmax_delay = -1", 2, "retries.max_delay", "greater than or equal to 0"),
    ("[prices]\nm = 5", 2, "prices.m", "should be a table, as in [prices.m]"),
    ("[prices]\nm = { input = 1 }", 2, "prices.m.output", "is missing"),
    ('[prices."gpt-4.1"]\ninput = 1\noutput = -2', 3, "prices.gpt-4.1.output", "greater than or equal to 0, not -2"),
    ('[prices.m]\ninput = 1\noutput = 2\ncahced = 1', 4, "prices.m.cahced", 'unknown key; did you mean "cached"?'),
    ('[profiles.p.prices.m]\ninput = 1\noutput = 2\nzzz = 1', 4, "profiles.p.prices.m.zzz", "unknown key; known keys: input, output, cached"),
    ("[limits]\nheap_bytes = 0", 2, "limits.heap_bytes", "greater than 0"),
    ("[openai]\napi_key = ''", 2, "openai.api_key", ""),
    ("[openai]\napi_key = 5", 2, "openai.api_key", "should be a valid string"),
    ("chat.model = 'm'\nchat.modle = 'm'", 2, "chat.modle", 'did you mean "model"?'),
    ("chat = { model = 'm', modle = 'm' }", 1, "chat.modle", 'did you mean "model"?'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "words"), TOML)
def test_a_mistake_in_a_file_names_file_line_key_and_what_is_allowed(
    workspace: Path, text: str, line: int, key: str, words: str
) -> None:
    path = workspace / "geppetto.toml"
    path.write_text(text)
    error = mistake(workspace)
    [problem] = error.problems
    assert (problem.path, problem.line, problem.key) == (path, line, key)
    assert words in problem.message
    assert str(error) == f"{path}:{line}: {key}: {problem.message}"
    assert "hunter2" not in str(error)


def test_all_mistakes_of_a_file_are_told_at_once_in_order(workspace: Path) -> None:
    (workspace / "geppetto.toml").write_text("[limits]\nheap = 5\nstreams = 'x'\n[chat]\nmodle = 'm'\n")
    assert [problem.line for problem in mistake(workspace).problems] == [2, 3, 5]


def test_the_users_file_is_checked_like_the_workspaces(workspace: Path, user_folder: Path) -> None:
    (workspace / "geppetto.toml").write_text("[chat]\ntemperature = 1\n")
    (user_folder / "geppetto.toml").write_text("[chat]\ntemperature = 'hot'\n")
    assert mistake(workspace).problems[0].path == user_folder / "geppetto.toml"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("[chat]\nmodel = \n", 2, 9),
        ("[chat\nmodel = 'm'", 1, 6),
        ("[chat]\nmodel = 'a'\nmodel = 'b'\n", 3, None),
        ("[chat]\n[chat]\n", 2, None),
        ("[chat]\nmodel = 'unclosed\n", 2, None),
        ("[chat]\nstop = [1, 2", 2, 13),
        ('[chat]\nmodel = """unclosed', 2, 20),
        ("{json: true}", 1, 1),
    ],
)
def test_what_is_not_toml_names_line_and_column(
    workspace: Path, text: str, line: int, column: int | None
) -> None:
    (workspace / "geppetto.toml").write_text(text)
    [problem] = mistake(workspace).problems
    assert (problem.path, problem.line) == (workspace / "geppetto.toml", line)
    assert problem.column and (column is None or problem.column == column)
    assert f"geppetto.toml:{line}:{problem.column}: not valid TOML: " in str(problem)
    assert "(at " not in problem.message


def test_files_that_are_no_text_files(workspace: Path) -> None:
    path = workspace / "geppetto.toml"
    path.mkdir()
    assert "is a folder, not a file" in str(mistake(workspace))
    path.rmdir()
    path.symlink_to("gone.toml")
    assert "a link to nothing" in str(mistake(workspace))
    path.unlink()
    path.write_bytes(b"[chat]\nmodel = '\xff'\n")
    assert "is not UTF-8 text (line 2)" in str(mistake(workspace))
    path.write_bytes(b"#" * (MAX_FILE_SIZE + 1))
    assert "larger than 1 MiB" in str(mistake(workspace))
    path.write_text("a = " + "[" * 100_000)
    assert "geppetto.toml" in str(mistake(workspace))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(10)
def test_a_pipe_does_not_hang(workspace: Path) -> None:
    os.mkfifo(workspace / "geppetto.toml")
    assert "is not a file" in str(mistake(workspace))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are another matter there")
def test_a_file_that_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder, "geppetto.toml")
        path.touch()
        path.chmod(0)
        user = os.geteuid()
        if user == 0:  # root reads everything, so be somebody else for a moment
            os.seteuid(65534)
        try:
            error = mistake(Path(folder))
        finally:
            os.seteuid(user)
        assert f"{path}: cannot be read: Permission denied" in str(error)


def test_an_unknown_profile_lists_the_profiles(workspace: Path) -> None:
    path = workspace / "geppetto.toml"
    path.write_text("[profiles.work.chat]\n[profiles.home.chat]\n")
    error = mistake(workspace, "wrk")
    assert str(error) == 'profile: no profile "wrk"; profiles: home, work; did you mean "work"?'
    error = mistake(workspace, env={"GEPPETTO_PROFILE": "zzz"})
    assert str(error).startswith('environment variable GEPPETTO_PROFILE: profile: no profile "zzz"')
    path.write_text('profile = "zzz"\n[profiles.work]\n')
    [problem] = mistake(workspace).problems
    assert (problem.path, problem.line) == (path, 1)
    path.unlink()
    error = mistake(workspace, "work")
    assert "no profiles are defined" in str(error)
    assert error.hint and "[profiles.work.chat]" in error.hint


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"GEPPETTO_CHAT_PROVIDER": "opnai"}, 'environment variable GEPPETTO_CHAT_PROVIDER: chat.provider: "opnai" is not allowed; allowed: echo'),
        ({"GEPPETTO_CHAT_TEMPERATURE": "hot"}, 'GEPPETTO_CHAT_TEMPERATURE: chat.temperature: should be a valid number'),
        ({"GEPPETTO_CHAT_STOP": "[1]"}, "GEPPETTO_CHAT_STOP: chat.stop.0: should be a valid string"),
        ({"OLLAMA_HOST": "http://[::1"}, "OLLAMA_HOST: ollama.base_url: should be an address"),
        ({"OLLAMA_HOST": "host:port"}, "OLLAMA_HOST: ollama.base_url: should be an address"),
        ({"OPENAI_BASE_URL": "ftp://x"}, "OPENAI_BASE_URL: openai.base_url: should be an address"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_environment_names_the_variable(
    workspace: Path, env: dict[str, str], words: str
) -> None:
    assert words in str(mistake(workspace, env=env))


def test_a_mistake_in_an_env_file_names_its_line(workspace: Path) -> None:
    (workspace / ".env").write_text("\n# x\nGEPPETTO_CHAT_MAX_TOKENS=many\n")
    [problem] = mistake(workspace).problems
    assert (problem.path, problem.line, problem.key) == (workspace / ".env", 3, "chat.max_tokens")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"model": "m"}, 'should be section.key, such as chat.model; did you mean "chat.model"?'),
        ({"chat.modle": "m"}, 'command line: chat.modle: unknown key; did you mean "model"?'),
        ({"chta.model": "m"}, 'command line: chta: unknown key; did you mean "chat"?'),
        ({"chat.temperature": "hot"}, "command line: chat.temperature: should be a valid number"),
        ({"chat.": "x"}, "command line: chat.: unknown key"),
        ({"": "x"}, "should be section.key"),
    ],
)
def test_a_mistake_on_the_command_line(workspace: Path, overrides: dict[str, JsonValue], words: str) -> None:
    assert words in str(mistake(workspace, overrides=overrides))


KEY = "sk-planted-0123456789"


def test_a_key_is_masked_everywhere(
    workspace: Path, user_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (workspace / "geppetto.toml").write_text(
        f'[openai]\napi_key = "{KEY}"\n[profiles.p.claude]\napi_key = "{KEY}"\n'
    )
    (workspace / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    found = load_settings(workspace, "p", env={"ANTHROPIC_API_KEY": KEY}, overrides={"ollama.api_key": KEY})
    steps = found.steps
    assert steps.openai.api_key and steps.openai.api_key.get_secret_value() == KEY
    everything = [
        found,
        steps,
        steps.openai,
        found.rows(),
        found.origins,
        steps.model_dump(),
        steps.model_dump_json(),
        *found.notices,
    ]
    for thing in everything:
        assert KEY not in f"{thing} {thing!r}"
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        f"[openai]\napi_key = ['{KEY}']",
        f"[openai]\napi_key = {{ value = '{KEY}' }}",
        f"[openai]\nkey = '{KEY}'",
        f"[openai]\nbase_url = '{KEY}'",
        f"openai = '{KEY}'",
        f"[openai]\napi_key = '{KEY}",
        f"[profiles]\nopenai = '{KEY}'",
        f"[profiles.x.openai]\napi_key = ['{KEY}']",
        f"[open_ai]\napi_key = '{KEY}'",
        f"OPENAI_API_KEY = '{KEY}'",
        f"[chat]\napi_key = '{KEY}'",
    ],
)
def test_no_mistake_with_a_key_tells_the_key(workspace: Path, text: str) -> None:
    (workspace / "geppetto.toml").write_text(text)
    error = mistake(workspace)
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.problems) + str(error.hint)
    assert KEY not in told
    assert error.__cause__ is None


@given(st.text("[]{}=\"'\n.#, chatmodelprofiles0123456789", max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_text_leads_to_anything_but_settings_or_their_error(workspace: Path, text: str) -> None:
    (workspace / "geppetto.toml").write_text(text)
    try:
        load_settings(workspace, env={})
    except SettingsError as error:
        assert all(problem.origin.startswith(str(workspace)) for problem in error.problems)


toml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
keys = st.sampled_from(
    ["chat.model", "chat.stop", "chat.delay", "limits.heap_bytes", "openai.api_key", "chat.script"]
)


@given(st.dictionaries(keys | st.text(max_size=8), toml_values, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_override_leads_to_anything_but_settings_or_their_error(
    workspace: Path, overrides: dict[str, JsonValue]
) -> None:
    try:
        load_settings(workspace, env={}, overrides=overrides)
    except SettingsError:
        pass
