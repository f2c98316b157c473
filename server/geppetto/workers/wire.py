"""What a submitter of runs and the workers say to each other.

Three topics carry it. The queue ``queue.runs`` has the jobs: whoever takes one acks it when its run is over.
``peer.SUBMITTER`` has the reports: pieces of a run's events, JSON lines, each piece with its offset in the whole.
``peer.WORKER`` has the answers: how far the submitter has heard, and whether it wants the run to go on. What was
not heard is sent again, so that neither an outage nor a restart of the bus leaves a hole in what a run says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

from geppetto.events.message import Message
from geppetto.events.wire import queue_topic
from geppetto.runs.protocol import Wire

if TYPE_CHECKING:
    from geppetto.json_value import JsonValue
else:
    # The same type, in the form that pydantic can build a validator from.
    from pydantic import JsonValue

PROTOCOL: Final = 1
QUEUE: Final = queue_topic("runs")
GROUP: Final = "workers"

PIECE_BYTES: Final = 256 * 1024
"""Of one report at most; a NATS server takes 1 MB as it is shipped."""

Wants: TypeAlias = Literal["go", "cancel", "over"]
"""What a submitter wants of a run: that it goes on, is cancelled, or is nothing to it any more."""


class Job(Wire):
    """A run to be done: everything but keys and the settings, which are the worker's own.

    Attributes:
        protocol: of this module's messages.
        run_id: the run's.
        submitter: who is told of it, on its topic.
        path: the script, as messages to people name it.
        main: where it is in the workspace, with slashes.
        text: the script.
        root: the workspace, as messages to people name it.
        files: what the script imports, and images and models' scripts that it names, in base64 by their place in
            the workspace, with slashes.
        params: what the script reads as ``params``.
        profile: of the worker's settings.
        limits: as in a ``RunRequest``.
        unanswered: how many workers have waited in vain for the submitter to answer.
    """

    protocol: int = PROTOCOL
    run_id: str
    submitter: str
    path: str
    main: str
    text: str
    root: str
    files: dict[str, str]
    params: dict[str, JsonValue]
    profile: str | None = None
    limits: dict[str, float | None]
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A piece of what a run says, from a worker to the run's submitter.

    Attributes:
        run_id: the run's.
        attempt: which attempt at the run this is, different for each.
        worker: the worker's name.
        offset: of the piece in all that the attempt says, in bytes.
        asks: whether an answer is wanted at once.
        leaves: whether the worker has put the run back into the queue, unfinished.
        piece: part of JSON lines.
    """

    run_id: str
    attempt: str
    worker: str
    offset: int
    asks: bool = False
    leaves: bool = False
    piece: bytes = b""

    def message(self) -> Message:
        facts = {"run": self.run_id, "attempt": self.attempt, "worker": self.worker}
        facts |= {"offset": str(self.offset), "asks": str(int(self.asks)), "leaves": str(int(self.leaves))}
        return Message(self.piece, facts)

    @classmethod
    def of(cls, message: Message) -> Report:
        """Raises ValueError if the message is no report."""
        facts = message.metadata
        try:
            return cls(
                facts["run"],
                facts["attempt"],
                facts["worker"],
                int(facts["offset"]),
                facts["asks"] == "1",
                facts["leaves"] == "1",
                message.payload,
            )
        except KeyError as error:
            raise ValueError(f"it has no {error}") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """From a run's submitter to the worker.

    Attributes:
        attempt: the attempt at the run.
        heard: how many bytes of it have arrived, without a hole.
        wants: what is to become of it.
        lacks: whether something that was sent has not arrived: it is to be sent again from there on.
        lost: how many workers have begun the run before and were lost with it.
    """

    attempt: str
    heard: int
    wants: Wants
    lacks: bool = False
    lost: int = 0

    def message(self) -> Message:
        facts = {"attempt": self.attempt, "heard": str(self.heard), "wants": self.wants}
        return Message(b"", facts | {"lacks": str(int(self.lacks)), "lost": str(self.lost)})

    @classmethod
    def of(cls, message: Message) -> Answer:
        """Raises ValueError if the message is no answer."""
        facts = message.metadata
        try:
            if facts["wants"] not in get_args(Wants):
                raise ValueError(f"it wants {facts['wants']!r}")
            wants = cast(Wants, facts["wants"])
            return cls(
                facts["attempt"], int(facts["heard"]), wants, facts["lacks"] == "1", int(facts["lost"])
            )
        except KeyError as error:
            raise ValueError(f"it has no {error}") from None
