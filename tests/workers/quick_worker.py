"""A worker in a process of its own, whose runs are quick children. Arguments: the bus, and seconds to claim after."""

import asyncio
import sys

from geppetto.cli.signals import on_end_signals
from geppetto.workers.worker import Worker, WorkerOptions, open_bus

from tests.workers.bench import QUICK


async def main(url: str, claim_after: float, drain_seconds: float) -> None:
    bus = await open_bus(url, claim_after=claim_after)
    worker = Worker(bus, WorkerOptions(concurrency=4, warm=0, drain_seconds=drain_seconds, runs=QUICK))
    on_end_signals(worker.drain)
    print(worker.name, flush=True)
    await worker.run()
    await bus.close()


asyncio.run(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
