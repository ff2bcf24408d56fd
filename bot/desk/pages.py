"""The desk's pages: sign-in, the queue, a conversation. An event says when a part of them has to be fetched anew."""

import asyncio
import gettext
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Form, Header, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.conversation import Conversations
from bot.desk.accounts import Accounts, RefusedError, SignedIn, TooManyAttemptsError
from bot.queue import DESK, NotYoursError, TakenError, TooManyError
from bot.tables import Conversation, Mode, Outcome, Presence, Role
from guidance.content import TRANSLATIONS
from guidance.translations import DESK as DOMAIN
from guidance.wording import clock, day

COOKIE = "neuvo_desk"
LANGUAGES = {"fi": "suomi", "sv": "svenska", "en": "English"}
"""The languages the desk itself is in."""
BEAT = 15
"""Seconds between two signs that the page is open."""
LONGEST_REPLY = 4000
SHOWN = 8
"""Curated answers listed at once."""

router = APIRouter(prefix="/desk", include_in_schema=False)


def _environments() -> dict[str, Environment]:
    """One template environment a language."""
    made = {}
    for code in LANGUAGES:
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, extensions=["jinja2.ext.i18n"]
        )
        catalog = gettext.translation(DOMAIN, TRANSLATIONS, [code], fallback=code == "en")
        environment.install_gettext_translations(catalog, newstyle=True)  # type: ignore[attr-defined]
        made[code] = environment
    return made


_templates = _environments()


class SignInNeeded(Exception):
    """The page is for those who are signed in."""


def conversations(request: Request) -> Conversations:
    """The service's conversations."""
    found: Conversations = request.app.state.conversations
    return found


def accounts(request: Request) -> Accounts:
    """The advisors' accounts."""
    found: Accounts = request.app.state.accounts
    return found


All = Annotated[Conversations, Depends(conversations)]
Known = Annotated[Accounts, Depends(accounts)]


async def signed_in(request: Request, known: Known) -> SignedIn:
    """The advisor whose cookie came along."""
    found = await known.session(request.cookies.get(COOKIE, ""))
    if found is None:
        raise SignInNeeded
    return found


Me = Annotated[SignedIn, Depends(signed_in)]


async def changing(
    me: Me, csrf: Annotated[str | None, Form()] = None, x_csrf_token: Annotated[str | None, Header()] = None
) -> SignedIn:
    """The advisor who changes something: the page's own token has to come along (against forgery by other sites)."""
    if (x_csrf_token or csrf) != me.session.csrf:
        raise HTTPException(403, "the page is outdated: load it again")
    return me


Changing = Annotated[SignedIn, Depends(changing)]


def _language(request: Request) -> str:
    """The best of the desk's languages for a browser that is not signed in."""
    for part in request.headers.get("accept-language", "").split(","):
        if (code := part.split(";")[0].strip()[:2].lower()) in LANGUAGES:
            return code
    return "fi"


