"""From settings and options to a chat step."""

import difflib
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from geppetto.json_value import JsonObject, JsonValue
from geppetto.settings.models import ChatSettings, ServiceName, StepSettings
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.echo import EchoStep
from geppetto.steps.chat.script import Script
from geppetto.steps.chat.scripted import ScriptedStep, ScriptPlayer
from geppetto.steps.chat.step import ChatParameters, ChatStep
from geppetto.steps.errors import ErrorKind, StepError

ECHO_NOTICE = (
    "No model is configured, so chatStep answers by echo. "
    "Set [chat] provider in geppetto.toml, or GEPPETTO_CHAT_PROVIDER, to choose one."
)

_OWN_OPTIONS = ("pace", "tools", "max_tool_rounds", "tool_timeout", "seed", "response_schema")


class ScriptShelf:
    """The scripts that were played, by file: each is read once, and its responses counted over all its steps."""

    def __init__(self) -> None:
        self._players = dict[Path, ScriptPlayer]()

    def player(self, path: Path) -> ScriptPlayer:
        """
        Raises:
            ScriptError: the file cannot be read or played.
        """
        if path not in self._players:
            self._players[path] = ScriptPlayer(Script.load(path))
        return self._players[path]


def create_chat_step(
    settings: StepSettings | None,
    options: Mapping[str, JsonValue] | None = None,
    *,
    notice: Callable[[str], None] | None = None,
    folder: Path | None = None,
    scripts: ScriptShelf | None = None,
    clients: Callable[[], Clients] | None = None,
) -> ChatStep:
    """Make a chat step.

    Args:
        settings: None where nothing is configured: then echo answers, and `notice` is told when it does.
        options: for this step alone, over the settings; in camelCase or snake_case: those of the `[chat]` settings,
            `tools` (names of the tools to offer; all by default), `max_tool_rounds`, `tool_timeout` (seconds) and
            `pace` (of a script), `seed`, `response_schema` (JSON schema of the answer). A `script` without a `provider` means the scripted one.
        notice: called with a text for the user, when the step answers by unconfigured echo for the first time.
            Whoever makes many such steps shows it once.
        folder: what a relative `script` option is relative to.
        scripts: scripts read before; steps that share it share the counts of used responses.
        clients: asked for a step that asks a service; they are closed by their owner. None: the shared ones.

    Raises:
        StepError: an unknown option, a value that is not allowed, an unusable script.
    """
    chosen = _snake_case(options or {})
    chat = _merged(settings.chat if settings else ChatSettings(), chosen, folder)
    parameters = ChatParameters(
        model=chat.model,
        temperature=chat.temperature,
        top_p=chat.top_p,
        max_tokens=chat.max_tokens,
        stop=chat.stop,
        seed=_seed(chosen.get("seed")),
        response_schema=_schema(chosen.get("response_schema")),
        tools=_names(chosen.get("tools")),
        max_tool_rounds=_count(chosen, "max_tool_rounds", ChatParameters.max_tool_rounds),
        tool_timeout=_number(chosen, "tool_timeout"),
    )
    pace = _number(chosen, "pace")
    match chat.provider:
        case "echo":
            told = None
            if settings is None and "provider" not in chosen and notice is not None:
                told = partial(notice, ECHO_NOTICE)
            return EchoStep(parameters, delay=chat.delay, on_first_use=told)
        case "scripted":
            if chat.script is None:
                raise _wrong("the scripted provider needs a `script`: the YAML or JSON file that it plays")
            player = (scripts or ScriptShelf()).player(chat.script)
            delay = chat.delay if "delay" in chosen else None
            return ScriptedStep(player, parameters, pace=pace, delay=delay)
        case "openai" | "ollama" | "claude" as name:
            return _remote(name, settings or StepSettings(), parameters, clients)


def _remote(
    name: ServiceName,
    settings: StepSettings,
    parameters: ChatParameters,
    clients: Callable[[], Clients] | None,
) -> ChatStep:
    """A step that asks a service. Knows the way there and the key to it; nothing is asked yet."""
    from geppetto.steps.services import prices_of, retries_of, service_of, timeouts_of

    if name == "claude":
        from geppetto.steps.chat.claude import ClaudeStep as Vendor
    else:
        from geppetto.steps.chat.openai import OpenAIStep as Vendor
    return Vendor(
        parameters,
        service_of(settings, name),
        timeouts=timeouts_of(settings),
        retries=retries_of(settings),
        prices=prices_of(settings),
        clients=None if clients is None else clients(),
    )


def _snake_case(options: Mapping[str, JsonValue]) -> JsonObject:
    allowed = (*ChatSettings.model_fields, *_OWN_OPTIONS)
    chosen: JsonObject = {}
    for name, value in options.items():
        snake = re.sub(r"(?<=[a-z])[A-Z]", lambda match: "_" + match.group().lower(), name)
        if snake not in allowed:
            close = difflib.get_close_matches(snake, allowed, n=1)
            meant = f", did you mean {close[0]}?" if close else ";"
            raise _wrong(f"there is no option {name!r}{meant} the options are: {', '.join(allowed)}")
        if value is not None:
            chosen[snake] = value
    return chosen


def _merged(chat: ChatSettings, chosen: JsonObject, folder: Path | None) -> ChatSettings:
    over = {name: value for name, value in chosen.items() if name not in _OWN_OPTIONS}
    if "script" in over:
        over.setdefault("provider", "scripted")
    values = {**chat.model_dump(), **over}
    try:
        return ChatSettings.model_validate(values, context={"base": folder} if folder else None)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise _wrong(f"the option {name} is {first.get('input')!r}: {first['msg']}") from error


def _names(value: JsonValue) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, list):
        names = [name for name in value if isinstance(name, str)]
        if len(names) == len(value):
            return tuple(names)
    raise _wrong(f"the option tools is a list of names of tools, not {value!r}")


def _number(chosen: JsonObject, name: str) -> float | None:
    value = chosen.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise _wrong(f"the option {name} is a number from 0, not {value!r}")
    return float(value)


def _seed(value: JsonValue) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise _wrong(f"the option seed is a whole number, not {value!r}")


def _schema(value: JsonValue) -> JsonObject | None:
    if value is None or isinstance(value, dict):
        return value
    raise _wrong(f"the option response_schema is a JSON schema, not {value!r}")


def _count(chosen: JsonObject, name: str, default: int) -> int:
    value = chosen.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _wrong(f"the option {name} is a whole number from 0, not {value!r}")
    return value


def _wrong(problem: str) -> StepError:
    return StepError(f"chatStep: {problem}", kind=ErrorKind.SETTINGS)
