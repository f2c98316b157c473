"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from geppetto.runtime.errors import ScriptError

OutcomeKind = Literal["ok", "error", "limit", "cancelled"]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        kind: ok, error (the script failed), limit (a limit stopped it), cancelled (somebody stopped it).
        errors: what went wrong, in order; the limit that was passed is the last of them.
        seconds: from start to end.
        steps: how many steps were started.
        input_tokens: of all steps that reported usage.
        output_tokens: of all steps that reported usage.
        cost_usd: None if no step reported a cost.
        engine_lost: the isolate is wedged: end the process, do not close the engine.
    """

    kind: OutcomeKind
    errors: tuple[ScriptError, ...] = ()
    seconds: float = 0.0
    steps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    engine_lost: bool = False
