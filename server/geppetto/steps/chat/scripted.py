"""A chat step that plays a script instead of asking a model: for development, demonstrations and tests."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from geppetto.steps.chat.script import (
    PLACEHOLDER,
    CallTools,
    Fail,
    Pause,
    Response,
    Say,
    Script,
    SetStopReason,
    SetUsage,
    Stall,
)
from geppetto.steps.chat.script_file import ScriptError
from geppetto.steps.chat.step import ChatParameters, ChatRequest, ChatStep
from geppetto.steps.chat.words import count_words, pieces
from geppetto.steps.errors import StepError
from geppetto.steps.tools import ToolUse

if TYPE_CHECKING:
    from geppetto.events.models import EventMetadata
    from geppetto.steps.run import StepRun


class ScriptPlayer:
    """A script, and how often each of its responses has been used. Share one between steps that share the counts."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._used = dict[int, int]()

    def choose(self, user_texts: list[str]) -> Response:
        """The response to a conversation, counted as used.

        The first whose conditions all hold; without one, the responses that have no conditions answer by position:
        the first of them the first turn, and the last all that are left.

        Raises:
            ScriptError: no response fits.
        """
        turn, last = len(user_texts), user_texts[-1] if user_texts else ""
        for index, response in enumerate(self.script.responses):
            if response.conditional and self._fits(index, response, turn, last):
                self._used[index] = self._used.get(index, 0) + 1
                return response
        unconditional = [response for response in self.script.responses if not response.conditional]
        if not unconditional:
            shown = last if len(last) <= 60 else last[:60] + "…"
            raise ScriptError(
                f"{self.script.name}: no response fits turn {turn} ({shown!r}); add one without match, turn and times"
            )
        return unconditional[min(max(turn, 1), len(unconditional)) - 1]

    def _fits(self, index: int, response: Response, turn: int, last: str) -> bool:
        return (
            (response.turn is None or response.turn == turn)
            and (response.times is None or self._used.get(index, 0) < response.times)
            and (response.match is None or response.match.search(last) is not None)
        )


class ScriptedStep(ChatStep):
    """Plays a script; see docs/scripted.md."""

    type = "scripted"
    default_model = "scripted"

    def __init__(
        self,
        player: ScriptPlayer,
        parameters: ChatParameters | None = None,
        *,
        pace: float | None = None,
        delay: float | None = None,
    ) -> None:
        """
        Args:
            pace: factor on every delay, instead of the script's; 0 plays as fast as possible.
            delay: seconds before each delta that does not say its own, instead of the script's.
        """
        super().__init__(parameters)
        self._player = player
        self._pace = player.script.pace if pace is None else pace
        self._delay = delay
        self._chosen = WeakKeyDictionary["StepRun", Response]()

    def describe(self) -> "EventMetadata":
        meta = super().describe()
        meta.engine = self.parameters.model or self._player.script.model or self.default_model
        return meta

    async def round(self, run: "StepRun", request: ChatRequest) -> list[ToolUse]:
        if request.round == 0:
            self._chosen[run] = self._player.choose(request.user_texts)
        response = self._chosen[run]
        uses: list[ToolUse] = []
        before = len(run.text)
        usage_told = False
        if request.round < len(response.rounds):
            for item in response.rounds[request.round]:
                match item:
                    case Say():
                        await self._say(run, item, response, request)
                    case Pause(seconds) | Stall(float(seconds)):
                        await self._wait(seconds)
                    case Stall():
                        await asyncio.Event().wait()
                    case CallTools(calls):
                        uses.extend(calls)
                    case SetUsage(input_tokens, output_tokens, cost):
                        usage_told = True
                        run.add_usage(input_tokens, output_tokens, cost)
                    case SetStopReason(reason):
                        run.meta.stop_reason = reason
                    case Fail(kind, message, retry_after):
                        raise StepError(message, kind=kind, retry_after=retry_after)
        if not usage_told:
            run.add_usage(_words_of(request), count_words(run.text[before:]))
        if run.meta.stop_reason is None and not uses:
            run.meta.stop_reason = "end_turn"
        return uses

    async def _say(self, run: "StepRun", item: Say, response: Response, request: ChatRequest) -> None:
        text = _filled(item.text, request)
        delay = next(d for d in (item.delay, self._delay, response.delay) if d is not None) * self._pace
        deltas = list(pieces(text)) if item.by_words else [text]
        for _ in range(item.repeat):
            for delta in deltas:
                if delay:
                    await asyncio.sleep(delay)
                await run.partial(delta)

    async def _wait(self, seconds: float) -> None:
        if seconds * self._pace:
            await asyncio.sleep(seconds * self._pace)


def _filled(text: str, request: ChatRequest) -> str:
    if "{{" not in text:
        return text
    known = {
        "user": request.user_texts[-1] if request.user_texts else "",
        "turn": str(len(request.user_texts)),
    }
    for outcome in request.outcomes:
        known[f"tool.{outcome.use.name}"] = known[f"tool.{outcome.use.id}"] = outcome.text
    return PLACEHOLDER.sub(lambda match: known.get(match.group(1), ""), text)


def _words_of(request: ChatRequest) -> int:
    texts: Iterable[str] = (
        m.text if m.type == "chat-message" else m.result if m.type == "tool-result" else m.name
        for m in request.messages
    )
    return sum(map(count_words, texts))
