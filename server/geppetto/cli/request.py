"""What `geppetto run` was asked to do, in a form that crosses a pipe."""

import json
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

from geppetto.json_value import JsonObject, JsonValue

EventsForm: TypeAlias = Literal["jsonl", "text", "yaml"]
Pace: TypeAlias = Literal["live", "fast"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run.

    Attributes:
        script: path of the script; `-` for standard input.
        params: what the script reads as `params`.
        profile: the settings' profile.
        root: the workspace; None to find it.
        limits: limits given, by their names in `geppetto.runtime.limits.Limits`; None lifts one.
        events: print events in this form instead of what a person wants to see.
        metadata: whether events are printed with their metadata; None for what suits the form.
        show_streams: whether the text of streams is shown.
        quiet: whether everything that is not the script's own output is left out.
        color: whether colours may be used on a terminal.
        record: the cassette to make of the run's steps.
        replay: the cassette to play instead of asking models.
        pace: how fast it is played.
        bus: whose workers do it; ``none`` for this machine, None for what the settings say.
    """

    script: str
    params: JsonObject = field(default_factory=dict[str, JsonValue])
    profile: str | None = None
    root: str | None = None
    limits: dict[str, float | None] = field(default_factory=dict[str, float | None])
    events: EventsForm | None = None
    metadata: bool | None = None
    show_streams: bool = True
    quiet: bool = False
    color: bool = True
    record: str | None = None
    replay: str | None = None
    pace: Pace = "fast"
    bus: str | None = None

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "RunRequest":
        return cls(**json.loads(data))
