"""The settings: what can be set, its type, its bounds and its default.

Each section is a table of `geppetto.toml` and a group of `GEPPETTO_SECTION_KEY` variables. Everything has a
default, so that `StepSettings()` is what an empty machine has: chat by echo, embeddings by hashing.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

ChatProvider: TypeAlias = Literal["echo", "scripted", "openai", "claude", "ollama"]
ChatCache: TypeAlias = Literal["off", "memory", "disk"]
EmbeddingsProviderName: TypeAlias = Literal["hashing", "openai", "ollama", "model2vec"]
ServiceName: TypeAlias = Literal["openai", "claude", "ollama"]
RuleCode: TypeAlias = Literal[
    "image-missing",
    "image-unsupported",
    "image-too-large",
    "unknown-role",
    "unknown-event",
    "unknown-model",
    "deprecated-call",
    "stream-not-consumed",
    "error-not-observed",
    "floating-promise",
    "embedding-in-loop",
    "cancel-misuse",
    "code-after-done",
    "unsupported-import",
    "script-name",
]
RuleSeverity: TypeAlias = Literal["error", "warning", "information", "hint", "off"]


def _number(value: object) -> object:
    """True and false are numbers to Python and a slip to everybody else."""
    if isinstance(value, bool):
        raise PydanticCustomError("not_a_number", "should be a number, not true or false")
    return value


def _from_its_folder(value: object, info: ValidationInfo) -> object:
    """A relative path means: beside the file that says so. The loader puts that folder in the context."""
    context: dict[str, Path] = info.context or {}
    if isinstance(value, str | Path) and "base" in context:
        return context["base"] / Path(value).expanduser()
    return value


def _key(value: object) -> object:
    """A key is pasted with the line end after it more often than not."""
    return value.strip() if isinstance(value, str) else value


def _address(value: str) -> str:
    """An http(s) URL without credentials, which would be shown wherever the address is."""
    try:
        url = urlsplit(value)
        good = url.scheme in ("http", "https") and url.hostname and "@" not in url.netloc and url.port != 0
    except ValueError:
        good = False
    if not good or any(char.isspace() for char in value):
        raise PydanticCustomError(
            "address", "should be an address such as http://localhost:8000/v1, with no name or password in it"
        )
    return value


def _global_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_$][\w$]*", value, re.ASCII):
        raise PydanticCustomError("name", "should be a name that a script can use, such as wordCount")
    return value


def _tool_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise PydanticCustomError("name", "should be a name of 1 to 64 letters, digits, _ or -")
    return value


def _python_name(value: str) -> str:
    module, colon, name = value.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        raise PydanticCustomError("python_name", "should be module:name, such as my_steps:WordCount")
    return value


def _bus(value: SecretStr) -> SecretStr:
    """The address of a bus; it may hold a password, so it is shown nowhere."""
    if not value.get_secret_value().startswith(("nats://", "tls://", "redis://", "rediss://")):
        raise PydanticCustomError("bus", "should be the address of a bus, such as nats://localhost:4222")
    return value


def _file_pattern(value: str) -> str:
    if not value.endswith((".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")) or set(value) & set("/\\[]{}"):
        raise PydanticCustomError(
            "file_pattern", "should be a file name with * or ?, without folders, such as *.geppetto.js"
        )
    return value


Seconds: TypeAlias = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, BeforeValidator(_number), Field(gt=0)]
Patience: TypeAlias = Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]
Dollars: TypeAlias = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Size: TypeAlias = Annotated[ByteSize, BeforeValidator(_number), Field(gt=0)]
RoomOrNone: TypeAlias = Annotated[ByteSize, BeforeValidator(_number), Field(ge=0)]
PythonName: TypeAlias = Annotated[str, AfterValidator(_python_name)]
FilePattern: TypeAlias = Annotated[str, AfterValidator(_file_pattern)]
FilePath: TypeAlias = Annotated[Path, BeforeValidator(_from_its_folder)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChatSettings(Section):
    """Which model answers `chatStep`, and how. None leaves the choice to the provider."""

    provider: ChatProvider = Field(default="echo", description="Who answers: echo and scripted need no key.")
    model: str | None = Field(
        default=None, min_length=1, description="The model's name, as its provider spells it."
    )
    temperature: Annotated[float, BeforeValidator(_number), Field(ge=0, le=2)] | None = Field(
        default=None, description="How freely the model chooses its words, 0 to 2."
    )
    top_p: Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)] | None = Field(
        default=None,
        description="Choose among the likeliest words that have this probability together, 0 to 1.",
    )
    max_tokens: Count | None = Field(default=None, description="The longest answer, in tokens.")
    stop: tuple[str, ...] = Field(default=(), description="Texts at which the answer ends.")
    script: FilePath | None = Field(
        default=None,
        description="What the scripted provider plays: a YAML or JSON file, relative to the file that says so.",
    )
    delay: Seconds = Field(default=0.0, description="Seconds that echo waits before each word.")
    cache: ChatCache = Field(
        default="off", description="Whether the same request gets the same answer again, and kept where."
    )
    cache_size: Size = Field(
        default=ByteSize(256 * 1024 * 1024), description="Room for the answers kept, such as 256MiB."
    )


class EmbeddingsSettings(Section):
    """Which model makes vectors of texts."""

    provider: EmbeddingsProviderName = Field(
        default="hashing", description="hashing works offline: texts that share words are near each other."
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        description="The model's name, as its provider spells it; for model2vec a folder or a name.",
    )
    dimensions: Annotated[int, BeforeValidator(_number), Field(ge=16, le=8192)] | None = Field(
        default=None, description="The length of a vector; by default the model's own, for hashing 256."
    )
    cache_size: RoomOrNone = Field(
        default=ByteSize(64 * 1024 * 1024),
        description="Memory for vectors already made, such as 64MiB; 0 for none.",
    )
    disk_cache_size: RoomOrNone = Field(
        default=ByteSize(256 * 1024 * 1024),
        description="Room on disk for vectors that a service made, such as 256MiB; 0 for none.",
    )


class LimitsSettings(Section):
    """What one run may use. None leaves the runtime's own, generous default."""

    wall_seconds: Seconds | None = Field(default=None, description="Time from the start of a run to its end.")
    yield_seconds: Seconds | None = Field(
        default=None, description="Time that JavaScript may compute without a pause."
    )
    heap_bytes: Size | None = Field(default=None, description="The JavaScript heap, such as 512MiB.")
    memory_bytes: Size | None = Field(default=None, description="The whole process, such as 2GiB.")
    output_bytes: Size | None = Field(default=None, description="What a script may print, such as 64MiB.")
    streams: Count | None = Field(default=None, description="Steps running at once.")
    tokens: Count | None = Field(default=None, description="Tokens of all steps together.")
    cost_usd: Dollars | None = Field(
        default=None, description="Money spent by all steps together, in US dollars."
    )


