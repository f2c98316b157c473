"""Events from a Python step, through the router, into a handler written in JavaScript."""

import asyncio

from benchmarks.engines import DELTA, run_script
from benchmarks.harness import Bench, Row, Series

TITLE = "How many events a second reach a script from a step written in Python?"

EVENTS = 100_000

_READERS = {
    "runWithEvents": """
        talk.runWithEvents(COUNT, (event) => {
          events++;
          if (event.type === "partial") units += event.delta.length;
          if (event.type === "final") console.log(JSON.stringify([events, units]));
        });""",
    "on('partial')": """
        talk.startStream(COUNT)
          .on("start", () => { events++; })
          .on("partial", (event) => { events++; units += event.delta.length; })
          .on("final", () => console.log(JSON.stringify([++events, units])));""",
    "for await": """
        for await (const event of talk.startStream(COUNT)) {
          events++;
          if (event.type === "partial") units += event.delta.length;
        }
        console.log(JSON.stringify([events, units]));""",
}


def measure(bench: Bench) -> list[Row]:
    cost: dict[str, list[float]] = {name: [] for name in _READERS}

    def rate(name: str) -> float:
        reader = _READERS[name]

        def text(count: int) -> str:
            return "let events = 0, units = 0;\n" + reader.replace("COUNT", f"{count}")

        timed = asyncio.run(run_script(text(2000), text(EVENTS)))
        expected = [EVENTS + 2, EVENTS * len(DELTA)]
        if timed.said != expected:
            raise RuntimeError(f"the script saw {timed.said} and not {expected}")
        cost[name].append(timed.cpu_seconds / (EVENTS + 2) * 1e6)
        return (EVENTS + 2) / timed.seconds

    rates = bench.take_turns({name: lambda name=name: rate(name) for name in _READERS}, warm_up=0)
    return [
        *(Row(name, "events/s", rates[name], ">= 100000") for name in _READERS),
        *(
            Row(
                f"{name}, processor time",
                "µs/event",
                Series(tuple(cost[name])),
                note="Python's and V8's threads",
            )
            for name in _READERS
        ),
    ]
