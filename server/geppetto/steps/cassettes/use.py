"""The cassette that a run records or plays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geppetto.steps.cassettes.play import Player
    from geppetto.steps.cassettes.playback import Pace
    from geppetto.steps.cassettes.record import Recorder


def open_cassette(*, record: str | None, replay: str | None, pace: Pace = "fast") -> Recorder | Player | None:
    """A cassette to be made, or to be played; None if neither file is named.

    Raises:
        CassetteError: the file cannot be used.
    """
    if record is not None:
        from geppetto.steps.cassettes.record import Recorder

        return Recorder(Path(record))
    if replay is not None:
        from geppetto.steps.cassettes.play import Player

        return Player(Path(replay), pace)
    return None


def close_cassette(cassette: Recorder | Player) -> str | None:
    """Finishes a recording; tells what is worth knowing of a replay.

    Raises:
        CassetteError: the file cannot be written.
    """
    from geppetto.steps.cassettes.play import Player

    cassette.close()
    if not isinstance(cassette, Player) or not cassette.unused:
        return None
    count = len(cassette.unused)
    what = "1 recorded step was" if count == 1 else f"{count} recorded steps were"
    return f"{what} not asked for in this run; record the cassette anew if that is meant."
