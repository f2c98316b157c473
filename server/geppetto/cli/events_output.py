"""Shows a run to a program: events on standard output, everything else on standard error."""

import json
from collections.abc import Callable
from typing import Literal

from geppetto.cli.channel import Channel
from geppetto.cli.request import EventsForm
from geppetto.runtime.output import ConsoleLine, Notice, Output, StreamEvent


class EventsDisplay:
    """Prints every event in one of the forms.

    Args:
        metadata: whether `meta` and `step` are printed too; by default only as JSON lines, where they
            cost nothing and tell concurrent streams apart.
    """

    def __init__(
        self,
        out: Channel,
        err: Channel,
        form: EventsForm,
        *,
        metadata: bool | None = None,
        quiet: bool = False,
    ) -> None:
        self._out = out
        self._err = err
        self._quiet = quiet
        metadata = form == "jsonl" if metadata is None else metadata
        self._print = self._wire if metadata else self._body
        if form != "jsonl":
            self._print = self._document(form, metadata)

    def _document(self, form: Literal["text", "yaml"], metadata: bool) -> Callable[[bytes], None]:
        """The forms that need the event's model, which takes time to import."""
        from geppetto.events.codec import decode
        from geppetto.events.printers import TextFormat, format_yaml

        text = TextFormat(metadata=metadata)

        def write(payload: bytes) -> None:
            event = decode(payload)
            self._out.write(text.format(event) if form == "text" else format_yaml(event, metadata=metadata))

        return write

    def __call__(self, output: Output) -> None:
        match output:
            case StreamEvent():
                self._print(output.payload)
            case ConsoleLine():
                self._err.end_line()
                self._err.write(output.text + "\n")
            case Notice():
                if not self._quiet:
                    self._err.write(f"geppetto: {output.text}\n")

    def finish(self) -> None:
        self._out.end_line()
        self._out.flush()
        self._err.flush()

    def _wire(self, payload: bytes) -> None:
        self._out.write_bytes(payload + b"\n")

    def _body(self, payload: bytes) -> None:
        said = json.loads(payload)
        said.pop("meta", None)
        said.pop("step", None)
        self._out.write(json.dumps(said, ensure_ascii=False) + "\n")