class TimeoutsSettings(Section):
    """How long to wait for a model service, in seconds. None leaves the default of the chat steps."""

    connect: Patience | None = Field(default=None, description="Seconds for a connection to a service.")
    first_token: Patience | None = Field(
        default=None, description="Seconds until something of an answer arrives; models think."
    )
    idle: Patience | None = Field(
        default=None, description="Seconds in which nothing at all arrives in the middle of an answer."
    )
    total: Patience | None = Field(
        default=None, description="Seconds for one answer, with all attempts at it."
    )


class RetriesSettings(Section):
    """How often to ask a model service again after a failure that may pass. None leaves the default."""

    attempts: Count | None = Field(default=None, description="Requests in all; 1 never asks again.")
    delay: Seconds | None = Field(
        default=None, description="Seconds before the second attempt, doubled for each later one."
    )
    max_delay: Seconds | None = Field(default=None, description="No such wait is longer, in seconds.")
    max_retry_after: Seconds | None = Field(
        default=None,
        description="Seconds that a service may ask to wait; if it asks for more, the step fails at once.",
    )


class LintSettings(Section):
    """What `geppetto check` and the language server look at, and how much they mind what they find."""

    file_patterns: Annotated[tuple[FilePattern, ...], Field(min_length=1)] = Field(
        default=("*.geppetto.js", "*.geppetto.ts"),
        description="Names of files that are scripts, with * and ?.",
    )
    rules: dict[RuleCode, RuleSeverity] = Field(
        default_factory=dict[RuleCode, RuleSeverity],
        description="Severities by rule, in the table [lint.rules].",
    )


