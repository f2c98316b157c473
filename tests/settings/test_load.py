"""Which value holds, and where it came from."""

from pathlib import Path

import pytest
from geppetto.settings.load import Settings, load_settings
from geppetto.settings.models import PriceSettings, StepSettings

WORKSPACE = """\
[chat]
provider = "scripted"
model = "workspace"
temperature = 0.5

[profiles.work.chat]
model = "workspace's work"
"""
USER = """\
[chat]
model = "user"
max_tokens = 100
temperature = 1

[limits]
memory_bytes = "2GiB"

[profiles.work.chat]
model = "user's work"
delay = 0.25

[profiles.home.chat]
model = "home"
"""


@pytest.fixture
def both(workspace: Path, user_folder: Path) -> Path:
    (workspace / "geppetto.toml").write_text(WORKSPACE)
    (user_folder / "geppetto.toml").write_text(USER)
    return workspace


def story(settings: Settings, key: str) -> tuple[object, str, str]:
    section, name = key.split(".")
    origin = settings.origin_of(key)
    return getattr(getattr(settings.steps, section), name), origin.kind, str(origin)


def test_nothing_set_gives_the_defaults(workspace: Path) -> None:
    settings = load_settings(workspace, env={})
    assert settings.steps == StepSettings()
    assert (settings.profile, settings.profiles, settings.files, settings.notices) == (None, (), (), ())
    assert story(settings, "chat.provider") == ("echo", "default", "default")


def test_the_workspace_is_stronger_than_the_user(both: Path, user_folder: Path) -> None:
    settings = load_settings(both, env={})
    assert story(settings, "chat.model") == ("workspace", "workspace", f"{both}/geppetto.toml:3")
    assert story(settings, "chat.max_tokens") == (100, "user", f"{user_folder}/geppetto.toml:3")
    assert story(settings, "limits.memory_bytes") == (2 * 1024**3, "user", f"{user_folder}/geppetto.toml:7")
    assert settings.files == (both / "geppetto.toml", user_folder / "geppetto.toml")
    assert settings.profiles == ("home", "work")


def test_a_profile_is_stronger_than_both_files(both: Path, user_folder: Path) -> None:
    settings = load_settings(both, "work", env={})
    assert settings.profile == "work"
    assert story(settings, "chat.model") == (
        "workspace's work",
        "profile",
        f"profile work ({both}/geppetto.toml:7)",
    )
    assert story(settings, "chat.delay")[:2] == (0.25, "profile")
    assert story(settings, "chat.temperature")[:2] == (0.5, "workspace")
    # Chosen by name, so stronger than what the workspace says for everybody.
    assert story(load_settings(both, "home", env={}), "chat.model")[0] == "home"


def test_every_step_of_the_precedence(both: Path) -> None:
    (both / ".env").write_text("# keys\n\nGEPPETTO_CHAT_MODEL=from .env\n")
    environment = {"GEPPETTO_CHAT_MODEL": "from environment"}

    def model(**arguments: object) -> tuple[object, str, str]:
        return story(load_settings(both, **{"env": {}, **arguments}), "chat.model")  # type: ignore[arg-type]

    assert model(profile="work", env=environment, overrides={"chat.model": "argument"}) == (
        "argument",
        "command line",
        "command line",
    )
    assert model(profile="work", env=environment) == (
        "from environment",
        "environment",
        "environment variable GEPPETTO_CHAT_MODEL",
    )
    assert model(profile="work") == ("from .env", ".env", f"GEPPETTO_CHAT_MODEL ({both}/.env:3)")
    (both / ".env").unlink()
    assert model(profile="work")[0] == "workspace's work"
    assert model()[0] == "workspace"
    (both / "geppetto.toml").unlink()
    assert model()[0] == "user"


def test_each_way_to_choose_a_profile(both: Path, user_folder: Path) -> None:
    def profile(argument: str | None = None, **env: str) -> str | None:
        return load_settings(both, argument, env=env).profile

    user = user_folder / "geppetto.toml"
    user.write_text('profile = "home"\n' + USER)
    assert profile() == "home"
    (both / "geppetto.toml").write_text('profile = "work"\n' + WORKSPACE)
    assert profile() == "work"
    (both / ".env").write_text("GEPPETTO_PROFILE=home")
    assert profile() == "home"
    assert profile(GEPPETTO_PROFILE="work") == "work"
    assert profile("home", GEPPETTO_PROFILE="work") == "home"


def test_two_workspaces_have_their_own_settings(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "geppetto.toml").write_text(f'[chat]\nmodel = "{name}"\n')
    assert load_settings(tmp_path / "one", env={}).steps.chat.model == "one"
    assert load_settings(tmp_path / "two", env={}).steps.chat.model == "two"


