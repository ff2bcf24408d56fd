"""The desk's pages: the queue and a conversation. An event says when a part of them has to be fetched anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.conversation import Conversations
from bot.desk import access, lists
from bot.desk.access import COOKIE, All, Changing, Known, Me, Opened, SignInNeeded
from bot.desk.accounts import SignedIn
from bot.desk.views import Desk, render
from bot.queue import DESK, NotYoursError, TakenError, TooManyError
from bot.tables import Conversation

BEAT = 15
"""Seconds between two questions to the page whether it is still open."""
LONGEST_REPLY, LONGEST_NOTE = 4000, 2000

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


async def _page(all: Conversations, me: SignedIn, conversation: Conversation, draft: str = "", other: str = "") -> HTMLResponse:
    """A conversation beside the queue; `draft` is a reply that seems to be in the language `other` and was not sent."""
    shown = Desk(all, me)
    values = {**await shown.queue(), **await shown.conversation(conversation)}
    language = all.knowledge.service.language(other) if other else None
    return render(
        "desk.html",
        me.session.language,
        **values,
        conversation=conversation.id,
        taken="",
        problem="",
        draft=draft,
        other=language,
        answers=shown.answers(conversation, ""),
    )


@router.get("/conversations/{id}")
async def conversation(all: All, me: Me, conversation: Opened) -> HTMLResponse:
    """A conversation beside the queue."""
    return await _page(all, me, conversation)


@router.get("/conversations/{id}/answers")
async def answers(all: All, me: Me, conversation: Opened, q: str = "") -> HTMLResponse:
    """The curated answers in the person's language in which all these words occur, to be put into a reply."""
    return render("answers.html", me.session.language, answers=Desk(all, me).answers(conversation, q))


@router.get("/conversations/{id}/transcript")
async def transcript(all: All, me: Me, conversation: Opened) -> HTMLResponse:
    """The transcript alone, for the page to show anew."""
    return render("transcript.html", me.session.language, **await Desk(all, me).conversation(conversation))


@router.post("/conversations/{id}/claim")
async def claim(all: All, me: Changing, id: str) -> Response:
    """Take a waiting conversation."""
    try:
        await all.queue.claim(id, me.advisor)
    except TakenError as error:
        return RedirectResponse(f"/desk?taken={error.by or '-'}", 303)
    except TooManyError:
        return RedirectResponse("/desk?problem=many", 303)
    return RedirectResponse(f"/desk/conversations/{id}", 303)


@router.post("/conversations/{id}/reply")
async def reply(
    all: All,
    me: Changing,
    id: str,
    conversation: Opened,
    text: Annotated[str, Form(max_length=LONGEST_REPLY)],
    anyway: Annotated[bool, Form()] = False,
) -> Response:
    """Say something to the person; first ask back where it seems to be in another language than theirs."""
    text = text.strip()
    detected = all.detect(text, conversation.language)
    if not anyway and detected.sure and detected.language != conversation.language:
        return await _page(all, me, conversation, text, detected.language)
    if text:
        await all.queue.reply(id, me.advisor, text)
    return RedirectResponse(f"/desk/conversations/{id}", 303)


@router.post("/conversations/{id}/note")
async def note(all: All, me: Changing, conversation: Opened, text: Annotated[str, Form(max_length=LONGEST_NOTE)]) -> Response:
    """Write a note for the colleagues."""
    if text.strip():
        await all.queue.note(conversation.id, me.advisor, text.strip())
    return RedirectResponse(f"/desk/conversations/{conversation.id}", 303)


@router.post("/conversations/{id}/transfer")
async def transfer(
    all: All, me: Changing, id: str, to: Annotated[int, Form()], text: Annotated[str, Form(max_length=LONGEST_NOTE)] = ""
) -> Response:
    """Give the conversation to a colleague, with a note."""
    await all.queue.transfer(id, me.advisor, to)
    if text.strip():
        await all.queue.note(id, me.advisor, text.strip())
    return RedirectResponse("/desk", 303)


@router.post("/conversations/{id}/give-back")
async def give_back(all: All, me: Changing, id: str) -> Response:
    """Put the conversation back to the front of the queue."""
    await all.queue.give_back(id, me.advisor)
    return RedirectResponse("/desk", 303)


@router.post("/conversations/{id}/hand-back")
async def hand_back(all: All, me: Changing, id: str) -> Response:
    """Let the assistant answer again."""
    await all.queue.hand_back(id, me.advisor)
    return RedirectResponse("/desk", 303)


@router.post("/conversations/{id}/close")
async def close(all: All, me: Changing, id: str) -> Response:
    """End the conversation."""
    await all.queue.close(id, me.advisor)
    return RedirectResponse("/desk", 303)


@router.post("/conversations/{id}/wrong/{seq}")
async def wrong(all: All, me: Changing, conversation: Opened, seq: int) -> Response:
    """Keep that the assistant's answer was wrong."""
    await all.records.mark_wrong(conversation.id, seq, me.advisor)
    return RedirectResponse(f"/desk/conversations/{conversation.id}", 303)


@router.get("/events")
async def events(request: Request, all: All, known: Known, me: Me, conversation: str = "") -> EventSourceResponse:
    """`queue` when the queue has changed, `messages` when the open conversation has, and `beat`, which the page answers.

    An open connection is no sign of an advisor: that of a laptop that was shut stays open for many minutes.
    """

    async def stream() -> AsyncIterator[ServerSentEvent]:
        with ExitStack() as stack:
            news = {"queue": stack.enter_context(all.notifier.subscribe(DESK))}
            if conversation:
                news["messages"] = stack.enter_context(all.notifier.subscribe(conversation))
            beaten = 0.0
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
                    if event.is_set():
                        event.clear()
                        yield ServerSentEvent("", event=name)

    return EventSourceResponse(stream(), ping=BEAT, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def install(app: FastAPI) -> None:
    """Put the desk into the application."""
    for part in (access, lists):
        app.include_router(part.router)
    app.include_router(router)
    app.mount("/desk-static", StaticFiles(directory=Path(__file__).parent / "static"), name="desk-static")

    @app.exception_handler(SignInNeeded)
    async def _sign_in(_request: Request, _error: SignInNeeded) -> Response:
        return RedirectResponse("/desk/sign-in", 303)

    @app.exception_handler(NotYoursError)
    async def _not_yours(request: Request, _error: NotYoursError) -> Response:
        page = "/desk?problem=not-yours"
        # htmx, which fetches a part of the page, is told to go to another page; a browser goes there by itself.
        return Response(headers={"HX-Redirect": page}) if "hx-request" in request.headers else RedirectResponse(page, 303)
