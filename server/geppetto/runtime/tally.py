"""What a run has used so far, against what it may use."""

from __future__ import annotations

from geppetto.runtime.errors import ScriptError, limit_error
from geppetto.runtime.limits import Limits


class Tally:
    """Counts what one run uses. Each count answers with the error of the limit it passed, or None."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._output_bytes = 0
        self.steps = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cost_usd: float | None = None

    @property
    def output_room(self) -> int | None:
        """How many bytes of output are left; None without a limit."""
        limit = self._limits.output_bytes
        return None if limit is None else max(limit - self._output_bytes, 0)

    def output(self, size: int) -> ScriptError | None:
        """Counts bytes that the script or a step wrote."""
        limit = self._limits.output_bytes
        self._output_bytes += size
        if limit is None or self._output_bytes <= limit:
            return None
        return limit_error("output", f"the script wrote more than {limit // 1024 // 1024} MiB")

    def spent(self, input_tokens: int, output_tokens: int, cost: float | None) -> ScriptError | None:
        """Counts what an answer used; the cost is in US dollars, None if it is not known."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        if cost is not None:
            self.cost_usd = (self.cost_usd or 0.0) + cost
        limits, total = self._limits, self.input_tokens + self.output_tokens
        if limits.tokens is not None and total > limits.tokens:
            return limit_error("tokens", f"{total} tokens used of {limits.tokens}")
        if limits.cost_usd is not None and (self.cost_usd or 0.0) > limits.cost_usd:
            return limit_error("cost", f"${self.cost_usd:.4f} spent of ${limits.cost_usd:.4f}")
        return None
