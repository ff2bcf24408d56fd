"""The desk's pages: the queue and a conversation. An event says when a part of them has to be fetched anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.desk import access, lists, talking
from bot.desk.access import COOKIE, All, Changing, Known, Me, SignInNeeded, opened
from bot.desk.views import Desk, render
from bot.queue import DESK, NotYoursError, TakenError, TooManyError

BEAT = 15
"""Seconds between two questions to the page whether it is still open."""

router = APIRouter(prefix="/desk", include_in_schema=False)


@router.get("")
async def desk(all: All, me: Me, taken: str = "", problem: str = "") -> HTMLResponse:
    """The queue. `taken` is the colleague who was faster."""
    values = await Desk(all, me).queue()
    return render("desk.html", me.session.language, **values, conversation=None, taken=taken, problem=problem)


@router.get("/queue")
async def queue(all: All, me: Me) -> HTMLResponse:
    """The queue alone, for the page to show anew."""
    return render("queue.html", me.session.language, **await Desk(all, me).queue())


@router.post("/training")
async def training(all: All, me: Changing) -> Response:
    """Begin a conversation to practise on."""
    id = await all.trainer.start(me.advisor, me.session.language)
    return RedirectResponse(f"/desk/conversations/{id}", 303)


@router.get("/events")
async def events(request: Request, all: All, known: Known, me: Me, conversation: str = "") -> EventSourceResponse:
    """The news: `queue`, `messages` written in the open conversation, its `state` (typing, read), and a `beat` to be answered.

    An open connection is no sign of an advisor: that of a laptop that was shut stays open for many minutes.
    """
    if conversation:
        await opened(all, me, conversation)

    async def stream() -> AsyncIterator[ServerSentEvent]:
        with ExitStack() as stack:
            news = {"queue": stack.enter_context(all.notifier.subscribe(DESK))}
            if conversation:
                news["messages"] = stack.enter_context(all.notifier.subscribe(conversation))
            for event in news.values():
                event.set()  # what happened between the page and its stream would be missed otherwise
            beaten, written = 0.0, (-1, -1)
            while await known.session(request.cookies.get(COOKIE, ""), seen=False):
                if monotonic() - beaten >= BEAT:
                    beaten = monotonic()
                    yield ServerSentEvent("", event="beat")
                waits = [asyncio.create_task(event.wait()) for event in news.values()]
                try:
                    await asyncio.wait(waits, timeout=BEAT, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for wait in waits:
                        wait.cancel()
                for name, event in news.items():
                    if not event.is_set():
                        continue
                    event.clear()
                    if name == "messages" and (now := await all.queue.written(conversation)) == written:
                        name = "state"
                    elif name == "messages":
                        written = now
                    yield ServerSentEvent("", event=name)

    return EventSourceResponse(stream(), ping=BEAT, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def elsewhere(request: Request, page: str) -> Response:
    """Go to another page: htmx, which fetches a part of the page, is told to; a browser goes there by itself."""
    return Response(headers={"HX-Redirect": page}) if "hx-request" in request.headers else RedirectResponse(page, 303)


def install(app: FastAPI) -> None:
    """Put the desk into the application."""
    for part in (access, lists, talking):
        app.include_router(part.router)
    app.include_router(router)
    app.mount("/desk-static", StaticFiles(directory=Path(__file__).parent / "static"), name="desk-static")

    @app.exception_handler(SignInNeeded)
    async def _sign_in(request: Request, _error: SignInNeeded) -> Response:
        return elsewhere(request, "/desk/sign-in")

    @app.exception_handler(NotYoursError)
    async def _not_yours(request: Request, _error: NotYoursError) -> Response:
        return elsewhere(request, "/desk?problem=not-yours")

    @app.exception_handler(TakenError)
    async def _taken(request: Request, error: TakenError) -> Response:
        return elsewhere(request, f"/desk?{urlencode({'taken': error.by or '-'})}")

    @app.exception_handler(TooManyError)
    async def _many(request: Request, _error: TooManyError) -> Response:
        return elsewhere(request, "/desk?problem=many")
