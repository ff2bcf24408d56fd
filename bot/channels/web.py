"""The web's channel: JSON over HTTP, with Server-Sent Events or long poll, and the strings of the page."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sse_starlette import EventSourceResponse, ServerSentEvent

from bot.channels import texts as words
from bot.conversation import Conversations, UnknownConversationError
from bot.notifier import TYPING
from bot.queue import DESK
from bot.tables import Author, Conversation, Message, Mode
from bot.tokens import Tokens

PING = 15
"""Seconds between the signs of life of a stream; networks close connections that are silent for longer."""
LONGEST_WAIT = 25
"""Seconds a long poll waits at most."""

router = APIRouter(prefix="/api", tags=["conversation"])


class Strict(BaseModel):
    """A request body: a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid")


class NewConversation(Strict):
    """`language` is a CLDR code; `chosen` says that the person picked it, rather than the page.

    `earlier` is the token of a conversation the same person had before: an advisor may read that one only if they allow it.
    """

    language: str | None = Field(None, max_length=16, examples=["ckb"])
    chosen: bool = False
    earlier: str | None = Field(None, max_length=200)


class Opened(BaseModel):
    """A conversation and the token that opens it, and no other."""

    id: str
    token: str


class NewMessage(Strict):
    """What a person wrote, or the payload of the choice they pressed. `client_id` is the client's own, for resending."""

    client_id: str = Field(min_length=1, max_length=64)
    text: str | None = Field(None, examples=["How do I apply for a day care place?"])
    payload: str | None = Field(None, max_length=200, examples=['/housing{"question": "find_rental"}'])

    @model_validator(mode="after")
    def _one_of_both(self) -> "NewMessage":
        if (self.text is None) == (self.payload is None):
            raise ValueError("give either text or payload")
        return self


class Stored(BaseModel):
    """The message is stored and will be answered; `seq` is its place in the conversation."""

    seq: int


class Helpful(Strict):
    """Whether an answer helped."""

    helpful: bool


class Seen(Strict):
    """`seq` is the number of the last message that the person has seen."""

    seq: int = Field(ge=0)


def conversations(request: Request) -> Conversations:
    """The service's conversations."""
    found: Conversations = request.app.state.conversations
    return found


All = Annotated[Conversations, Depends(conversations)]


async def own(
    request: Request,
    all: All,
    id: Annotated[str, Path(description="The conversation's id")],
    authorization: Annotated[str | None, Header(description="Bearer <token>")] = None,
) -> Conversation:
    """The conversation whose token was sent. Without the right token nobody learns whether a conversation exists."""
    tokens: Tokens = request.app.state.tokens
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not tokens.opens(token.strip(), id):
        raise HTTPException(401, "send this conversation's token: Authorization: Bearer <token>", {"WWW-Authenticate": "Bearer"})
    conversation = await all.store.conversation(id)
    if conversation is None:
        raise UnknownConversationError(id)
    return conversation


Own = Annotated[Conversation, Depends(own)]


def view(message: Message) -> dict[str, Any]:
    """A message as the web sees it."""
    return {
        **message.content,
        "seq": message.seq,
        "author": message.author,
        "type": message.type,
        "language": message.language,
        "time": message.created_at.isoformat(),
        "reply_to": message.reply_to,
        "client_id": message.client_id,
    }


async def state(all: Conversations, conversation: Conversation) -> dict[str, Any]:
    """The conversation's state: who answers, the place in the queue, and whether an advisor is there."""
    desk, waiting = await all.desk(), conversation.mode == Mode.WAITING.value
    wording = all.knowledge.wording(conversation.language)
    place = await all.queue.place(conversation) if waiting else None
    minutes = await all.estimate.minutes(place) if place else None
    return {
        "mode": conversation.mode,
        "language": conversation.language,
        "place": place,
        "minutes": minutes,
        "waiting": f"{wording.place(place)} {wording.estimate(minutes)}" if place and minutes is not None else None,
        "read": conversation.read_at_desk,
        "hours": {**desk.model_dump(mode="json"), "text": wording.catalog.say(wording.desk(desk, all.now()))},
    }


async def delivered(all: Conversations, conversation: Conversation, seq: int) -> None:
    """The client has the messages up to this one, since it asks for what comes after it: an advisor sees that."""
    if conversation.mode == Mode.ADVISOR.value and await all.store.reached(conversation.id, "delivered", seq):
        all.notifier.notify(conversation.id)


@router.post("/conversations", status_code=201)
async def open_conversation(all: All, request: Request, body: NewConversation | None = None) -> Opened:
    """Open a conversation."""
    body = body or NewConversation(language=None)
    tokens: Tokens = request.app.state.tokens
    id = tokens.conversation(body.earlier) if body.earlier else None
    earlier = await all.store.conversation(id) if id else None
    if body.earlier and earlier is None:
        raise HTTPException(422, "earlier: this is not the token of a conversation; leave it out")
    conversation = await all.open("web", body.language, body.chosen, earlier)
    return Opened(id=conversation.id, token=tokens.token(conversation.id))