def test_environment_variables_of_every_type(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    steps = load_settings(
        workspace,
        env={
            "GEPPETTO_CHAT_PROVIDER": "scripted",
            "GEPPETTO_CHAT_TEMPERATURE": "0.25",
            "GEPPETTO_CHAT_MAX_TOKENS": "12",
            "GEPPETTO_CHAT_STOP": '["a", "b"]',
            "GEPPETTO_CHAT_SCRIPT": "play.yaml",
            "GEPPETTO_LIMITS_HEAP_BYTES": "512 MiB",
            "GEPPETTO_CHAT_MODEL": "",
        },
    ).steps
    assert (steps.chat.provider, steps.chat.temperature, steps.chat.max_tokens) == ("scripted", 0.25, 12)
    assert steps.chat.stop == ("a", "b")
    assert steps.chat.script == workspace / "play.yaml"
    assert steps.limits.heap_bytes == 512 * 1024**2
    assert steps.chat.model is None, "an empty variable is an unset one"
    assert load_settings(workspace, env={"GEPPETTO_CHAT_STOP": "END"}).steps.chat.stop == ("END",)


def test_the_vendors_own_variables(workspace: Path) -> None:
    env = {
        "OPENAI_API_KEY": " sk-openai\n",
        "OPENAI_BASE_URL": "http://localhost:8000/v1",
        "ANTHROPIC_API_KEY": "sk-ant",
        "ANTHROPIC_BASE_URL": "https://proxy.example/anthropic",
        "OLLAMA_HOST": "gpu:1234",
    }
    settings = load_settings(workspace, env=env)
    steps = settings.steps
    assert steps.openai.api_key and steps.openai.api_key.get_secret_value() == "sk-openai"
    assert steps.openai.base_url == "http://localhost:8000/v1"
    assert steps.claude.api_key and steps.claude.api_key.get_secret_value() == "sk-ant"
    assert steps.claude.base_url == "https://proxy.example/anthropic"
    assert steps.ollama.base_url == "http://gpu:1234"
    assert str(settings.origin_of("openai.api_key")) == "environment variable OPENAI_API_KEY"
    ours = load_settings(workspace, env={**env, "GEPPETTO_OPENAI_API_KEY": "ours"}).steps.openai.api_key
    assert ours and ours.get_secret_value() == "ours"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost", "http://localhost:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:99", "http://127.0.0.1:99"),
        (":99", "http://127.0.0.1:99"),
        ("[::1]:99", "http://[::1]:99"),
        ("http://box", "http://box:80"),
        ("https://box/ollama/", "https://box:443/ollama"),
    ],
)
def test_ollamas_host_is_read_as_ollama_reads_it(workspace: Path, host: str, url: str) -> None:
    assert load_settings(workspace, env={"OLLAMA_HOST": host}).steps.ollama.base_url == url


def test_an_env_file_is_found_upwards_and_keeps_to_itself(
    workspace: Path,
) -> None:
    deep = workspace / "a" / "b"
    deep.mkdir(parents=True)
    (workspace / ".env").write_text(
        "export OPENAI_API_KEY='sk-quoted' # mine\n"
        "NAME=gpt\n"
        "\n"
        'GEPPETTO_CHAT_MODEL="${NAME}-${KIND:-mini}"\n'
        "GEPPETTO_CHAT_SCRIPT=play.yaml\n"
        "DATABASE_URL=postgres://unrelated\n"
    )
    settings = load_settings(deep, env={"KIND": "not from here"})
    assert settings.steps.openai.api_key and settings.steps.openai.api_key.get_secret_value() == "sk-quoted"
    assert story(settings, "chat.model") == ("gpt-mini", ".env", f"GEPPETTO_CHAT_MODEL ({workspace}/.env:4)")
    assert settings.steps.chat.script == workspace / "play.yaml"
    [notice] = settings.notices
    assert notice == (
        f"{workspace}/.env:4: ${{KIND}} is not defined in this file, "
        "and variables of the environment are not put into it"
    )


def test_what_is_odd_in_an_env_file_is_mentioned_and_harms_nothing(workspace: Path) -> None:
    (workspace / ".env").write_text(
        "\n'half a quote\nGEPPETTO_CHAT_MODEL=m\nGEPPETTO_CHAT_MODLE=x\nGEPPETTO_CHAT_STOP\n"
    )
    settings = load_settings(workspace, env={})
    assert settings.steps.chat.model == "m"
    broken, unknown = settings.notices
    assert broken == f"{workspace}/.env:2: this line is not NAME=value and is left out"
    assert "GEPPETTO_CHAT_MODLE" in unknown and 'did you mean "GEPPETTO_CHAT_MODEL"?' in unknown


