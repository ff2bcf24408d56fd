"""Who comes in: the sign-in page, the session of a request, and the token that every change has to bring along."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Header, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from bot.conversation import Conversations
from bot.desk.accounts import Accounts, RefusedError, SignedIn, TooManyAttemptsError
from bot.desk.views import render
from bot.language import preferred
from bot.queue import DESK, NotYoursError
from bot.tables import Conversation, Presence, Role
from guidance.answers import TOPICS
from guidance.translations import DESK_LANGUAGES

COOKIE = "neuvo_desk"

router = APIRouter(prefix="/desk", include_in_schema=False)


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
    # What the page fetches by itself (htmx says so, and the stream) is nothing that the advisor does: it keeps no session alive.
    by_itself = "hx-request" in request.headers or request.headers.get("accept") == "text/event-stream"
    found = await known.session(request.cookies.get(COOKIE, ""), seen=not by_itself)
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


def preferred_language(request: Request) -> str:
    """The best of the desk's languages for a browser that is not signed in."""
    return preferred(request.headers.get("accept-language", ""), DESK_LANGUAGES) or "fi"


def sign_in_form(request: Request, status: int = 200, problem: str | None = None) -> HTMLResponse:
    """The form to sign in, with what went wrong; and the way to the city's account, where there is one."""
    oidc: bool = request.app.state.oidc is not None
    return render("sign_in.html", preferred_language(request), status, problem=problem, oidc=oidc)


def let_in(request: Request, response: Response, token: str) -> Response:
    """The response, with the cookie of a session that has begun."""
    production: bool = request.app.state.production
    response.set_cookie(COOKIE, token, path="/desk", httponly=True, samesite="strict", secure=production)
    return response


def _supervisor(me: SignedIn) -> SignedIn:
    if me.advisor.role != Role.SUPERVISOR.value:
        raise HTTPException(403, "only a supervisor can do this")
    return me


def sees_all(me: Me) -> SignedIn:
    """A supervisor."""
    return _supervisor(me)


def supervising(me: Changing) -> SignedIn:
    """A supervisor who changes something."""
    return _supervisor(me)


SeesAll = Annotated[SignedIn, Depends(sees_all)]
Supervising = Annotated[SignedIn, Depends(supervising)]


async def opened(all: All, me: Me, id: str) -> Conversation:
    """A conversation that this advisor may read (`Queue.may_read`)."""
    conversation = await all.store.conversation(id)
    if conversation is None or not await all.queue.may_read(conversation, me.advisor):  # the person may have erased it
        raise NotYoursError(id)
    return conversation


Opened = Annotated[Conversation, Depends(opened)]


@router.get("/sign-in")
async def sign_in_page(request: Request) -> HTMLResponse:
    """The form to sign in."""
    return sign_in_form(request)


@router.post("/sign-in")
async def sign_in(request: Request, known: Known, login: Annotated[str, Form()], password: Annotated[str, Form()]) -> Response:
    """Sign in: to the desk, or back to the form with what is wrong."""
    try:
        token = await known.sign_in(login.strip(), password, preferred_language(request))
    except RefusedError:
        return sign_in_form(request, 401, "refused")
    except TooManyAttemptsError:
        return sign_in_form(request, 429, "attempts")
    return let_in(request, RedirectResponse("/desk", 303), token)


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
    if language not in DESK_LANGUAGES:
        raise HTTPException(422, f"language {language!r} is none of {', '.join(DESK_LANGUAGES)}")
    await known.set_language(me.session.id, language)
    return RedirectResponse("/desk", 303)


@router.post("/filter")
async def filter_queue(
    all: All, known: Known, me: Changing, language: Annotated[str, Form()] = "", topic: Annotated[str, Form()] = ""
) -> Response:
    """Show only one language or topic in the queue."""
    if language and language not in all.knowledge.service.by_code:
        raise HTTPException(422, f"language {language!r} is not in content/service.yml")
    if topic and topic not in TOPICS:
        raise HTTPException(422, f"topic {topic!r} is none of {', '.join(TOPICS)}")
    await known.set_filter(me.session.id, language or None, topic or None)
    return RedirectResponse("/desk", 303)


@router.get("/beat", status_code=204)
async def beat(known: Known, me: Me) -> None:
    """The page answers the stream's beat: it is open, and its machine is awake."""
    await known.at_desk(me.advisor.id)
