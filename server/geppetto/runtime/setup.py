"""Set-up functions: each gives scripts one part of the API, or a step of your own.

A step written in Python becomes a global like this::

    engine.add_setup_function(lambda engine: create_step_object(engine, "shout", Shout()))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from geppetto.errors import GeppettoError
from geppetto.json_value import JsonObject, JsonValue
from geppetto.runtime.engine import RuntimeEngine, SetupFunction
from geppetto.runtime.inbox import as_list
from geppetto.runtime.streams import StepBinding

if TYPE_CHECKING:
    from geppetto.blob_store import BlobStore
    from geppetto.embeddings.provider import EmbeddingsProvider
    from geppetto.settings.models import StepSettings
    from geppetto.steps.chat.factory import ScriptShelf
    from geppetto.steps.step import Step

In = TypeVar("In")
Out = TypeVar("Out")


class Cassette(Protocol):
    """Records steps and embeddings, or plays what was recorded; see `geppetto.steps.cassettes`."""

    def step(
        self, name: str, options: JsonObject, make: Callable[[], Step[Any, Any]], *, chat: bool
    ) -> Step[Any, Any]: ...

    def embeddings(self, make: Callable[[], EmbeddingsProvider]) -> EmbeddingsProvider: ...

    @property
    def plays(self) -> bool:
        """Whether it answers by itself, so that no step has to be there."""
        ...

    def hide(self, keys: Iterable[str]) -> None: ...


def create_step_object(
    engine: RuntimeEngine,
    name: str,
    step: Step[In, Out],
    input_converter: Callable[[JsonValue], In] | None = None,
    output_converter: Callable[[Out], JsonValue] | None = None,
    *,
    cassette: Cassette | None = None,
) -> None:
    """Makes a Python step a global of scripts.

    Args:
        name: the global.
        step: the step; it may be started many times at once.
        input_converter: what the script passed → the step's input. An exception is the stream's error event.
            None checks it against the type that the step declares, as in ``Step[In, Out]``.
        output_converter: the step's value → ``event.result`` of the final event; None makes it by the type.
        cassette: records the step, or plays it.

    Raises:
        PluginError: the step's types cannot be said in JSON, and there is no converter.
    """
    from geppetto.plugins.steps import TypedStep

    if input_converter is None:
        started = TypedStep(name, step, write=output_converter)
        _register(engine, name, lambda: started, cassette)
    else:
        started = TypedStep(name, step, lambda value: value, output_converter)
        _register(engine, name, lambda: started, cassette, input_converter)


def _register(
    engine: RuntimeEngine,
    name: str,
    get: Callable[[], Step[Any, Any]],
    cassette: Cassette | None,
    convert_input: Callable[[JsonValue], Any] | None = None,
    *,
    slow: bool = False,
) -> None:
    def make(options: JsonObject) -> Step[Any, Any]:
        return get() if cassette is None else cassette.step(name, options, get, chat=False)

    is_played = cassette is not None and cassette.plays
    load = get if slow and not is_played else None
    engine.register_step(name, StepBinding(make, convert_input or step_input, load=load))


def setup_plugins(
    folder: Path,
    profile: str | None = None,
    env: Mapping[str, str] | None = None,
    *,
    cassette: Cassette | None = None,
) -> SetupFunction:
    """The steps and tools in Python that the settings of a folder name, and those of installed packages.

    Their modules are imported when a step is first started, or a tool first offered to a model.
    """

    def setup(engine: RuntimeEngine) -> None:
        from geppetto.plugins.declared import declared

        found = declared(folder, profile, env)
        for problem in found.problems:
            engine.notice(problem)
        if found.steps:
            from geppetto.plugins.steps import StepLoader

            for name, plugin in found.steps.items():
                _register(engine, name, StepLoader(plugin).load, cassette, slow=True)
        if found.tools:
            from geppetto.plugins.tools import NamedTools

            engine.register_tools(NamedTools([*found.tools.values()]))

    return setup


def setup_double_step() -> SetupFunction:
    """``doubleStep``: doubles a number."""

    def setup(engine: RuntimeEngine) -> None:
        def make(options: JsonObject) -> Step[Any, Any]:
            from geppetto.steps.double import DoubleStep

            return DoubleStep()

        binding = StepBinding(make, lambda value: value, input_type="number", output_type="number")
        engine.register_step("doubleStep", binding)

    return setup


def setup_echo_step() -> SetupFunction:
    """``echoStep``: streams its input back, word by word."""

    def setup(engine: RuntimeEngine) -> None:
        def make(options: JsonObject) -> Step[Any, Any]:
            from geppetto.steps.chat.echo import EchoStep

            delay = options.get("delay", 0)
            if not isinstance(delay, int | float) or isinstance(delay, bool) or delay < 0:
                raise GeppettoError(f"delay is a number of seconds, not {delay!r}")
            return EchoStep(delay=float(delay))

        binding = StepBinding(make, chat_input, input_type="string | Conversation", output_type="string")
        engine.register_step("echoStep", binding)

    return setup


def setup_conversation() -> SetupFunction:
    """``Conversation``, and the check of images it asks for."""

    def setup(engine: RuntimeEngine) -> None:
        async def image(arguments: list[JsonValue]) -> JsonValue:
            from geppetto.conversation.images import load_image

            return dict[str, JsonValue](load_image(str(arguments[0]), engine.base_folder).to_wire())

        engine.install("conversation")
        engine.register_call("image", image)

    return setup


def setup_embeddings(
    settings: Callable[[], StepSettings | None] = lambda: None, *, cassette: Cassette | None = None
) -> SetupFunction:
    """``embeddings``.

    Args:
        settings: which provider; without settings the offline one.
        cassette: records the vectors, or plays them.
    """

    def setup(engine: RuntimeEngine) -> None:
        from geppetto.embeddings.factory import create_embeddings

        def make() -> EmbeddingsProvider:
            return create_embeddings(settings(), spent=engine.spent, clients=engine.clients)

        provider = make() if cassette is None else cassette.embeddings(make)

        async def embed(arguments: list[JsonValue]) -> JsonValue:
            texts = as_list(arguments[0])
            vectors = await provider.embed(cast(list[str], texts))  # the provider refuses what is no text
            return [list[JsonValue](vector) for vector in vectors]

        engine.install_embeddings(provider.model.name, provider.model.dimensions)
        engine.register_call("embed", embed)

    return setup


def setup_done_callback() -> SetupFunction:
    """``done(error?)``: ends the run."""
    return lambda engine: engine.install("done")


def setup_tools() -> SetupFunction:
    """``defineTool``: functions of the script that models may call."""
    return lambda engine: engine.install("tools")


def setup_chat_step_factory(
    settings: Callable[[str | None], StepSettings | None] = lambda profile: None,
    *,
    cassette: Cassette | None = None,
) -> SetupFunction:
    """``chatStep`` and ``ChatStepFactory``.

    Args:
        settings: the settings of a profile (None: the run's own); None where nothing is configured, and
            then the echo provider answers, which is said once.
        cassette: records the steps, or plays them: then nothing is asked of a model, nor of the settings.
    """

    def setup(engine: RuntimeEngine) -> None:
        told = False
        shelf: ScriptShelf | None = None

        def notice(text: str) -> None:
            nonlocal told
            if not told:
                told = True
                engine.notice(text)

        def make(options: JsonObject) -> Step[Any, Any]:
            from geppetto.steps.chat.factory import ScriptShelf, create_chat_step

            nonlocal shelf
            shelf = shelf or ScriptShelf()
            chosen = dict(options)
            profile = chosen.pop("profile", None)
            if profile is not None and not isinstance(profile, str):
                raise GeppettoError(f"profile is a name, not {profile!r}")
            loaded = settings(profile)
            step = create_chat_step(
                loaded,
                chosen,
                notice=notice,
                folder=engine.base_folder,
                scripts=shelf,
                clients=engine.clients,
            )
            return caches.around(step, loaded, chosen.get("cache"))

        def make_or_play(options: JsonObject) -> Step[Any, Any]:
            if cassette is None:
                return make(options)
            return cassette.step("chatStep", options, lambda: make(options), chat=True)

        caches = _AnswerCaches()
        for name in ("chatStep", "ChatStepFactory"):
            binding = StepBinding(
                make_or_play,
                chat_input,
                input_type="string | Conversation",
                output_type="string",
                factory=name == "ChatStepFactory",
            )
            engine.register_step(name, binding)

    return setup


class _AnswerCaches:
    """The caches of answers, made when a step first uses one."""

    def __init__(self) -> None:
        self._stores: dict[str, BlobStore] = {}

    def around(
        self, step: Step[Any, Any], settings: StepSettings | None, chosen: JsonValue
    ) -> Step[Any, Any]:
        """The step, with a cache if the step's options or the settings ask for one. Local steps need none."""
        mode = chosen or (settings.chat.cache if settings is not None else "off")
        if mode == "off":
            return step
        from geppetto.settings.models import ChatSettings
        from geppetto.steps.caching import CachingStep
        from geppetto.steps.chat.remote import RemoteChatStep

        if not isinstance(step, RemoteChatStep):
            return step
        if mode not in self._stores:
            size = (settings.chat if settings is not None else ChatSettings()).cache_size
            self._stores[str(mode)] = _store(str(mode), size)
        return CachingStep(step, self._stores[str(mode)])


def _store(mode: str, size: int) -> BlobStore:
    from geppetto.blob_store import DiskStore, MemoryStore
    from geppetto.resources import cache_dir

    return MemoryStore(size) if mode == "memory" else DiskStore(cache_dir() / "answers.sqlite3", size)


def setup_standard(
    folder: Path,
    profile: str | None = None,
    env: Mapping[str, str] | None = None,
    *,
    cassette: Cassette | None = None,
) -> SetupFunction:
    """Everything the API has, with the settings found from a folder upwards.

    Args:
        folder: where the script is.
        profile: which profile of the settings to use.
        env: the environment; None reads the process's.
        cassette: a `Recorder` or a `Player`; whoever made it closes it after the run.
    """

    @cache
    def load(chosen: str | None) -> StepSettings | None:
        import os

        from geppetto.settings.find import is_configured

        if chosen is None and not is_configured(folder, os.environ if env is None else env):
            return None
        from geppetto.settings.load import load_settings

        loaded = load_settings(folder, chosen, env)
        for notice in loaded.notices:
            notices.setdefault(notice, False)
        if cassette is not None:
            from geppetto.settings.keys import known_keys

            cassette.hide(known_keys(loaded.steps))
        return loaded.steps

    notices: dict[str, bool] = {}
    """What the settings have to say, and whether it was said."""

    def setup(engine: RuntimeEngine) -> None:
        def settings(chosen: str | None) -> StepSettings | None:
            loaded = load(profile if chosen is None else chosen)
            for notice, was_told in notices.items():
                if not was_told:
                    notices[notice] = True
                    engine.notice(notice)
            return loaded

        for part in (
            setup_double_step(),
            setup_echo_step(),
            setup_conversation(),
            setup_embeddings(lambda: settings(None), cassette=cassette),
            setup_done_callback(),
            setup_tools(),
            setup_chat_step_factory(settings, cassette=cassette),
            setup_plugins(folder, profile, env, cassette=cassette),
        ):
            part(engine)

    return setup


def step_input(value: JsonValue) -> Any:
    """What a script passes to a step in Python: a Conversation where it is one, else the JSON as it is."""
    if isinstance(value, dict) and list(value) == ["conversation"]:
        from geppetto.conversation.errors import ConversationError
        from geppetto.conversation.wire import from_wire

        try:
            return from_wire(value["conversation"])
        except ConversationError:
            return value  # an object of the script's own with such a member
    return value


def chat_input(value: JsonValue) -> Any:
    """What a script passes to a chat step: a text, or ``{"conversation": [messages]}``."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(messages := value.get("conversation"), list):
        from geppetto.conversation.wire import from_wire

        return from_wire(messages)
    raise GeppettoError(
        "A chat step takes a string or a Conversation",
        hint="const conv = new Conversation(); conv.addMessage(…)",
    )
