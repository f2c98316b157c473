"""Many streams in one script, all running together."""

import asyncio

from benchmarks.engines import run_script
from benchmarks.harness import Bench, Row

TITLE = "What do 1, 10, 100 and 1 000 streams at once cost?"

EVENTS = 50_000
"""In all streams together."""

_SCRIPT = """
const streams = [];
for (let i = 0; i < STREAMS; i++) streams.push(talk.startStream(DELTAS));
const right = "token ".repeat(DELTAS);
let ordered = 0;
await Promise.all(streams.map(async (stream) => {
  let text = "", last = "";
  for await (const event of stream) {
    if (event.type === "partial") { text += event.delta; last = event.completion; }
    else if (event.type === "final" && event.text === right && text === right && last === right) ordered++;
  }
}));
console.log(JSON.stringify(ordered));
"""


def measure(bench: Bench) -> list[Row]:
    def rate(streams: int) -> float:
        deltas = EVENTS // streams
        text = _SCRIPT.replace("STREAMS", f"{streams}").replace("DELTAS", f"{deltas}")
        timed = asyncio.run(run_script("talk.startStream(1000)", text))
        if timed.said != streams:
            raise RuntimeError(f"{timed.said} streams of {streams} came in order")
        return streams * (deltas + 2) / timed.seconds

    counts = (1, 10, 100, 1000)
    rates = bench.take_turns(
        {f"{count}": lambda count=count: rate(count) for count in counts}, rounds=3, warm_up=0
    )
    rows = [Row(f"{count} at once", "events/s", rates[f"{count}"]) for count in counts]
    cost = rates["1"].over(rates["1000"])
    return [
        *rows,
        Row(
            "an event among 1 000 streams / in one",
            "×",
            cost,
            note="starting and ending a stream costs about 0.5 ms, here for 50 events",
        ),
    ]