class RunsSettings(Section):
    """How an editor's runs share the machine."""

    at_once: Annotated[int, BeforeValidator(_number)] = Field(
        default=16, ge=1, le=256, description="How many scripts may run together; the others wait."
    )
    warm: Annotated[int, BeforeValidator(_number)] = Field(
        default=1, ge=0, le=8, description="How many processes are kept ready for the next run."
    )


class BusSettings(Section):
    """Where runs are done, when not on this machine."""

    url: Annotated[SecretStr, BeforeValidator(_key), AfterValidator(_bus)] | None = Field(
        default=None,
        description="The bus whose workers do the runs: nats://host:4222 or redis://host:6379/0.",
    )


class PriceSettings(Section):
    """What a model costs, in US dollars for a million tokens."""

    input: Dollars = Field(description="US dollars for a million tokens that are sent.")
    output: Dollars = Field(description="US dollars for a million tokens of the answer.")
    cached: Dollars | None = Field(
        default=None, description="The same for input the service had in its cache; otherwise as input."
    )
    cache_write: Dollars | None = Field(
        default=None, description="The same for input it wrote to its cache; otherwise as input."
    )


class PricesSettings(Section):
    """Prices by the name of the model, as in `[prices."qwen3:8b"]`. They go before the built-in table."""

    model_config = ConfigDict(extra="allow")

    # The way pydantic gives the other keys a type.
    __pydantic_extra__: dict[str, PriceSettings] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def by_model(self) -> Mapping[str, PriceSettings]:
        return self.__pydantic_extra__


class StepsSettings(Section):
    """Steps written in Python, by the name that scripts use, as in `wordCount = "my_steps:WordCount"`."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[Annotated[str, AfterValidator(_global_name)], PythonName] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def by_name(self) -> Mapping[str, str]:
        return self.__pydantic_extra__


class ToolsSettings(Section):
    """Tools written in Python, by the name that models use, as in `lookup = "my_tools:lookup"`."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[Annotated[str, AfterValidator(_tool_name)], PythonName] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def by_name(self) -> Mapping[str, str]:
        return self.__pydantic_extra__


class ServiceSettings(Section):
    """How to reach a model service. The key is a secret: it is in no repr, message or output.

    Whoever needs the key asks `settings.keys.service_key`, which also knows the system's keychain.
    """

    api_key: Annotated[SecretStr, BeforeValidator(_key), Field(min_length=1)] | None = Field(
        default=None, description="The key. An environment variable or the keychain is the best place."
    )
    base_url: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None, description="Address of the service, or of a compatible one."
    )

    _doubt: str = PrivateAttr(default="")
    _withheld: bool = PrivateAttr(default=False)

    @property
    def doubt(self) -> str:
        """Why this address gets no key of the user's, empty if it may: see `settings.trust`."""
        return self._doubt

    @property
    def withheld(self) -> bool:
        """Whether a key was taken out because of the doubt."""
        return self._withheld

    def doubted(self, doubt: str, *, keep_key: bool) -> "ServiceSettings":
        """The same with a doubt about the address; a key that must not go there is taken out."""
        copy = self.model_copy(update={} if keep_key else {"api_key": None})
        copy._doubt = doubt
        copy._withheld = self.api_key is not None and not keep_key
        return copy


class StepSettings(Section):
    """All sections together: what steps and embeddings are made from."""

    chat: ChatSettings = ChatSettings()
    embeddings: EmbeddingsSettings = EmbeddingsSettings()
    limits: LimitsSettings = LimitsSettings()
    timeouts: TimeoutsSettings = TimeoutsSettings()
    retries: RetriesSettings = RetriesSettings()
    prices: PricesSettings = PricesSettings()
    lint: LintSettings = LintSettings()
    runs: RunsSettings = RunsSettings()
    bus: BusSettings = BusSettings()
    steps: StepsSettings = StepsSettings()
    tools: ToolsSettings = ToolsSettings()
    openai: ServiceSettings = ServiceSettings()
    claude: ServiceSettings = ServiceSettings()
    ollama: ServiceSettings = ServiceSettings()
