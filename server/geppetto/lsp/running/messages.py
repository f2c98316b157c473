"""What the runs' own requests and notifications carry. The events themselves are `geppetto.runs.protocol`'s."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from geppetto.runs.protocol import RunEvent, Wire
from geppetto.runtime.outcome import OutcomeKind

if TYPE_CHECKING:
    from geppetto.json_value import JsonValue
else:
    from pydantic import JsonValue


class RunParams(Wire):
    """`geppetto/run`: one of `uri`, `text` and `replay` has to be there.

    Attributes:
        uri: the script; an open document runs as it is in the editor.
        text: runs instead of the script's own text.
        params: what the script reads as ``params``.
        profile: the settings' profile.
        replay: the id of a recorded run to play again, or ``last``.
        pace: of a replay: how many times as fast as it ran; without it there is no waiting.
        work_done_token: progress is reported with it.
    """

    uri: str | None = None
    text: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)
    profile: str | None = None
    replay: str | None = None
    pace: float | None = Field(default=None, gt=0)
    work_done_token: str | int | None = None


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
