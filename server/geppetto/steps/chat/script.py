"""The model of a script: what the scripted provider says, does and suffers. The format is in docs/scripted.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

from geppetto.json_value import JsonValue
from geppetto.steps.chat.script_file import Node, read_script_file, value_node
from geppetto.steps.errors import ErrorKind
from geppetto.steps.tools import ToolUse

ERROR_KINDS = (
    ErrorKind.AUTH,
    ErrorKind.QUOTA,
    ErrorKind.RATE_LIMIT,
    ErrorKind.CONTEXT_LENGTH,
    ErrorKind.CONTENT_FILTER,
    ErrorKind.UNKNOWN_MODEL,
    ErrorKind.INVALID_REQUEST,
    ErrorKind.OVERLOADED,
    ErrorKind.SERVER,
    ErrorKind.NETWORK,
    ErrorKind.TIMEOUT,
)

PLACEHOLDER = re.compile(r"\{\{\s*(user|turn|tool\.[\w.:-]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Say:
    """Text: as one delta, or word by word; with a pause before each delta (None: the script's)."""

    text: str
    by_words: bool
    repeat: int
    delay: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class CallTools:
    """Ends a round: the next one begins when the results are there."""

    uses: tuple[ToolUse, ...]


@dataclass(frozen=True, slots=True)
class SetUsage:
    input_tokens: int
    output_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class SetStopReason:
    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    kind: ErrorKind
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence: for some seconds, or (None) until the step is cancelled."""

    seconds: float | None


Item: TypeAlias = Say | Pause | CallTools | SetUsage | SetStopReason | Fail | Stall


@dataclass(frozen=True, slots=True)
class Response:
    """One answer: its conditions, and its items by round. All rounds but the last end in `CallTools`."""

    rounds: tuple[tuple[Item, ...], ...]
    match: re.Pattern[str] | None
    turn: int | None
    times: int | None
    delay: float

    @property
    def conditional(self) -> bool:
        return self.match is not None or self.turn is not None or self.times is not None


@dataclass(frozen=True, slots=True)
class Script:
    """A parsed script.

    Attributes:
        name: the file, for errors.
        model: the engine's name in the events.
        pace: factor on every delay.
    """

    name: str
    model: str | None
    pace: float
    responses: tuple[Response, ...]

    @classmethod
    def load(cls, path: Path) -> "Script":
        """Read a YAML or JSON file.

        Raises:
            ScriptError: it cannot be read or played; the message names the file, line, place and what is allowed.
        """
        return _script(read_script_file(path), str(path))

    @classmethod
    def parse(cls, value: JsonValue, name: str = "script") -> "Script":
        """Take a script that is already a value."""
        return _script(value_node(value, name), name)


def _script(root: Node, name: str) -> Script:
    if isinstance(root.value, list):
        return Script(name, None, 1.0, _responses(root, 0.0))
    entries = root.mapping(("model", "pace", "delay", "responses"))
    if "responses" not in entries:
        root.fail("`responses` is missing: the list of what the model says")
    delay = entries["delay"].seconds() if "delay" in entries else 0.0
    return Script(
        name,
        model=entries["model"].text() if "model" in entries else None,
        pace=entries["pace"].number() if "pace" in entries else 1.0,
        responses=_responses(entries["responses"], delay),
    )


def _responses(node: Node, delay: float) -> tuple[Response, ...]:
    responses = tuple(_response(item, delay) for item in node.items())
    return responses or node.fail("at least one response is needed")


def _response(node: Node, delay: float) -> Response:
    if isinstance(node.value, str):
        return Response(((_StreamReader().said(node, by_words=True),),), None, None, None, delay)
    entries = node.mapping(("match", "turn", "times", "delay", "text", "stream"))
    if ("text" in entries) == ("stream" in entries):
        node.fail("a response needs either `text` or `stream`")
    if "text" in entries:
        rounds: tuple[tuple[Item, ...], ...] = ((_StreamReader().said(entries["text"], by_words=True),),)
    else:
        rounds = _rounds(entries["stream"])
    return Response(
        rounds,
        match=_pattern(entries["match"]) if "match" in entries else None,
        turn=entries["turn"].count(1) if "turn" in entries else None,
        times=entries["times"].count(1) if "times" in entries else None,
        delay=entries["delay"].seconds() if "delay" in entries else delay,
    )


def _pattern(node: Node) -> re.Pattern[str]:
    try:
        return re.compile(node.text())
    except re.error as error:
        node.fail(f"this is not a regular expression: {error}")


def _rounds(stream: Node) -> tuple[tuple[Item, ...], ...]:
    reader = _StreamReader()
    rounds: list[tuple[Item, ...]] = []
    current: list[Item] = []
    ends: str | None = None
    for node in stream.items():
        if ends is not None:
            node.fail(f"nothing can come after `{ends}`: it ends the response")
        item = reader.item(node)
        current.append(item)
        if isinstance(item, CallTools):
            rounds.append(tuple(current))
            current = []
        elif isinstance(item, Fail) or (isinstance(item, Stall) and item.seconds is None):
            ends = next(key for key in node.mapping(_ITEM_KEYS) if key in _ITEMS)
    return (*rounds, tuple(current))


_ITEMS = (
    "text", "delta", "delay", "tool_call", "tool_calls", "usage", "stop_reason", "error", "rate_limit", "stall", "cut",
)  # fmt: skip
_ITEM_KEYS = (*_ITEMS, "repeat")


class _StreamReader:
    """Reads the items of one stream; remembers its tool calls, to name them and to check what refers to them."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._names: list[str] = []

    def item(self, node: Node) -> Item:
        if isinstance(node.value, str):
            return self.said(node, by_words=False)
        entries = node.mapping(_ITEM_KEYS)
        said = [key for key in ("text", "delta") if key in entries]
        if len(said) == 1 and set(entries) <= {*said, "repeat", "delay"}:
            return self.said(
                entries[said[0]],
                by_words=said == ["text"],
                repeat=entries["repeat"].count(0) if "repeat" in entries else 1,
                delay=entries["delay"].seconds() if "delay" in entries else None,
            )
        if len(entries) != 1 or "repeat" in entries:
            _not_one_thing(node, entries)
        return self._single(*next(iter(entries.items())))

    def _single(self, key: str, node: Node) -> Item:
        match key:
            case "delay":
                return Pause(node.seconds())
            case "tool_call":
                return CallTools((self._use(node),))
            case "tool_calls":
                uses = tuple(self._use(call) for call in node.items())
                return CallTools(uses or node.fail("at least one call is needed"))
            case "usage":
                return _usage(node)
            case "stop_reason":
                return SetStopReason(node.text())
            case "stall":
                return Stall(None if node.value is True else node.seconds())
            case "cut":
                message = "the connection was cut in the middle of the answer"
                return Fail(ErrorKind.NETWORK, message if node.value is True else node.text())
            case "rate_limit":
                return _rate_limit(node)
            case _:
                return _error(node)

    def _use(self, node: Node) -> ToolUse:
        entries = node.mapping(("id", "name", "input"))
        if "name" not in entries:
            node.fail("a tool call needs the `name` of the tool")
        name = entries["name"].text()
        id = entries["id"].text() if "id" in entries else f"call_{len(self._ids) + 1}"
        if id in self._ids:
            node.fail(f'two tool calls of this response have the id "{id}"')
        self._ids.append(id)
        self._names.append(name)
        if "input" not in entries:
            return ToolUse(id, name, "{}")
        given = entries["input"]
        # Text is what the model wrote, so that a script can have a model that writes nonsense.
        return ToolUse(id, name, given.value if isinstance(given.value, str) else given.json_text())

    def said(self, node: Node, *, by_words: bool, repeat: int = 1, delay: float | None = None) -> Say:
        for match in PLACEHOLDER.finditer(node.text()):
            what = match.group(1)
            known = [f"tool.{name}" for name in dict.fromkeys([*self._names, *self._ids])]
            if what.startswith("tool.") and what not in known:
                node.unknown(what, "placeholder here", ("user", "turn", *known))
        return Say(node.text(), by_words, repeat, delay)


def _usage(node: Node) -> SetUsage:
    entries = node.mapping(("input_tokens", "output_tokens", "cost"))
    return SetUsage(
        entries["input_tokens"].count(0) if "input_tokens" in entries else 0,
        entries["output_tokens"].count(0) if "output_tokens" in entries else 0,
        entries["cost"].number() if "cost" in entries else None,
    )


def _rate_limit(node: Node) -> Fail:
    message = "the rate limit was reached"
    if not isinstance(node.value, dict):
        return Fail(ErrorKind.RATE_LIMIT, message, None if node.value is True else node.seconds())
    entries = node.mapping(("retry_after", "message"))
    return Fail(
        ErrorKind.RATE_LIMIT,
        entries["message"].text() if "message" in entries else message,
        entries["retry_after"].seconds() if "retry_after" in entries else None,
    )


def _error(node: Node) -> Fail:
    entries = node.mapping(("kind", "message")) if isinstance(node.value, dict) else {"kind": node}
    if "kind" not in entries:
        node.fail(f"an error needs a `kind`; allowed: {', '.join(ERROR_KINDS)}")
    kind = ErrorKind(entries["kind"].choice(ERROR_KINDS))
    return Fail(kind, entries["message"].text() if "message" in entries else _MESSAGES[kind])


def _not_one_thing(node: Node, entries: Sequence[str] | dict[str, Node]) -> NoReturn:
    if "repeat" in entries:
        node.fail("`repeat` goes with one `text` or `delta`")
    found = " and ".join(f"`{key}`" for key in entries) or "nothing"
    node.fail(f"an item says one thing, this one {found}; allowed: {', '.join(_ITEMS)}")


_MESSAGES = {
    ErrorKind.AUTH: "the API key was refused",
    ErrorKind.QUOTA: "the quota is used up",
    ErrorKind.RATE_LIMIT: "the rate limit was reached",
    ErrorKind.CONTEXT_LENGTH: "the conversation is too long for the model",
    ErrorKind.CONTENT_FILTER: "the content filter stopped the answer",
    ErrorKind.UNKNOWN_MODEL: "the model does not exist",
    ErrorKind.INVALID_REQUEST: "the provider did not accept the request",
    ErrorKind.OVERLOADED: "the provider is overloaded",
    ErrorKind.SERVER: "the provider failed",
    ErrorKind.NETWORK: "the provider could not be reached",
    ErrorKind.TIMEOUT: "the provider did not answer in time",
}
