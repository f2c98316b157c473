"""What a run has used so far, read from its events: for the end event of a run that cannot tell it any more."""

from __future__ import annotations

from geppetto.json_value import JsonObject
from geppetto.runs.protocol import EndEvent, RunEvent, StepEvent, StepStartedEvent


class Tally:
    """Counts steps, tokens and costs of the events it is shown."""

    def __init__(self) -> None:
        self.steps = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cost_usd: float | None = None

    def count(self, event: RunEvent) -> None:
        """Takes the next event of the run."""
        match event:
            case StepStartedEvent():
                self.steps += 1
            case StepEvent(event={"type": "final" | "error" | "interrupt", "meta": {"usage": dict(usage)}}):
                self._spend(usage)
            case _:
                pass

    def _spend(self, usage: JsonObject) -> None:
        match usage:
            case {"input_tokens": int(input_tokens), "output_tokens": int(output_tokens)}:
                self.input_tokens += input_tokens
                self.output_tokens += output_tokens
            case _:
                pass
        cost = usage.get("cost")
        if isinstance(cost, int | float):
            self.cost_usd = (self.cost_usd or 0.0) + cost

    def complete(self, end: EndEvent, seconds: float) -> EndEvent:
        """An end event that was made without knowing what was used, with what was seen."""
        used = {
            "seconds": round(seconds, 6),
            "steps": self.steps,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": self.cost_usd,
        }
        return end.model_copy(update=used)
