"""What the runs' own requests and notifications carry. The events themselves are `geppetto.runs.protocol`'s."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from geppetto.runs.params import Param, ParamKind
from geppetto.runs.protocol import CassetteUse, RunEvent, Wire
from geppetto.runtime.outcome import OutcomeKind

if TYPE_CHECKING:
    from geppetto.json_value import JsonValue
else:
    from pydantic import JsonValue


class TextPosition(Wire):
    """A place in a text, as the language server protocol has it: both count from 0, characters in UTF-16 units."""

    line: int = Field(ge=0)
    character: int = Field(ge=0)


class TextRange(Wire):
    """A part of a text; the end is not in it."""

    start: TextPosition
    end: TextPosition


class RunParams(Wire):
    """`geppetto/run`: one of `uri`, `text` and `replay` has to be there.

    Attributes:
        uri: the script; an open document runs as it is in the editor.
        text: runs instead of the script's own text.
        range: only the top-level statements that it touches, and what they depend on; if it is empty, the
            statement at that place.
        params: what the script reads as ``params``; a text is read as the type that the script declares.
        profile: the settings' profile.
        replay: the id of a recorded run to play again, or ``last``.
        cassette: recorded by the run, or played instead of asking models; not for a `replay`, which asks none.
        pace: of a replay: how many times as fast as it ran; without it there is no waiting.
        work_done_token: progress is reported with it.
    """

    uri: str | None = None
    text: str | None = None
    range: TextRange | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)
    profile: str | None = None
    replay: str | None = None
    pace: float | None = Field(default=None, gt=0)
    cassette: CassetteUse | None = None
    work_done_token: str | int | None = None


class DeclaringScript(Wire):
    """`geppetto/params`: one of them has to be there.

    Attributes:
        uri: the script; an open document counts as it is in the editor.
        text: counts instead of the script's own text.
    """

    uri: str | None = None
    text: str | None = None


class DeclaredParam(Wire):
    """A param that a script declares in its header.

    Attributes:
        type: any for whatever is none of the others.
        label: the type as the script writes it.
        choices: the only values there are; empty if there are others.
        required: whether it has to be given.
        default: what it is if it is not given; None for nothing.
        description: what it is for, in one line; may be empty.
    """

    name: str
    type: ParamKind
    label: str
    choices: tuple[JsonValue, ...] = ()
    required: bool = False
    default: JsonValue = None
    description: str = ""

    @classmethod
    def of(cls, param: Param) -> DeclaredParam:
        return cls(
            name=param.name,
            type=param.type.kind,
            label=param.type.label,
            choices=param.type.choices,
            required=param.is_required,
            default=param.default,
            description=param.description,
        )


class DeclaredParams(Wire):
    """The answer to `geppetto/params`.

    Attributes:
        description: what the script is for, in one line; may be empty.
        params: in the script's order; empty if it declares none, and then it takes whatever it is given.
    """

    description: str = ""
    params: tuple[DeclaredParam, ...] = ()


class AskedProfiles(Wire):
    """`geppetto/profiles`.

    Attributes:
        uri: the script; without it the workspace's first folder counts.
    """

    uri: str | None = None


class Profiles(Wire):
    """The answer to `geppetto/profiles`.

    Attributes:
        profiles: of the settings that hold for the script.
        chosen: the one that the settings choose themselves, if nobody else does.
    """

    profiles: tuple[str, ...]
    chosen: str | None


class RunStarted(Wire):
    """The answer to `geppetto/run`."""

    run_id: str


class RunEventParams(Wire):
    """`geppetto/runEvent`: the next event of a run. ``seq`` counts from 0 without gaps."""

    run_id: str
    seq: int
    event: Annotated[RunEvent, Field(discriminator="kind", json_schema_extra={"tsType": "RunEvent"})]


class RunInfo(Wire):
    """A run as `geppetto/listRuns` shows it.

    Attributes:
        uri: of the script; None for a text without one.
        outcome: None until it has ended.
    """

    run_id: str
    uri: str | None
    state: Literal["queued", "running", "ended"]
    started_at: datetime
    outcome: OutcomeKind | None = None
    seconds: float | None = None
    steps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


class RunList(Wire):
    """The answer to `geppetto/listRuns`: those that go on or wait, and the last that have ended; oldest first."""

    runs: tuple[RunInfo, ...]


class RunOutput(Wire):
    """The answer to `geppetto/runOutput`.

    Attributes:
        run: as it is now.
        events: what `geppetto/runEvent` has told, or would have; the oldest are missing if there is too much.
        is_complete: whether none is missing.
    """

    run: RunInfo
    events: tuple[RunEventParams, ...]
    is_complete: bool
