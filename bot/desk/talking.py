"""A conversation at the desk: reading it, and all that an advisor does in it."""

import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from bot.conversation import Conversations
from bot.desk.access import All, Changing, Me, Opened
from bot.desk.accounts import SignedIn
from bot.desk.views import Desk, render
from bot.queue import TRAINING
from bot.tables import Author, Conversation

LONGEST_REPLY, LONGEST_NOTE = 4000, 2000
LONGEST_BLOCK = 7 * 24
"""Hours somebody may be blocked at most."""

router = APIRouter(prefix="/desk/conversations", include_in_schema=False)


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
        phrases=shown.phrases(conversation),
        key=secrets.token_urlsafe(12),
    )


@router.get("/{id}")
async def conversation(all: All, me: Me, conversation: Opened) -> HTMLResponse:
    """A conversation beside the queue."""
    return await _page(all, me, conversation)


@router.get("/{id}/answers")
async def answers(all: All, me: Me, conversation: Opened, q: str = "") -> HTMLResponse:
    """The curated answers in the person's language in which all these words occur, to be put into a reply."""
    return render("answers.html", me.session.language, answers=Desk(all, me).answers(conversation, q))


@router.get("/{id}/transcript")
async def transcript(all: All, me: Me, conversation: Opened, after: int = 0, note: int = 0) -> HTMLResponse:
    """What has come after a message and a note, for the page to add."""
    shown = Desk(all, me)
    entries = await shown.transcript(conversation, after, note)
    row = shown.row(conversation)
    return render("transcript.html", me.session.language, entries=entries, row=row, csrf=me.session.csrf)


@router.post("/{id}/claim")
async def claim(all: All, me: Changing, id: str) -> Response:
    """Take a waiting conversation."""
    await all.queue.claim(id, me.advisor)
    return RedirectResponse(f"/desk/conversations/{id}", 303)


@router.post("/{id}/reply")
async def reply(
    all: All,
    me: Changing,
    id: str,
    conversation: Opened,
    text: Annotated[str, Form(max_length=2 * LONGEST_REPLY)],
    key: Annotated[str | None, Form(max_length=64)] = None,
    anyway: Annotated[bool, Form()] = False,
) -> Response:
    """Say something to the person; first ask back where it seems to be in another language than theirs."""
    text = lines(text)
    detected = all.detect(text, conversation.language)
    if not anyway and detected.sure and detected.language != conversation.language:
        return await _page(all, me, conversation, text, detected.language)
    if text:
        await all.queue.reply(id, me.advisor, text, key)
        if conversation.channel == TRAINING:
            await all.trainer.go_on(conversation)
    return RedirectResponse(f"/desk/conversations/{id}", 303)


def lines(text: str) -> str:
    """What was typed into a form, whose lines a browser ends with two characters."""
    return text.replace("\r\n", "\n").strip()


@router.post("/{id}/typing", status_code=204)
async def typing(all: All, me: Changing, conversation: Opened) -> None:
    """The advisor is writing a reply."""
    if conversation.advisor_id == me.advisor.id:
        all.notifier.typing(conversation.id, Author.ADVISOR, me.advisor.name)


@router.get("/{id}/state")
async def state(all: All, me: Me, conversation: Opened) -> HTMLResponse:
    """Whether the person is writing, and whether the last reply was read, for the page to show anew."""
    return render("state.html", me.session.language, **await Desk(all, me).state(conversation))


@router.post("/{id}/seen", status_code=204)
async def seen(all: All, me: Changing, conversation: Opened, seq: Annotated[int, Form(ge=0)]) -> None:
    """The page has shown the messages up to this one while it was in sight: the person sees that they were read."""
    if conversation.advisor_id == me.advisor.id and await all.store.reached(conversation.id, "read_at_desk", seq):
        all.queue.wake(conversation.id)


@router.post("/{id}/note")
async def note(all: All, me: Changing, conversation: Opened, text: Annotated[str, Form(max_length=2 * LONGEST_NOTE)]) -> Response:
    """Write a note for the colleagues."""
    if written := lines(text)[:LONGEST_NOTE]:
        await all.queue.note(conversation.id, me.advisor, written)
    return RedirectResponse(f"/desk/conversations/{conversation.id}", 303)


@router.post("/{id}/transfer")
async def transfer(
    all: All, me: Changing, id: str, to: Annotated[int, Form()], text: Annotated[str, Form(max_length=LONGEST_NOTE)] = ""
) -> Response:
    """Give the conversation to a colleague, with a note."""
    await all.queue.transfer(id, me.advisor, to)
    if text.strip():
        await all.queue.note(id, me.advisor, text.strip())
    return RedirectResponse("/desk", 303)


@router.post("/{id}/give-back")
async def give_back(all: All, me: Changing, id: str) -> Response:
    """Put the conversation back to the front of the queue."""
    await all.queue.give_back(id, me.advisor)
    return RedirectResponse("/desk", 303)


@router.post("/{id}/hand-back")
async def hand_back(all: All, me: Changing, id: str) -> Response:
    """Let the assistant answer again."""
    await all.queue.hand_back(id, me.advisor)
    return RedirectResponse("/desk", 303)


@router.post("/{id}/close")
async def close(all: All, me: Changing, id: str) -> Response:
    """End the conversation."""
    await all.queue.close(id, me.advisor)
    return RedirectResponse("/desk", 303)


@router.post("/{id}/block")
async def block(
    all: All,
    me: Changing,
    id: str,
    reason: Annotated[str, Form(min_length=1, max_length=LONGEST_NOTE)],
    hours: Annotated[int, Form(ge=1, le=LONGEST_BLOCK)],
) -> Response:
    """Let an abusive person reach no advisor for so many hours."""
    await all.queue.block(id, me.advisor, reason, timedelta(hours=hours))
    return RedirectResponse("/desk", 303)


@router.post("/{id}/write")
async def write(all: All, me: Changing, id: str) -> Response:
    """Write to somebody whose call-back this advisor took."""
    await all.queue.write_to(id, me.advisor)
    return RedirectResponse(f"/desk/conversations/{id}", 303)


@router.post("/{id}/wrong/{seq}")
async def wrong(all: All, me: Changing, conversation: Opened, seq: int) -> Response:
    """Keep that the assistant's answer was wrong."""
    await all.records.mark_wrong(conversation.id, seq, me.advisor)
    return RedirectResponse(f"/desk/conversations/{conversation.id}", 303)
