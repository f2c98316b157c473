"""The same answers of a model service: iterated by the vendor's SDK, and at the end of each way through Geppetto."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from geppetto.json_value import JsonObject
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.limits import Limits
from geppetto.runtime.output import ConsoleLine, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard
from geppetto.steps.chat.clients import Clients
from geppetto.steps.chat.openai import OpenAIStep
from geppetto.steps.chat.service import Service
from geppetto.steps.chat.step import ChatParameters
from openai import AsyncOpenAI
from openai import __version__ as openai_version

from benchmarks.harness import Bench, Row, Series
from benchmarks.model_service import EVENTS, FAST, PACED, PAUSE, Delays, model_service
from benchmarks.questions.runs import Editor, editor
from benchmarks.questions.sse import read_answer, serving

TITLE = "How fast and how soon do a model's words reach a script, an editor and a page, against the bare SDK?"

SETTINGS = (
    '[chat]\nprovider = "openai"\nmodel = "{model}"\n[openai]\nbase_url = "{address}"\napi_key = "none"\n'
)
NAMES = {
    "sdk": "the SDK's own iteration",
    "script": "a handler in a script",
    "editor": "an editor, by the language server",
    "page": "a page, by server-sent events",
}
NOTES = {
    "script": "and back, by console.log",
    "editor": "what comes within 16 ms goes out together",
    "page": "changes go out at most every 40 ms",
}
# Its words are shown only where they are looked for: the console is a way of its own.
HANDLER = """
let characters = 0;
await chatStep.startStream("Hi").on("partial", (event) => {
  characters += event.delta.length;
  if (params.shown) console.log(event.delta);
}).done();
console.log(`characters: ${characters}`);
"""
EDITED = 'await new ChatStepFactory().newStep({ model: "MODEL" }).startStream("Hi").done();'

Look = Callable[[str], None]


def measure(bench: Bench) -> list[Row]:
    bench.versions["openai"] = openai_version
    slowest: dict[str, list[float]] = {name: [] for name in NAMES}
    with model_service() as address, editor(SETTINGS.format(model=FAST, address=address)) as client:
        ways: dict[str, Callable[[str, Look], float]] = {
            "sdk": lambda model, look: asyncio.run(_sdk(address, model, look)),
            "script": lambda model, look: asyncio.run(_script(address, model, look)),
            "editor": lambda model, look: _editor(client, model, look),
            "page": lambda model, look: asyncio.run(_page(address, model, look)),
        }

        def rate(name: str) -> float:
            return EVENTS / ways[name](FAST, lambda text: None)

        def delay(name: str) -> float:
            seen = Delays()
            ways[name](PACED, seen.look)
            milliseconds = seen.sorted()
            slowest[name].append(milliseconds[len(milliseconds) * 99 // 100])
            return statistics.median(milliseconds)

        rates = bench.take_turns({name: lambda name=name: rate(name) for name in NAMES}, rounds=3)
        delays = bench.take_turns(
            {name: lambda name=name: delay(name) for name in NAMES}, rounds=2, warm_up=0
        )
    rows: list[Row] = []
    for name, what in NAMES.items():
        rows.append(Row(f"to {what}", "events/s", rates[name]))
        if name != "sdk":
            rows.append(Row(f"to {what} / {NAMES['sdk']}", "×", rates[name].over(rates["sdk"])))
    for name, what in NAMES.items():
        note = f"one every {PAUSE * 1000:g} ms" + (f"; {NOTES[name]}" if name in NOTES else "")
        rows.append(Row(f"delay to {what}, median", "ms", delays[name], note=note))
        rows.append(Row(f"delay to {what}, 99th percentile", "ms", Series(tuple(slowest[name]))))
    return rows


async def _sdk(address: str, model: str, look: Look) -> float:
    async with asyncio.timeout(60), AsyncOpenAI(api_key="none", base_url=address) as client:
        began = time.perf_counter()
        stream = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                look(text)
        return time.perf_counter() - began


async def _script(address: str, model: str, look: Look) -> float:
    said = ""

    def output(shown: Output) -> None:
        nonlocal said
        if isinstance(shown, ConsoleLine):
            said = shown.text
            look(said.replace("\n", ""))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "geppetto.toml").write_text(SETTINGS.format(model=model, address=address))
        path = folder / "main.geppetto.js"
        path.write_text(HANDLER)
        params: JsonObject = {"shown": model == PACED}
        engine = RuntimeEngine(root=folder, limits=Limits(wall_seconds=60), params=params, output=output)
        engine.add_setup_function(setup_standard(folder, env={}))
        async with engine:
            began = time.perf_counter()
            outcome = await engine.run(Script(path))
            seconds = time.perf_counter() - began
    if outcome.kind != "ok":
        raise RuntimeError("\n".join(error.render() for error in outcome.errors))
    if model == FAST and said != f"characters: {sum(len(f'token{number} ') for number in range(EVENTS))}":
        raise RuntimeError(f"the script said {said}")
    return seconds


def _editor(client: Editor, model: str, look: Look) -> float:
    client.warm_child()
    began = time.perf_counter()
    number = client.run(EDITED.replace("MODEL", model))
    while (event := client.event(number, "delta", "end")["event"])["kind"] != "end":
        look(event["delta"])
    return time.perf_counter() - began


async def _page(address: str, model: str, look: Look) -> float:
    clients = Clients()
    step = OpenAIStep(ChatParameters(model=model), Service(address), clients=clients)
    async with asyncio.timeout(60), serving(lambda: step) as (port, chat):
        ready = asyncio.Semaphore(0)
        reading = asyncio.create_task(read_answer(port, chat.id, ready, look))
        await ready.acquire()
        began = time.perf_counter()
        await chat.ask("Talk", "")
        await reading
        seconds = time.perf_counter() - began
    await clients.aclose()
    return seconds
