"""Playing back: `geppetto run --replay FILE`."""

import difflib
import json
from array import array
from base64 import b64decode
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from sys import byteorder
from typing import Any, cast

from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsError, EmbeddingsProvider, check_texts
from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.cassettes.difference import differences, nearest
from geppetto.steps.cassettes.playback import Pace, PlaybackStep
from geppetto.steps.cassettes.record import VERSION
from geppetto.steps.cassettes.recording import CassetteError, EventReader, Recording
from geppetto.steps.cassettes.requests import canonical, step_request
from geppetto.steps.cassettes.wrapping import StartedStep
from geppetto.steps.context import StepContext
from geppetto.steps.failing import FailingStep
from geppetto.steps.result import StepResult
from geppetto.steps.step import Step

RECORD_AGAIN = "Record it again with --record, if the program is meant to ask this now."


class Player:
    """Answers every step from a cassette. Nothing is asked of a model, and no key is needed.

    Each recording is played once: a request that was recorded twice has two answers, in their order. The order of
    different requests does not matter.
    """

    def __init__(self, path: Path, pace: Pace = "fast") -> None:
        """
        Raises:
            CassetteError: the file is not a cassette; names the line.
        """
        self._path = path
        self._pace: Pace = pace
        contents = _Contents(path)
        self._waiting: dict[str, deque[Recording]] = defaultdict(deque)
        self._requests: dict[str, tuple[JsonObject, int]] = {}
        for recording in contents.recordings:
            key = canonical(recording.request)
            self._waiting[key].append(recording)
            self._requests[key] = recording.request, len(self._waiting[key])
        self._model = contents.model
        self._vectors = contents.vectors

    plays = True

    @property
    def unused(self) -> list[JsonObject]:
        """The requests of the recordings that were not played."""
        return [recording.request for recordings in self._waiting.values() for recording in recordings]

    def step(
        self, name: str, options: JsonObject, make: Callable[[], Step[Any, Any]], *, chat: bool
    ) -> Step[Any, Any]:
        """A step that plays what was recorded; `make` is not called."""
        return _PlayingStep(self, name, options, chat)

    def embeddings(self, make: Callable[[], EmbeddingsProvider]) -> EmbeddingsProvider:
        """A provider that knows the recorded vectors; `make` is called only if none were recorded."""
        return _PlayingEmbeddings(self._path, self._model or make().model, self._vectors)

    def take(self, request: JsonObject) -> PlaybackStep:
        """The next recording for a request.

        Raises:
            CassetteError: there is none; names the nearest and what differs.
        """
        key = canonical(request)
        if self._waiting.get(key):
            return PlaybackStep(self._waiting[key].popleft(), self._pace)
        step = request["step"]
        if key in self._requests:
            times = self._requests[key][1]
            count = "once" if times == 1 else f"{times} times"
            raise CassetteError(
                f"{self._path}: this request of {step} was recorded {count}, and is made once more",
                hint=RECORD_AGAIN,
            )
        near = nearest(request, (known for known, _ in self._requests.values()))
        if near is None:
            raise CassetteError(
                f"{self._path}: no step was recorded, so none of {step} can be played", hint=RECORD_AGAIN
            )
        lines = "".join(f"\n  {line}" for line in differences(near, request))
        raise CassetteError(
            f"{self._path}: this request of {step} was not recorded; it differs from the nearest one in{lines}",
            hint=RECORD_AGAIN,
        )

    def hide(self, keys: Iterable[str]) -> None:
        """Nothing is written."""

    def close(self) -> None:
        """Nothing is left to do."""


class _PlayingStep(StartedStep):
    def __init__(self, player: Player, name: str, options: JsonObject, chat: bool) -> None:
        self._player = player
        self._name = name
        self._options = options
        self._chat = chat

    def start(self, ctx: StepContext, input: Any) -> StepResult[Any]:
        tools = ctx.tools.definitions() if self._chat and ctx.tools is not None else []
        step: Step[Any, Any]
        try:
            step = self._player.take(step_request(self._name, self._options, tools, input))
        except CassetteError as error:
            step = FailingStep(error)
        self._hand_topics(step)
        return step.start(ctx, input)