def render(name: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page in a language of the desk."""
    text = _templates[language].get_template(name).render(language=language, languages=LANGUAGES, **values)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


@router.get("/sign-in")
async def sign_in_page(request: Request) -> HTMLResponse:
    """The form to sign in."""
    return render("sign_in.html", _language(request), problem=None)


@router.post("/sign-in")
async def sign_in(request: Request, known: Known, login: Annotated[str, Form()], password: Annotated[str, Form()]) -> Response:
    """Sign in: to the desk, or back to the form with what is wrong."""
    language = _language(request)
    try:
        token = await known.sign_in(login.strip(), password, language)
    except RefusedError:
        return render("sign_in.html", language, 401, problem="refused")
    except TooManyAttemptsError:
        return render("sign_in.html", language, 429, problem="attempts")
    response = RedirectResponse("/desk", 303)
    production: bool = request.app.state.production
    response.set_cookie(COOKIE, token, path="/desk", httponly=True, samesite="strict", secure=production)
    return response


@router.post("/sign-out")
async def sign_out(known: Known, me: Changing, everywhere: Annotated[bool, Form()] = False) -> Response:
    """End the session, or all sessions of this advisor."""
    await known.sign_out(me, everywhere)
    response = RedirectResponse("/desk/sign-in", 303)
    response.delete_cookie(COOKIE, path="/desk")
    return response


@router.post("/presence")
async def presence(all: All, known: Known, me: Changing, presence: Annotated[Presence, Form()]) -> Response:
    """Free, busy or away."""
    await known.set_presence(me.advisor.id, presence)
    all.notifier.notify(DESK)
    return RedirectResponse("/desk", 303)


@router.post("/language")
async def language(known: Known, me: Changing, language: Annotated[str, Form()]) -> Response:
    """Show the desk in another language."""
    if language not in LANGUAGES:
        raise HTTPException(422, f"language {language!r} is none of {', '.join(LANGUAGES)}")
    await known.set_language(me.session.id, language)
    return RedirectResponse("/desk", 303)


class Desk:
    """What the templates need: rows of the queue, and words for codes."""

    def __init__(self, all: Conversations, me: SignedIn) -> None:
        self._all = all
        self.me = me
        self._now = all._clock()

    def row(self, conversation: Conversation) -> dict[str, Any]:
        """A conversation in the queue or in the list of those that are held."""
        language = self._all.knowledge.service.language(conversation.language)
        since = conversation.waiting_since or conversation.created_at
        return {
            "id": conversation.id,
            "short": conversation.id[:6],
            "language": language,
            "mine": language.code in self.me.advisor.languages,
            "interpreter": language.code not in self._all.knowledge.service.advisor_languages,
            "topic": self.topic(conversation.topic),
            "urgent": conversation.urgent_at is not None,
            "reason": conversation.wait_reason,
            "channel": conversation.channel,
            "minutes": int((self._now - since).total_seconds() // 60),
        }

    def topic(self, topic: str | None) -> str | None:
        """A topic's name in the desk's language."""
        return self._all.knowledge.wording(self.me.session.language).topic(topic) if topic else None

    async def queue(self) -> dict[str, Any]:
        """Who waits, those first whom this advisor understands; and the conversations this advisor holds."""
        waiting = [self.row(conversation) for conversation in await self._all.queue.waiting()]
        supervisor = self.me.advisor.role == Role.SUPERVISOR.value
        held = await self._all.queue.held(None if supervisor else self.me.advisor.id)
        wording = self._all.knowledge.wording(self.me.session.language)
        return {
            "me": self.me.advisor,
            "csrf": self.me.session.csrf,
            "waiting": sorted(waiting, key=lambda row: (not row["urgent"], not row["mine"])),
            "held": [self.row(conversation) for conversation in held],
            "hours": wording.desk(await self._all.desk(), self._now),
        }

    def answers(self, conversation: Conversation, words: str) -> list[dict[str, str]]:
        """The curated answers that hold all these words, in the person's language or the next best; by default the topic's."""
        known = self._all.knowledge
        wanted = words.casefold().split()
        found = []
        for answer in known.answers.values():
            shown, code = known.translations.answer(answer, conversation.language)
            blocks = [block if isinstance(block, str) else "\n".join(f"• {point}" for point in block) for block in shown.answer]
            text = "\n\n".join([shown.question, *blocks, *(link.url for link in shown.links)])
            # An advisor may also look for the English words.
            everything = f"{text} {answer.id} {answer.question}".casefold()
            if all(word in everything for word in wanted) if wanted else answer.topic == conversation.topic:
                found.append({"question": shown.question, "text": text, "language": code})
        return found[:SHOWN]

    def when(self, moment: datetime) -> str:
        """A moment on the desk's clock; with its day if that is not today."""
        zone = self._all.knowledge.hours.zone
        local, today = moment.astimezone(zone), self._now.astimezone(zone).date()
        language = self._all.knowledge.service.language(self.me.session.language)
        return clock(local) if local.date() == today else f"{day(local.date(), language)} {clock(local)}"

    async def conversation(self, conversation: Conversation) -> dict[str, Any]:
        """The whole transcript with its notes, and a line that sums it up."""
        messages = await self._all.store.messages_after(conversation.id, 0, 2000)
        shown = [
            {
                **message.content,
                "seq": message.seq,
                "author": message.author,
                "type": message.type,
                "when": self.when(message.created_at),
                "language": self._all.knowledge.service.language(message.language),
            }
            for message in messages
        ]
        asked = [message for message in shown if message["author"] == "person" and "payload" not in message]
        answers = [message for message in shown if message["type"] == "answer"]
        return {
            "csrf": self.me.session.csrf,
            "row": self.row(conversation),
            "mode": conversation.mode,
            "own": conversation.mode == Mode.ADVISOR.value and conversation.advisor_id == self.me.advisor.id,
            "messages": shown,
            "notes": [
                {"text": note.text, "name": name, "when": self.when(note.at)}
                for note, name in await self._all.queue.notes(conversation.id)
            ],
            "asked": asked[0]["text"] if asked else None,
            "answered": answers[-1]["question"] if answers else None,
            "wants": asked[-1]["text"] if len(asked) > 1 else None,
            "colleagues": await self._all.queue.colleagues(self.me.advisor),
        }


async def opened(all: All, me: Me, id: str) -> Conversation:
    """A conversation that this advisor may read: one that waits, their own; any for a supervisor."""
    conversation = await all.store.conversation(id)
    if conversation is None:
        raise HTTPException(404, "there is no such conversation")
    readable = conversation.mode == Mode.WAITING.value or conversation.advisor_id == me.advisor.id
    if not readable and me.advisor.role != Role.SUPERVISOR.value:
        raise NotYoursError(id)
    return conversation


Opened = Annotated[Conversation, Depends(opened)]


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
async def note(all: All, me: Changing, conversation: Opened, text: Annotated[str, Form(max_length=2000)]) -> Response:
    """Write a note for the colleagues."""
    if text.strip():
        await all.queue.note(conversation.id, me.advisor, text.strip())
    return RedirectResponse(f"/desk/conversations/{conversation.id}", 303)


@router.post("/conversations/{id}/transfer")
async def transfer(all: All, me: Changing, id: str, to: Annotated[int, Form()], text: Annotated[str, Form()] = "") -> Response:
    """Give the conversation to a colleague, with a note."""
    await all.queue.transfer(id, me.advisor, to)
    if text.strip():
        await all.queue.note(id, me.advisor, text.strip()[:2000])
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


@router.get("/call-backs")
async def call_backs(all: All, me: Me) -> HTMLResponse:
    """Everyone who asked to be called or written to."""
    shown = Desk(all, me)
    rows = [
        {
            "request": request,
            "name": name,
            "mine": request.advisor_id == me.advisor.id,
            "language": all.knowledge.service.language(request.language),
            "topic": shown.topic(request.topic),
            "when": f"{shown.when(request.starts_at)}–{clock(request.ends_at.astimezone(all.knowledge.hours.zone))}",
        }
        for request, name in await all.records.call_backs()
    ]
    return render("call_backs.html", me.session.language, **await shown.queue(), call_backs=rows)


@router.post("/call-backs/{reference}/take")
async def take_call_back(all: All, me: Changing, reference: str) -> Response:
    """Take a call-back."""
    await all.records.take_call_back(reference, me.advisor)
    return RedirectResponse("/desk/call-backs", 303)


@router.post("/call-backs/{reference}/end")
async def end_call_back(all: All, me: Changing, reference: str, outcome: Annotated[Outcome, Form()]) -> Response:
    """Say how a call-back ended."""
    await all.records.end_call_back(reference, me.advisor, outcome)
    return RedirectResponse("/desk/call-backs", 303)


@router.get("/hours")
async def hours(all: All, me: Me, problem: str = "") -> HTMLResponse:
    """The opening hours, the closures set at the desk, and the answers that were wrong."""
    shown = Desk(all, me)
    closures = [
        {"id": closure.id, "start": shown.when(closure.start), "end": shown.when(closure.end), "name": name}
        for closure, name in await all.records.closures()
    ]
    wrong = [{"at": shown.when(answer.at), "answer": answer} for answer in await all.records.wrong_answers()]
    week = all.knowledge.wording(me.session.language).week()
    values = await shown.queue()
    return render("hours.html", me.session.language, **values, week=week, closures=closures, wrong=wrong, problem=problem)


def supervising(me: Changing) -> SignedIn:
    """A supervisor who changes something."""
    if me.advisor.role != Role.SUPERVISOR.value:
        raise HTTPException(403, "only a supervisor can do this")
    return me


Supervising = Annotated[SignedIn, Depends(supervising)]


@router.post("/hours/close")
async def close_desk(
    all: All,
    me: Supervising,
    date: Annotated[date, Form()],
    start: Annotated[time, Form()],
    end: Annotated[time, Form()],
) -> Response:
    """Close the desk for a part of a day; it counts at once."""
    if start >= end:
        return RedirectResponse("/desk/hours?problem=order", 303)
    zone = all.knowledge.hours.zone
    await all.records.close(datetime.combine(date, start, zone), datetime.combine(date, end, zone), me.advisor)
    all.notifier.notify(DESK)
    return RedirectResponse("/desk/hours", 303)


@router.post("/hours/{id}/lift")
async def lift(all: All, me: Supervising, id: int) -> Response:
    """Take a closure back."""
    await all.records.lift(id, me.advisor)
    all.notifier.notify(DESK)
    return RedirectResponse("/desk/hours", 303)


@router.get("/events")
async def events(request: Request, all: All, known: Known, me: Me, conversation: str = "") -> EventSourceResponse:
    """`queue` when the queue has changed, `messages` when the open conversation has; and the sign that the page is open."""

    async def stream() -> AsyncIterator[ServerSentEvent]:
        with ExitStack() as stack:
            news = {"queue": stack.enter_context(all.notifier.subscribe(DESK))}
            if conversation:
                news["messages"] = stack.enter_context(all.notifier.subscribe(conversation))
            while await known.session(request.cookies.get(COOKIE, ""), seen=False):
                await known.at_desk(me.advisor.id)
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