@router.post("/conversations/{id}/messages", status_code=202)
async def send_message(all: All, conversation: Own, body: NewMessage) -> Stored:
    """Send a message. It is stored when this returns; the answer comes as an event."""
    return Stored(seq=await all.receive(conversation.id, body.client_id, body.text, body.payload))


@router.post("/conversations/{id}/typing", status_code=204)
async def typing(all: All, conversation: Own) -> None:
    """The person is writing: an advisor who has the conversation sees it for some seconds."""
    if conversation.mode == Mode.ADVISOR.value:
        all.notifier.typing(conversation.id, Author.PERSON)


@router.post("/conversations/{id}/read", status_code=204)
async def read(all: All, conversation: Own, body: Seen) -> None:
    """The person has seen the messages up to this one."""
    if await all.store.reached(conversation.id, "read", body.seq):
        all.notifier.notify(conversation.id)


@router.get("/conversations/{id}/messages")
async def read_messages(
    all: All,
    conversation: Own,
    response: Response,
    after: Annotated[int, Query(ge=0)] = 0,
    wait: Annotated[int, Query(ge=0, le=LONGEST_WAIT)] = 0,
) -> dict[str, Any]:
    """The messages after a sequence number; waits up to `wait` seconds for the first (long poll)."""
    with all.notifier.subscribe(conversation.id) as news:
        messages = await all.store.messages_after(conversation.id, after)
        if not messages and wait:
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), wait)
            messages = await all.store.messages_after(conversation.id, after)
    current = await all.store.conversation(conversation.id) or conversation
    await delivered(all, current, after)
    response.headers["Cache-Control"] = "no-store"
    return {"state": await state(all, current), "messages": [view(message) for message in messages]}


@router.get("/conversations/{id}/events", response_class=EventSourceResponse)
async def events(
    all: All,
    conversation: Own,
    last_event_id: Annotated[str | None, Header(description="The sequence number of the last message seen")] = None,
) -> EventSourceResponse:
    """The conversation as Server-Sent Events: `state`, then every message after Last-Event-ID, then what comes."""
    if last_event_id is not None and not last_event_id.isdecimal():
        raise HTTPException(400, "Last-Event-ID must be the sequence number of a message")

    async def stream() -> AsyncIterator[ServerSentEvent]:
        seen = int(last_event_id or 0)
        shown: dict[str, Any] = {}
        typed = 0.0
        current: Conversation | None = conversation
        while current:
            mode = current.mode
            # The place changes with the queue, but that is of interest to those who wait alone.
            with all.notifier.subscribe(conversation.id, *([DESK] if mode == Mode.WAITING.value else [])) as news:
                while True:
                    news.clear()
                    current = await all.store.conversation(conversation.id)
                    if current is None or current.mode != mode:
                        break
                    if (now := await state(all, current)) != shown:
                        shown = now
                        yield ServerSentEvent(json.dumps(shown, ensure_ascii=False), event="state")
                    messages = await all.store.messages_after(conversation.id, seen)
                    for message in messages:
                        seen = message.seq
                        yield ServerSentEvent(json.dumps(view(message), ensure_ascii=False), event="message", id=str(seen))
                    if messages:
                        await delivered(all, current, seen)
                        continue
                    types = all.notifier.who_types(conversation.id, Author.ADVISOR)
                    if types and types[0] > typed:
                        typed = types[0]
                        text = all.knowledge.wording(current.language).writing(types[1])
                        yield ServerSentEvent(json.dumps({"text": text, "seconds": TYPING}, ensure_ascii=False), event="typing")
                    await news.wait()

    return EventSourceResponse(stream(), ping=PING, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


@router.delete("/conversations/{id}", status_code=204)
async def forget(all: All, conversation: Own) -> None:
    """Erase a conversation with everything that belongs to it: messages, call-backs, notes, ratings."""
    await all.forget(conversation.id)


@router.post("/conversations/{id}/messages/{seq}/helpful", status_code=204)
async def helpful(all: All, conversation: Own, seq: int, body: Helpful) -> None:
    """Whether an answer helped."""
    if not await all.records.helped(conversation.id, seq, body.helpful):
        raise HTTPException(404, f"message {seq} is no answer of this conversation")


@router.get("/texts/{language}", tags=["page"])
async def texts(all: All, response: Response, language: str) -> dict[str, Any]:
    """The words of the chat in a language, the languages to choose from, and the topics as choices."""
    response.headers["Cache-Control"] = "public, max-age=60"
    return words.texts(all.knowledge, language, await all.desk(), all.now())
