"""The desk's lists: call-backs, closures, answers that were wrong, forgotten cases, ratings, blocks."""

from datetime import date, datetime, time
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from bot.desk.access import All, Changing, Me, SeesAll, Supervising
from bot.desk.views import Desk, render
from bot.queue import DESK
from bot.tables import Outcome
from guidance.wording import clock

router = APIRouter(prefix="/desk", include_in_schema=False)


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
            "overdue": request.outcome is None and request.ends_at < all.queue.clock(),
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


@router.post("/call-backs/{reference}/give-back")
async def give_call_back(all: All, me: Changing, reference: str) -> Response:
    """Let somebody else take a call-back."""
    await all.records.give_back_call_back(reference, me.advisor)
    return RedirectResponse("/desk/call-backs", 303)


@router.post("/call-backs/{reference}/end")
async def end_call_back(all: All, me: Changing, reference: str, outcome: Annotated[Outcome, Form()]) -> Response:
    """Say how a call-back ended; who was not reached is told so in the conversation."""
    conversation = await all.records.end_call_back(reference, me.advisor, outcome)
    if conversation and outcome is not Outcome.REACHED:
        await all.queue.not_reached(conversation, wrong=outcome is Outcome.WRONG_CONTACT)
    return RedirectResponse("/desk/call-backs", 303)


@router.get("/forgotten")
async def forgotten(all: All, me: SeesAll) -> HTMLResponse:
    """Who waited for too long, was not served, or lost their advisor; and what became of them."""
    shown = Desk(all, me)
    rows = [
        {"at": shown.when(event.at), "what": event.what, "name": name, "row": shown.row(conversation), "mode": conversation.mode}
        for event, conversation, name in await all.records.forgotten()
    ]
    return render("forgotten.html", me.session.language, **await shown.queue(), forgotten=rows)


@router.get("/ratings")
async def ratings(all: All, me: SeesAll) -> HTMLResponse:
    """What people thought of the help they got, and who is blocked."""
    shown = Desk(all, me)
    rated = [{"at": shown.when(rating.at), "rating": rating, "name": name} for rating, name in await all.ratings.all()]
    blocks = [{"until": shown.when(block.until), "block": block, "name": name} for block, name in await all.records.blocks()]
    return render("ratings.html", me.session.language, **await shown.queue(), ratings=rated, blocks=blocks)


@router.post("/blocks/{id}/lift")
async def lift_block(all: All, me: Supervising, id: int) -> Response:
    """Let somebody reach advisors again."""
    await all.records.lift_block(id, me.advisor)
    return RedirectResponse("/desk/ratings", 303)


@router.get("/hours")
async def hours(all: All, me: Me, problem: str = "") -> HTMLResponse:
    """The opening hours and the closures set at the desk."""
    shown = Desk(all, me)
    closures = [
        {"id": closure.id, "start": shown.when(closure.start), "end": shown.when(closure.end), "name": name}
        for closure, name in await all.records.closures()
    ]
    week = all.knowledge.wording(me.session.language).week()
    values = await shown.queue()
    return render("hours.html", me.session.language, **values, week=week, closures=closures, problem=problem)


@router.get("/wrong-answers")
async def wrong_answers(all: All, me: Me) -> HTMLResponse:
    """The assistant's answers that advisors found wrong."""
    shown = Desk(all, me)
    wrong = [{"at": shown.when(answer.at), "answer": answer} for answer in await all.records.wrong_answers()]
    return render("wrong_answers.html", me.session.language, **await shown.queue(), wrong=wrong)


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
