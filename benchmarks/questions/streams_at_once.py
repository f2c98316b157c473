"""Many streams in one script, all running together."""

import asyncio
from itertools import pairwise

from benchmarks.engines import run_script
from benchmarks.harness import Bench, Row, Series, exponent

TITLE = "What do 1, 10, 100 and 1 000 streams at once cost?"

STREAMS = 1_000
"""In all, whatever goes on at once: the same work for everybody."""
DELTAS = 50
AT_ONCE = (1, 10, 100, 1_000)

_SCRIPT = """
const right = "token ".repeat(DELTAS);
let ordered = 0;
async function read(stream) {
  let text = "", last = "";
  for await (const event of stream) {
    if (event.type === "partial") { text += event.delta; last = event.completion; }
    else if (event.type === "final" && event.text === right && text === right && last === right) ordered++;
  }
}
for (let done = 0; done < STREAMS; done += AT_ONCE)
  await Promise.all(Array.from({ length: AT_ONCE }, () => read(talk.startStream(DELTAS))));
console.log(JSON.stringify(ordered));
"""


def _text(streams: int, deltas: int, at_once: int) -> str:
    counts = {"STREAMS": streams, "DELTAS": deltas, "AT_ONCE": at_once}
    text = _SCRIPT
    for name, count in counts.items():
        text = text.replace(name, f"{count}")
    return text


def measure(bench: Bench) -> list[Row]:
    cost: dict[str, list[float]] = {}

    def rate(name: str, deltas: int, at_once: int) -> float:
        timed = asyncio.run(run_script(_text(20, deltas, 10), _text(STREAMS, deltas, at_once)))
        if timed.said != STREAMS:
            raise RuntimeError(f"{timed.said} streams of {STREAMS} came in order")
        cost.setdefault(name, []).append(timed.cpu_seconds / STREAMS)
        return STREAMS * (deltas + 2) / timed.seconds

    contenders = {f"{count}": lambda count=count: rate(f"{count}", DELTAS, count) for count in AT_ONCE}
    contenders["short"] = lambda: rate("short", 1, AT_ONCE[-1])
    rates = bench.take_turns(contenders, rounds=3, warm_up=0)
    costs = {name: Series(tuple(values)) for name, values in cost.items()}
    rows = [
        Row(f"{count} at once", "events/s", rates[f"{count}"], note=f"of {DELTAS} deltas")
        for count in AT_ONCE
    ]
    for fewer, more in pairwise(AT_ONCE):
        # As many streams of the same cost each would be an exponent of 1.
        power = exponent((fewer, more), costs[f"{fewer}"], costs[f"{more}"])
        grown = Series(tuple(1 + value for value in power.values))
        note = (
            f"a stream costs {costs[f'{fewer}'].median * 1e3:.3g} and {costs[f'{more}'].median * 1e3:.3g} ms"
        )
        rows.append(Row(f"{fewer} → {more} at once, processor time: exponent", "", grown, "<= 1.05", note))
    short = Series(tuple(1000 * value for value in costs["short"].values))
    rows.append(Row(f"a stream of one delta, among {AT_ONCE[-1]}: processor time", "ms", short))
    return rows
