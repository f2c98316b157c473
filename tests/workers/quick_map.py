"""A map in a process of its own, whose runs are quick children. Arguments: the inputs and the file of results."""

import asyncio
import sys
from pathlib import Path

from geppetto.runs.supervisor import RunSupervisor
from geppetto.workers.mapping.inputs import read_inputs
from geppetto.workers.mapping.results import Results
from geppetto.workers.mapping.run import run_mapping

from tests.workers.bench import QUICK, mapping


async def main(inputs: Path, out: Path) -> None:
    with Results(out) as results, inputs.open("rb") as file:
        async with RunSupervisor(QUICK) as supervisor:
            await run_mapping(mapping(4), read_inputs(file), supervisor, results, lambda _: None, print)


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
