"""The web chat as an ASGI application: its pages, and what they can ask for."""

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from geppetto.chat.answering import Answering
from geppetto.errors import GeppettoError
from geppetto.resources import htmx_folder
from geppetto.web.chat import Busy, Chat, ChatError
from geppetto.web.chats import Chats
from geppetto.web.gate import MAX_BODY, Gate
from geppetto.web.turns import UnknownTurn
from geppetto.web.views import Views

HEARTBEAT: Final = 30
"""Seconds between two signs of life on a quiet connection."""

SEND_TIMEOUT: Final = 60
"""Seconds after which a reader that takes nothing is gone; it comes back, and goes on where it was."""

_HERE: Final = Path(__file__).parent


class NotFound(GeppettoError):
    """There is no such conversation."""


def create_app(
    chats: Chats,
    views: Views,
    answering: Answering,
    *,
    token: str | None = None,
    allowed_hosts: Iterable[str] = (),
    on_start: Callable[[], None] | None = None,
    on_stop: Callable[[], Awaitable[None]] | None = None,
) -> ASGIApp:
    """The application.

    Args:
        token: what whoever comes must have; None lets everybody in who can reach the port.
        allowed_hosts: names under which the server may be asked for, besides addresses and localhost.
        on_start, on_stop: called when the server listens, and when it has let go of its connections.
    """
    pages = _Pages(chats, views, answering, needs_token=token is not None)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        if on_start is not None:
            on_start()
        yield
        if on_stop is not None:
            await on_stop()

    app = Starlette(
        routes=[
            Route("/", pages.new),
            Route("/c/{id}", pages.conversation, methods=["GET"]),
            Route("/c/{id}", pages.delete, methods=["DELETE"]),
            Route("/c/{id}/stop", pages.stop, methods=["POST"]),
            Route("/c/{id}/retry", pages.retry, methods=["POST"]),
            Route("/c/{id}/edit", pages.edit, methods=["POST"]),
            Route("/c/{id}/show", pages.show, methods=["POST"]),
            Route("/c/{id}/text", pages.text),
            Route("/c/{id}/title", pages.rename, methods=["POST"]),
            Route("/chat", pages.chat, methods=["POST"]),
            Route("/events", pages.events),
            Route("/conversations", pages.conversations),
            Route("/login", pages.login),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
            Mount("/vendor", StaticFiles(directory=htmx_folder())),
        ],
        exception_handlers={GeppettoError: _told},
        lifespan=lifespan,
    )
    gate = Gate(app, token=token, allowed_hosts=allowed_hosts)

    async def enter(request: Request) -> Response:
        return await gate.admit(_text(await _form(request), "token"))

    app.routes.append(Route("/login", enter, methods=["POST"]))
    return gate


class _Pages:
    """What each address answers."""

    def __init__(self, chats: Chats, views: Views, answering: Answering, *, needs_token: bool) -> None:
        self._chats = chats
        self._views = views
        self._answering = answering
        self._needs_token = needs_token

    async def new(self, request: Request) -> Response:
        return await self._page(None)

    async def conversation(self, request: Request) -> Response:
        try:
            return await self._page(await self._chat(request))
        except NotFound:
            return RedirectResponse("/", 303)

    async def conversations(self, request: Request) -> Response:
        current = request.query_params.get("current", "")
        return HTMLResponse(self._views.conversations(await self._chats.summaries(), current))

    async def chat(self, request: Request) -> Response:
        """A question: in the conversation that the form names, or else in a new one."""
        form = await _form(request)
        text, profile, id = _text(form, "text"), _text(form, "profile"), _text(form, "conversation")
        chat = await self._known(id) if id else self._chats.create()
        answer = await chat.ask(text, profile)
        if "hx-request" not in request.headers:
            return JSONResponse({"conversation": chat.id, "answer": answer.id}, 202)
        return Response(status_code=204) if id else Response(headers={"HX-Redirect": f"/c/{chat.id}"})

    async def stop(self, request: Request) -> Response:
        (await self._chat(request)).stop()
        return Response(status_code=204)

    async def retry(self, request: Request) -> Response:
        form, chat = await _form(request), await self._chat(request)
        await chat.retry(_text(form, "turn"), _text(form, "profile"))
        return Response(status_code=204)

    async def edit(self, request: Request) -> Response:
        form, chat = await _form(request), await self._chat(request)
        await chat.edit(_text(form, "turn"), _text(form, "text"), _text(form, "profile"))
        return Response(status_code=204)

    async def show(self, request: Request) -> Response:
        form, chat = await _form(request), await self._chat(request)
        await chat.show(_text(form, "turn"))
        return Response(status_code=204)

    async def text(self, request: Request) -> Response:
        """A turn as it was written, to copy it."""
        chat = await self._chat(request)
        return PlainTextResponse(chat.tree.get(request.query_params.get("turn", "")).text)

    async def rename(self, request: Request) -> Response:
        form, chat = await _form(request), await self._chat(request)
        await chat.rename(_text(form, "title"))
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        await self._chats.delete(await self._chat(request))
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """What happens in a conversation from now on, or from the event that the reader had last.

        The part of `client_id` before the point is the conversation.
        """
        chat = await self._known(request.query_params.get("client_id", "").partition(".")[0])
        last = request.headers.get("last-event-id") or request.query_params.get("after", "")
        return EventSourceResponse(
            _read(chat, chat.feed.place(last)), ping=HEARTBEAT, sep="\n", send_timeout=SEND_TIMEOUT
        )

    async def login(self, request: Request) -> Response:
        if not self._needs_token:
            return RedirectResponse("/", 303)
        return HTMLResponse(self._views.page("login.html", wrong="wrong" in request.query_params))

    async def _page(self, chat: Chat | None) -> Response:
        summaries, choice = await self._chats.summaries(), await self._answering.choice()
        # From here on without giving way: the thread and the place in the feed belong together.
        return HTMLResponse(
            self._views.page(
                "page.html",
                chat=chat,
                thread=chat.thread_html() if chat else "",
                events=f"/events?client_id={chat.id}.{secrets.token_hex(4)}&after={chat.feed.id()}"
                if chat
                else "",
                conversations=self._views.conversations(summaries, chat.id if chat else ""),
                choice=choice,
                profile=(chat.profile if chat else "") or choice.default,
            )
        )

    async def _chat(self, request: Request) -> Chat:
        return await self._known(str(request.path_params["id"]))

    async def _known(self, id: str) -> Chat:
        chat = await self._chats.get(id)
        if chat is None:
            raise NotFound("This conversation is not there any more.")
        return chat


async def _read(chat: Chat, place: int | None) -> AsyncGenerator[bytes]:
    """The events of a conversation for one reader. Where it missed too much, all of it as it is now."""
    feed = chat.feed
    chat.readers += 1
    try:
        yield b": here\n\n"
        while not feed.closed:
            found = feed.after(place) if place is not None else None
            if found is None:
                place = feed.end
                yield chat.snapshot()
                continue
            chunk, place = found
            if chunk:
                yield chunk
            else:
                await feed.wait(place)
    finally:
        chat.readers -= 1


async def _form(request: Request) -> FormData:
    # What is too long is said in words by whoever takes it, in characters.
    return await request.form(max_part_size=MAX_BODY)


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


async def _told(request: Request, error: Exception) -> Response:
    match error:
        case NotFound() | UnknownTurn():
            status = 404
        case Busy():
            status = 409
        case ChatError():
            status = 400
        case _:
            status = 500
    return PlainTextResponse(f"{error}\n", status)