def test_a_misspelt_variable_is_mentioned(workspace: Path) -> None:
    [notice] = load_settings(
        workspace, env={"GEPPETTO_LIMITS_STREAM": "3", "GEPPETTO_OTHER_TOOL": "x"}
    ).notices
    assert notice == (
        "environment variable GEPPETTO_LIMITS_STREAM: no setting has this name; "
        'did you mean "GEPPETTO_LIMITS_STREAMS"?'
    )


def test_a_script_is_looked_for_beside_the_file_that_names_it(both: Path, user_folder: Path) -> None:
    (both / "sub").mkdir()
    (both / "geppetto.toml").write_text('[chat]\nscript = "play.yaml"\n')
    assert load_settings(both / "sub", env={}).steps.chat.script == both / "play.yaml"
    (both / "geppetto.toml").unlink()
    (user_folder / "geppetto.toml").write_text('[chat]\nscript = "../mine.yaml"\n')
    assert load_settings(both, env={}).steps.chat.script == user_folder / "../mine.yaml"
    (user_folder / "geppetto.toml").write_text('[chat]\nscript = "~/mine.yaml"\n')
    assert load_settings(both, env={}).steps.chat.script == Path.home() / "mine.yaml"


def test_the_processs_own_environment_is_the_default(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEPPETTO_CHAT_MODEL", "mine")
    assert load_settings(workspace).steps.chat.model == "mine"


def test_typed_and_textual_overrides(workspace: Path) -> None:
    overrides = {
        "chat.temperature": "0.3",
        "chat.max_tokens": 5,
        "chat.stop": ["x"],
        "embeddings.dimensions": 64,
    }
    steps = load_settings(workspace, env={}, overrides=overrides).steps
    assert (steps.chat.temperature, steps.chat.max_tokens, steps.chat.stop) == (0.3, 5, ("x",))
    assert steps.embeddings.dimensions == 64


def test_a_byte_order_mark_is_no_mistake(workspace: Path) -> None:
    (workspace / "geppetto.toml").write_bytes(b"\xef\xbb\xbf[chat]\r\nmodel = 'm'\r\n")
    assert story(load_settings(workspace, env={}), "chat.model") == (
        "m",
        "workspace",
        f"{workspace}/geppetto.toml:2",
    )


def test_the_rows_of_config_show(both: Path) -> None:
    rows = {row.key: row for row in load_settings(both, env={"OPENAI_API_KEY": "sk-planted"}).rows()}
    assert list(rows)[:3] == ["chat.provider", "chat.model", "chat.temperature"]
    assert (rows["chat.model"].value, str(rows["chat.model"].origin)) == (
        "workspace",
        f"{both}/geppetto.toml:3",
    )
    assert (rows["openai.api_key"].value, rows["claude.api_key"].value) == ("********", "")
    assert rows["chat.top_p"].origin.kind == "default"
    assert len(rows) == sum(
        len(type(getattr(StepSettings(), section)).model_fields) for section in StepSettings.model_fields
    )


def test_an_unknown_key_has_no_origin(workspace: Path) -> None:
    for key in ("chat.colour", "nothing", "chat", ""):
        with pytest.raises(KeyError):
            load_settings(workspace, env={}).origin_of(key)


def test_deadlines_attempts_and_prices(workspace: Path) -> None:
    """A model's price is one thing: the strongest place that tells it tells all of it."""
    (workspace / "geppetto.toml").write_text(
        """
        [timeouts]
        first_token = 900
        [retries]
        attempts = 1
        [prices."gpt-4.1"]
        input = 2
        output = 8
        cached = 0.5
        [prices."qwen3:8b"]
        input = 0
        output = 0
        [profiles.mine.prices."gpt-4.1"]
        input = 3
        output = 9
        """
    )
    env = {"GEPPETTO_TIMEOUTS_IDLE": "1.5"}
    settings = load_settings(workspace, "mine", env)
    steps = settings.steps
    assert (steps.timeouts.first_token, steps.timeouts.idle, steps.timeouts.total) == (900, 1.5, None)
    assert (steps.retries.attempts, steps.retries.delay) == (1, None)
    assert steps.prices.by_model == {
        "gpt-4.1": PriceSettings(input=3, output=9),
        "qwen3:8b": PriceSettings(input=0, output=0),
    }
    rows = {row.key: (row.value, row.origin.line) for row in settings.rows()}
    assert rows["prices.gpt-4.1"] == ("input 3, output 9", 13)
    assert rows["prices.qwen3:8b"] == ("input 0, output 0", 10)
    assert rows["timeouts.first_token"] == ("900.0", 3)
    assert str(settings.origin_of("prices.gpt-4.1")).startswith("profile mine (")
