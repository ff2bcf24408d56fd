"""Nobody is forgotten: who waits for long, who waits at closing time, and whose advisor is gone, is seen to, again and again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.queue import TRAINING, Queue
from bot.store import Reply
from bot.tables import Advisor, Author, Conversation, Message, Mode, Presence, QueueEvent
from guidance.opening_hours import DeskState

LONG = timedelta(minutes=10)
"""How long somebody waits before a call-back is offered."""
GONE = timedelta(minutes=3)
"""How long after their page last gave a sign an advisor loses the conversations to the queue."""
SILENT = timedelta(minutes=20)
"""How long somebody who wrote to an advisor has no answer before they lose that advisor."""
LOOK = 15
"""Seconds between two looks."""

logger = logging.getLogger(__name__)


class Watch:
    """Looks after those who wait; `desk` says whether the desk is open now."""

    def __init__(self, queue: Queue, desk: Callable[[], Awaitable[DeskState]]) -> None:
        self._queue = queue
        self._store = queue.store
        self._clock = queue.clock
        self._knowledge = queue.knowledge
        self._desk = desk

    async def go_on(self) -> None:
        """Look, again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # whatever it was: nobody would be looked after any more if this ended
                logger.error("The queue could not be looked through, trying again: %s", type(error).__name__)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """See to everybody once."""
        await self.return_forgotten()
        desk = await self._desk()
        await self.close_for_the_day(desk)
        await self.offer_call_backs(desk)

    async def close_for_the_day(self, desk: DeskState) -> None:
        """When the desk has closed: nobody waits on, and everybody who did is told when it opens, and offered a call-back."""
        if desk.open:
            return
        for conversation in await self._queue.waiting():
            async with self._store.transaction() as session:
                if await self._queue.stop_waiting(session, conversation.id, "not_served"):
                    await self._say_offer(session, conversation, desk)
            self._queue.wake(conversation.id)

    async def offer_call_backs(self, desk: DeskState) -> None:
        """Who has waited for long is told whether an advisor is there, and offered a call-back, once; they may wait on."""
        for conversation in await self._queue.waiting():
            if conversation.waiting_since and conversation.waiting_since <= self._clock() - LONG:
                await self.offer_call_back(conversation, desk)

    async def offer_call_back(self, conversation: Conversation, desk: DeskState) -> None:
        """Offer a call-back to somebody who waited when `conversation` was read, unless an advisor came, or it was offered."""
        async with self._store.transaction() as session:
            now = await session.get(Conversation, conversation.id, with_for_update=True, populate_existing=True)
            if now is None or now.mode != Mode.WAITING.value:
                return
            offered = select(QueueEvent.id).where(QueueEvent.conversation_id == now.id, QueueEvent.at >= now.waiting_since)
            if (await session.execute(offered.where(QueueEvent.what == "offered"))).first():
                return
            session.add(QueueEvent(at=self._clock(), conversation_id=now.id, what="offered"))
            await self._say_offer(session, now, desk)
        self._queue.wake(conversation.id)

    async def _say_offer(self, session: AsyncSession, conversation: Conversation, desk: DeskState) -> None:
        wording = self._knowledge.wording(conversation.language)
        choices = [{"label": wording.ask_for_a_call_back(), "payload": "/request_callback"}]
        mine = update(Conversation).where(Conversation.id == conversation.id, Conversation.form.is_(None))
        await session.execute(mine.values(choices=choices))  # a form that is being filled in keeps its own
        text = wording.catalog.say(wording.reach(desk, self._clock()))
        notice = Reply("notice", {"text": text, "choices": choices}, conversation.language, Author.SYSTEM)
        await self._store.say(session, conversation.id, [notice])

    async def return_forgotten(self) -> None:
        """Put back to the front of the queue who has lost their advisor, and tell them.

        The advisor's page is gone, or the person has had no answer for `SILENT`.
        """
        said = aliased(Message)
        last = select(func.coalesce(func.max(said.seq), 0))
        last = last.where(said.conversation_id == Conversation.id, said.author != Author.PERSON.value).correlate(Conversation)
        unanswered = select(Message.id).where(
            Message.conversation_id == Conversation.id,
            Message.author == Author.PERSON.value,
            Message.seq > last.scalar_subquery(),
            Message.created_at < self._clock() - SILENT,
        )
        gone = func.coalesce(Advisor.seen_at, Conversation.created_at) < self._clock() - GONE
        query = (
            select(Conversation, Advisor)
            .join(Advisor, Conversation.advisor_id == Advisor.id)
            .where(Conversation.mode == Mode.ADVISOR.value, Conversation.channel != TRAINING)
            .where(or_(gone, unanswered.exists()))
            .with_for_update(of=Conversation, skip_locked=True)
        )
        async with self._store.transaction() as session:
            forgotten = (await session.execute(query)).all()
            for conversation, advisor in forgotten:
                if advisor.seen_at is None or advisor.seen_at < self._clock() - GONE:
                    advisor.presence = Presence.AWAY.value
                await self._queue.to_front(session, conversation, advisor, "returned")
        for conversation, _advisor in forgotten:
            self._queue.wake(conversation.id)
