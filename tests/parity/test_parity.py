"""The typings and what scripts really find are the same, both ways."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict, cast

import pytest
from geppetto.resources import typings_path
from geppetto.runtime.engine import RuntimeEngine
from geppetto.runtime.output import ConsoleLine, Output
from geppetto.runtime.script import Script
from geppetto.runtime.setup import setup_standard
from py_mini_racer import MiniRacer

from tests.parity.typings import Typings, read_typings

_HERE = Path(__file__).parent

# What scripts hand over, and never get: there is nothing live to compare them with.
_INPUTS = {
    "AddEventListenerOptions", "ChatOptions", "EchoOptions", "EmbeddingCallbacks", "EventInit", "InspectOptions", "JsonSchema",
    "MessageOptions", "RunOptions", "StepCallbacks", "StreamHandlers", "TextDecoderOptions", "ToolDefinition",
}  # fmt: skip
_BASES = {"EventBase", "MessageBase"}

# The host's end of the port, frozen; it is in no script's interest.
_HOST = {"__geppetto"}

# What the standards drag along and advise against: nobody should be offered it.
_LEGACY = {
    "Event": {
        "NONE", "CAPTURING_PHASE", "AT_TARGET", "BUBBLING_PHASE", "bubbles", "cancelBubble", "composed", "composedPath",
        "eventPhase", "initEvent", "isTrusted", "returnValue", "srcElement",
    },
}  # fmt: skip


class Live(TypedDict):
    globals: list[str]
    members: dict[str, list[str]]
    statics: dict[str, list[str]]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """What ``live.geppetto.js`` finds in an engine with the whole API."""
    import asyncio

    shown: list[Output] = []

    async def run() -> None:
        engine = RuntimeEngine(root=_HERE, output=shown.append)
        engine.add_setup_function(setup_standard(_HERE, env={}))
        async with asyncio.timeout(60), engine:
            outcome = await engine.run(Script(_HERE / "live.geppetto.js"))
        assert not outcome.errors, "\n".join(error.render() for error in outcome.errors)

    asyncio.run(run())
    yield cast(Live, json.loads([out.text for out in shown if isinstance(out, ConsoleLine)][-1]))


def differences(live: Live, typings: Typings) -> list[str]:
    """Every difference in words; none if the typings are true."""
    with MiniRacer() as racer:
        language = set(json.loads(str(racer.eval("JSON.stringify(Object.getOwnPropertyNames(globalThis))"))))
    found = [
        *_both_ways(
            "global", set(live["globals"]) - language - _HOST, typings.globals, typings.globals & language
        )
    ]
    for name, declared in typings.types.items():
        if name not in live["members"]:
            if name not in _INPUTS | _BASES:
                found.append(f"{name}: live.geppetto.js shows no object of this type")
            continue
        members = _without_legacy(name, live["members"][name])
        found += _both_ways(name, members, declared.members, declared.optional)
        if name in typings.classes:
            statics = _without_legacy(name, live["statics"][name])
            found += _both_ways(f"static {name}", statics, declared.static, set())
    return found + [f"{name}: not declared" for name in live["members"].keys() - typings.types.keys()]


def _without_legacy(name: str, members: list[str]) -> set[str]:
    return {
        member
        for member in set(members) - _LEGACY.get(name, set())
        if not (name == "DOMException" and member.endswith("_ERR"))
    }


def _both_ways(what: str, live: set[str], declared: set[str], optional: set[str]) -> list[str]:
    return [f"{what}: {name} is there and not declared" for name in sorted(live - declared)] + [
        f"{what}: {name} is declared and not there" for name in sorted(declared - optional - live)
    ]


def test_the_typings_say_what_is_there(live: Live) -> None:
    assert differences(live, read_typings()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda text: text.replace("  finalText(): Promise<string>;", ""),
            "Stream: finalText is there and not declared",
        ),
        (
            lambda text: text.replace(
                "  finalText(): Promise<string>;", "  allText(): string; finalText(): Promise<string>;"
            ),
            "Stream: allText is declared and not there",
        ),
        (
            lambda text: text + "\ndeclare function fetch(url: string): Promise<string>;",
            "global: fetch is declared and not there",
        ),
        (
            lambda text: text.replace("declare function btoa(", "declare function bto("),
            "global: btoa is there and not declared",
        ),
        (
            lambda text: text.replace("  static any(", "  static every("),
            "static AbortSignal: any is there and not declared",
        ),
    ],
)
def test_a_difference_is_found(change: Callable[[str], str], told: str, live: Live) -> None:
    text = typings_path().read_text("utf-8")
    changed = change(text)
    assert changed != text
    assert told in differences(live, read_typings(changed))