class _PlayingEmbeddings:
    def __init__(self, path: Path, model: EmbeddingModel, vectors: dict[str, list[float]]) -> None:
        self._path = path
        self.model = model
        self._vectors = vectors

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        check_texts(texts)
        for text in texts:
            if text not in self._vectors:
                raise self._miss(text)
        return [list(self._vectors[text]) for text in texts]

    def _miss(self, text: str) -> EmbeddingsError:
        near = difflib.get_close_matches(text[:1000], self._vectors, n=1, cutoff=0.0) if self._vectors else []
        differs = (
            f"; from the nearest one it differs in {differences({'text': near[0]}, {'text': text})[0]}"
            if near
            else ""
        )
        return EmbeddingsError(
            f"{self._path}: the embedding of this text was not recorded{differs}",
            hint=RECORD_AGAIN,
            code="cassette",
        )


class _Contents:
    """What stands in a cassette."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.recordings: list[Recording] = []
        self.model: EmbeddingModel | None = None
        self.vectors: dict[str, list[float]] = {}
        self._reader: EventReader | None = None
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CassetteError(
                f"the cassette {path} cannot be read: {error.strerror}", hint="--record makes one."
            ) from None
        number = 0
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                self._take(self._parsed(line))
            except (CassetteError, ValueError, KeyError, TypeError) as error:
                said = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else error
                raise CassetteError(f"{path}:{number}: {said}") from None
        if self._version is None:
            raise CassetteError(f"{path}: this is not a cassette", hint="--record makes one.")
        self._check_end(f"{path}:{number}")

    _version: JsonValue = None

    def _parsed(self, line: bytes) -> JsonObject:
        value: object = json.loads(line)
        if not isinstance(value, dict):
            raise CassetteError("each line of a cassette is a JSON object")
        return cast(JsonObject, value)

    def _take(self, line: JsonObject) -> None:
        if self._version is None:
            self._version = line.get("geppetto_cassette")
            if self._version != VERSION:
                said = (
                    "this is not a cassette"
                    if self._version is None
                    else f"a cassette of version {self._version!r}"
                )
                raise CassetteError(f'{said}; the first line should be {{"geppetto_cassette": {VERSION}}}')
        elif "request" in line:
            self._check_end("before this line")
            self._begin(line)
        elif "embeddings" in line:
            self._check_end("before this line")
            said = cast(JsonObject, line["embeddings"])
            self.model = EmbeddingModel(str(said["model"]), int(cast(int, said["dimensions"])))
        elif "embedding" in line:
            self.vectors[str(line["embedding"])] = self._vector(line["vector"])
        elif self._reader is None:
            raise CassetteError("a request should stand before this")
        elif "message" in line or "tool" in line:
            self._add(line)
        else:
            self._reader.read(line)

    def _begin(self, line: JsonObject) -> None:
        request: JsonObject = {"step": line["request"]}
        if "options" in line:
            request["options"] = line["options"]
        request["input"] = line.get("input", [])
        self._reader = EventReader()
        self.recordings.append(Recording(request, self._reader.events))

    def _add(self, line: JsonObject) -> None:
        request = self.recordings[-1].request
        name, key = ("input", "message") if "message" in line else ("tools", "tool")
        found = request.setdefault(name, [])
        if not isinstance(found, list):
            raise CassetteError("this request has an input, and messages too")
        found.append(line[key])

    def _vector(self, text: JsonValue) -> list[float]:
        numbers = array("f")
        numbers.frombytes(b64decode(str(text), validate=True))
        if byteorder == "big":
            numbers.byteswap()
        if self.model is None or len(numbers) != self.model.dimensions:
            raise CassetteError("this vector does not have the dimensions that were told before it")
        return numbers.tolist()

    def _check_end(self, place: str) -> None:
        if self._reader is not None and not self._reader.ended:
            raise CassetteError(f"{place}: the step recorded last has no end")
