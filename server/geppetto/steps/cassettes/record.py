"""Recording: `geppetto run --record FILE`."""

import os
from array import array
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from sys import byteorder
from typing import Any, cast

from geppetto.embeddings.provider import EmbeddingModel, EmbeddingsProvider
from geppetto.json_value import JsonObject, JsonValue
from geppetto.steps.cassettes.recording import CassetteError, Tape, line_bytes
from geppetto.steps.cassettes.requests import step_request
from geppetto.steps.cassettes.scrub import Scrubber
from geppetto.steps.cassettes.wrapping import StartedStep, TapingSink
from geppetto.steps.context import StepContext
from geppetto.steps.result import StepResult
from geppetto.steps.step import Step

VERSION = 1


class Recorder:
    """Writes a cassette: the steps in the order in which they were started, then the embeddings.

    While it records, it writes to FILE.part, each step when it and all before it have ended. `close` puts that in
    the place of FILE; what was there before stays until then.
    """

    def __init__(self, path: Path) -> None:
        """
        Raises:
            CassetteError: the file cannot be written.
        """
        self._path = path
        self._secrets: set[str] = set()
        self._scrubber = Scrubber(lambda: self._secrets)
        self._tapes: list[Tape] = []
        self._model: EmbeddingModel | None = None
        self._vectors: dict[str, list[float]] = {}
        try:
            if path.is_dir():
                raise IsADirectoryError(0, "is a folder")
            if path.exists() and not path.is_file():
                raise OSError(0, "is no file of its own, and would be replaced by one")  # such as /dev/stdout
            self._part = path.with_name(f"{path.name}.part")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")
        except OSError as error:
            raise CassetteError(f"the cassette {path} cannot be written: {error.strerror}") from None
        self._file.write(line_bytes({"geppetto_cassette": VERSION}))

    plays = False

    def step(
        self, name: str, options: JsonObject, make: Callable[[], Step[Any, Any]], *, chat: bool
    ) -> Step[Any, Any]:
        """The step, recorded whenever it is started.

        Args:
            name: of the step, as scripts call it.
            options: what it was made with.
            chat: whether it may call the tools of its context, which then belong to what it is asked.
        """
        return _RecordingStep(self, name, options, make(), chat)

    def embeddings(self, make: Callable[[], EmbeddingsProvider]) -> EmbeddingsProvider:
        """The provider, whose vectors are recorded."""
        return _RecordingEmbeddings(self, make())

    def hide(self, keys: Iterable[str]) -> None:
        """Keep these keys out of the file. To be told before a step can know them."""
        self._secrets.update(keys)

    def begin(self, request: JsonObject) -> Tape:
        """A tape for a step that starts now."""
        tape = Tape(request)
        self._tapes.append(tape)
        return tape

    def write(self) -> None:
        """Write every step that has ended, and before which no other still runs."""
        written = 0
        for tape in self._tapes:
            if not tape.ended:
                break
            self._write_tape(tape)
            written += 1
        if written:
            del self._tapes[:written]
            self._file.flush()

    def keep_model(self, model: EmbeddingModel) -> None:
        self._model = model

    def keep_vectors(self, texts: Sequence[str], vectors: list[list[float]]) -> None:
        self._vectors.update(zip(texts, vectors, strict=True))

    def close(self) -> None:
        """Finish the cassette. Steps that have not ended are left out. Idempotent.

        Raises:
            CassetteError: the file cannot be written; what there is stays in FILE.part.
        """
        if self._file.closed:
            return
        for tape in self._tapes:
            if tape.ended:
                self._write_tape(tape)
        self._tapes.clear()
        try:
            self._write_embeddings()
            self._file.close()
            os.replace(self._part, self._path)
        except OSError as error:
            raise CassetteError(f"the cassette {self._path} cannot be written: {error.strerror}") from None

    def _write_tape(self, tape: Tape) -> None:
        if self._file.closed:
            return
        request = cast(JsonObject, self._scrubber.clean(tape.request))
        head: JsonObject = {"request": request["step"]}
        if "options" in request:
            head["options"] = request["options"]
        messages: list[JsonValue] = []
        if isinstance(request["input"], list) and request["input"]:
            messages = request["input"]
        else:
            head["input"] = request["input"]
        self._file.write(b"\n" + line_bytes(head))
        # A line each: where one is added or changes, a comparison shows that one.
        for tool in cast("list[JsonValue]", request.get("tools", [])):
            self._file.write(line_bytes({"tool": tool}))
        for message in messages:
            self._file.write(line_bytes({"message": message}))
        for line in self._scrubber.clean_events(tape.lines):
            self._file.write(line_bytes(line))

    def _write_embeddings(self) -> None:
        if self._model is None:
            return
        model: JsonObject = {"model": self._model.name, "dimensions": self._model.dimensions}
        self._file.write(b"\n" + line_bytes({"embeddings": model}))
        for text, vector in self._vectors.items():
            self._file.write(line_bytes({"embedding": self._scrubber.clean(text), "vector": packed(vector)}))


def packed(vector: list[float]) -> str:
    """The numbers as scripts see them, 4 bytes each, in base64: the form in which OpenAI sends them."""
    numbers = array("f", vector)
    if byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()


class _RecordingStep(StartedStep):
    def __init__(
        self, recorder: Recorder, name: str, options: JsonObject, inner: Step[Any, Any], chat: bool
    ) -> None:
        self._recorder = recorder
        self._name = name
        self._options = options
        self._inner = inner
        self._chat = chat

    def start(self, ctx: StepContext, input: Any) -> StepResult[Any]:
        tools = ctx.tools.definitions() if self._chat and ctx.tools is not None else []
        tape = self._recorder.begin(step_request(self._name, self._options, tools, input))
        self._hand_topics(self._inner)
        sink = _WritingSink(ctx.publisher, tape, self._recorder)
        return self._inner.start(replace(ctx, publisher=sink), input)


class _WritingSink(TapingSink):
    def __init__(self, sink: Any, tape: Tape, recorder: Recorder) -> None:
        super().__init__(sink, tape)
        self._ended = tape
        self._recorder = recorder

    async def publish(self, *events: Any) -> None:
        try:
            await super().publish(*events)
        finally:
            if self._ended.ended:
                self._recorder.write()


class _RecordingEmbeddings:
    def __init__(self, recorder: Recorder, provider: EmbeddingsProvider) -> None:
        self._recorder = recorder
        self._provider = provider
        recorder.keep_model(provider.model)

    @property
    def model(self) -> EmbeddingModel:
        return self._provider.model

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        vectors = await self._provider.embed(texts)
        self._recorder.keep_vectors(texts, vectors)
        return vectors
