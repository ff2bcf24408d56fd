"""The queue for an advisor, and who talks to whom: every step is one transaction, so that two people never hold one conversation.

A person joins it in `conversation.py`; advisors take from it at the desk. Whoever waits keeps the time they began to wait,
so a conversation that comes back is at the front again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.masking import mask
from bot.notifier import Notifier
from bot.store import Reply, Store
from bot.tables import Advisor, Author, Conversation, Mode, Note, Presence, QueueEvent, Role, now
from guidance.knowledge import Knowledge
from guidance.opening_hours import DeskState

DESK = "desk"
"""What the desk's pages are woken by: the queue or somebody's presence has changed."""

SILENT = timedelta(seconds=60)
"""How long after their page last gave a sign an advisor counts as free no more."""
LONG = timedelta(minutes=10)
"""How long somebody waits before a call-back is offered."""
GONE = timedelta(minutes=3)
"""How long after their page last gave a sign an advisor loses the conversations to the queue."""
AT_ONCE = 4
"""Conversations one advisor can hold."""
ORDER = (Conversation.urgent_at.is_(None), Conversation.waiting_since)
"""The order of the queue."""


class TakenError(Exception):
    """Somebody else took the conversation first; `by` is their name, empty if nobody has it and it does not wait either."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class NotYoursError(Exception):
    """An advisor may move and answer only the conversations that are theirs; a supervisor all."""


class TooManyError(Exception):
    """An advisor already holds as many conversations as are allowed at once."""


class Queue:
    """Who waits, and who talks to whom."""

    def __init__(self, store: Store, notifier: Notifier, knowledge: Knowledge, clock: Callable[[], datetime] = now) -> None:
        self.store = store
        self._notifier = notifier
        self._knowledge = knowledge
        self._clock = clock

    async def free(self) -> int:
        """How many advisors are at the desk and take conversations."""
        async with self.store.reading() as session:
            return (await session.execute(select(func.count()).where(self._is_free()))).scalar_one()

    def _is_free(self) -> ColumnElement[bool]:
        return and_(Advisor.presence == Presence.FREE.value, Advisor.seen_at > self._clock() - SILENT)

    async def waiting(self) -> Sequence[Conversation]:
        """Everyone who waits: who spoke of danger before all others, then the longest first."""
        async with self.store.reading() as session:
            query = select(Conversation).where(Conversation.mode == Mode.WAITING.value).order_by(*ORDER)
            return (await session.execute(query)).scalars().all()

    async def held(self, advisor_id: int | None = None) -> Sequence[Conversation]:
        """The conversations an advisor holds, or all that are held."""
        async with self.store.reading() as session:
            query = select(Conversation).where(Conversation.mode == Mode.ADVISOR.value)
            if advisor_id is not None:
                query = query.where(Conversation.advisor_id == advisor_id)
            return (await session.execute(query.order_by(Conversation.waiting_since))).scalars().all()

    async def place(self, conversation: Conversation) -> int:
        """A conversation's place in the queue, from 1; if it does not wait, the one it would get now."""
        since = conversation.waiting_since or self._clock()
        mine = (conversation.urgent_at is None, since)
        others = [other for other in await self.waiting() if other.id != conversation.id]
        return 1 + sum((other.urgent_at is None, other.waiting_since or since) <= mine for other in others)

    async def claim(self, id: str, advisor: Advisor) -> None:
        """Give a waiting conversation to an advisor; of two who ask at once one gets it.

        Raises:
            TakenError: it does not wait, or not any more.
            TooManyError: the advisor holds enough conversations already.
        """
        async with self.store.transaction() as session:
            # The advisor's row is locked first: of two claims by one advisor the second sees the first.
            await session.execute(update(Advisor).where(Advisor.id == advisor.id).values(seen_at=self._clock()))
            mine = select(func.count()).where(Conversation.mode == Mode.ADVISOR.value, Conversation.advisor_id == advisor.id)
            if (await session.execute(mine)).scalar_one() >= AT_ONCE:
                raise TooManyError
            taken = await session.execute(
                update(Conversation)
                .where(Conversation.id == id, Conversation.mode == Mode.WAITING.value)
                # What the assistant offered or asked is over: a "2" is meant for the advisor from now on.
                .values(mode=Mode.ADVISOR.value, advisor_id=advisor.id, choices=[], form=None)
                .returning(Conversation.language)
            )
            language = taken.scalar_one_or_none()
            if language is None:
                holder = select(Advisor.name).join(Conversation, Conversation.advisor_id == Advisor.id)
                name = await session.execute(holder.where(Conversation.id == id, Conversation.mode == Mode.ADVISOR.value))
                raise TakenError(name.scalar_one_or_none() or "")
            text = self._knowledge.wording(language).advisor_joined(advisor.name)
            await self._tell(session, id, language, text, "claimed", advisor)
        self._wake(id)

    async def reply(self, id: str, advisor: Advisor, text: str) -> None:
        """Say something to the person.

        Raises:
            NotYoursError: the conversation is not this advisor's.
        """
        async with self.store.transaction() as session:
            conversation = await self._own(session, id, advisor)
            text = self._knowledge.wording(conversation.language).catalog.say(mask(text))
            reply = Reply("text", {"text": text, "name": advisor.name}, conversation.language, Author.ADVISOR)
            await self.store.say(session, id, [reply])
        self._wake(id)

    async def note(self, id: str, advisor: Advisor, text: str) -> None:
        """Write something for the colleagues, which the person never sees."""
        async with self.store.transaction() as session:
            session.add(Note(conversation_id=id, advisor_id=advisor.id, text=mask(text)))
        self._wake(id)

    async def notes(self, id: str) -> Sequence[tuple[Note, str]]:
        """The notes of a conversation with their writers' names, in order."""
        async with self.store.reading() as session:
            query = select(Note, Advisor.name).join(Advisor).where(Note.conversation_id == id).order_by(Note.id)
            return [(note, name) for note, name in (await session.execute(query)).all()]

    async def hand_back(self, id: str, advisor: Advisor) -> None:
        """Let the assistant answer again.

        Raises:
            NotYoursError: the conversation is not this advisor's.
        """
        await self._end(id, advisor, Mode.BOT, "handed_back")

    async def close(self, id: str, advisor: Advisor) -> None:
        """End the conversation; if the person writes again, the assistant answers.

        Raises:
            NotYoursError: the conversation is not this advisor's.
        """
        await self._end(id, advisor, Mode.CLOSED, "closed")

    async def _end(self, id: str, advisor: Advisor, mode: Mode, what: str) -> None:
        async with self.store.transaction() as session:
            conversation = await self._own(session, id, advisor)
            conversation.mode, conversation.advisor_id = mode.value, None
            conversation.waiting_since, conversation.urgent_at = None, None
            await session.flush()
            wording = self._knowledge.wording(conversation.language)
            text = wording.advisor_closed() if mode is Mode.CLOSED else wording.advisor_left()
            await self._tell(session, id, conversation.language, text, what, advisor)
        self._wake(id)

    async def give_back(self, id: str, advisor: Advisor) -> None:
        """Put a conversation back to the front of the queue.

        Raises:
            NotYoursError: the conversation is not this advisor's.
        """
        async with self.store.transaction() as session:
            await self._to_front(session, await self._own(session, id, advisor), advisor)
        self._wake(id)

    async def transfer(self, id: str, advisor: Advisor, to: int) -> None:
        """Give a conversation to a colleague, who need not have room for it; the person is told who answers now.

        Raises:
            NotYoursError: the conversation is not this advisor's, or there is no such colleague.
        """
        async with self.store.transaction() as session:
            conversation = await self._own(session, id, advisor)
            colleague = await session.get(Advisor, to)
            if colleague is None:
                raise NotYoursError(id)
            conversation.advisor_id = colleague.id
            await session.flush()
            text = self._knowledge.wording(conversation.language).advisor_joined(colleague.name)
            await self._tell(session, id, conversation.language, text, "transferred", colleague)
        self._wake(id)

    async def colleagues(self, advisor: Advisor) -> Sequence[Advisor]:
        """The others who are free at the desk, by name."""
        async with self.store.reading() as session:
            query = select(Advisor).where(self._is_free(), Advisor.id != advisor.id).order_by(Advisor.name)
            return (await session.execute(query)).scalars().all()

    async def close_for_the_day(self, desk: DeskState) -> None:
        """When the desk has closed: nobody waits on, and everybody who did is told when it opens, and offered a call-back."""
        if desk.open:
            return
        for conversation in await self.waiting():
            async with self.store.transaction() as session:
                if await self._stop_waiting(session, conversation.id, "not_served"):
                    await self._offer_call_back(session, conversation, desk)
            self._wake(conversation.id)

    async def offer_call_backs(self, desk: DeskState) -> None:
        """Who has waited for long is told whether an advisor is there, and offered a call-back, once; they may wait on."""
        for conversation in await self.waiting():
            since = conversation.waiting_since
            if since is None or since > self._clock() - LONG:
                continue
            async with self.store.transaction() as session:
                offered = select(QueueEvent.id).where(QueueEvent.conversation_id == conversation.id, QueueEvent.at >= since)
                if (await session.execute(offered.where(QueueEvent.what == "offered"))).first():
                    continue
                session.add(QueueEvent(at=self._clock(), conversation_id=conversation.id, what="offered"))
                await self._offer_call_back(session, conversation, desk)
            self._wake(conversation.id)

    async def _offer_call_back(self, session: AsyncSession, conversation: Conversation, desk: DeskState) -> None:
        wording = self._knowledge.wording(conversation.language)
        choices = [{"label": wording.ask_for_a_call_back(), "payload": "/request_callback"}]
        await session.execute(update(Conversation).where(Conversation.id == conversation.id).values(choices=choices))
        text = wording.catalog.say(wording.reach(desk, self._clock()))
        notice = Reply("notice", {"text": text, "choices": choices}, conversation.language, Author.SYSTEM)
        await self.store.say(session, conversation.id, [notice])

    async def leave(self, id: str) -> bool:
        """Take a person who does not want to wait any more out of the queue; whether they waited."""
        async with self.store.transaction() as session:
            left = await self._stop_waiting(session, id, "left")
        self._wake(id)
        return left

    @staticmethod
    async def _stop_waiting(session: AsyncSession, id: str, what: str) -> bool:
        waiting = update(Conversation).where(Conversation.id == id, Conversation.mode == Mode.WAITING.value)
        stopped = await session.execute(waiting.values(mode=Mode.BOT.value, waiting_since=None).returning(Conversation.id))
        if stopped.scalar_one_or_none() is None:
            return False
        session.add(QueueEvent(conversation_id=id, what=what))
        return True

    async def return_forgotten(self) -> None:
        """Put the conversations of advisors whose page is gone back to the front of the queue, and tell the people."""
        async with self.store.transaction() as session:
            query = (
                select(Conversation, Advisor)
                .join(Advisor, Conversation.advisor_id == Advisor.id)
                .where(Conversation.mode == Mode.ADVISOR.value, Advisor.seen_at < self._clock() - GONE)
            )
            forgotten = (await session.execute(query)).all()
            for conversation, advisor in forgotten:
                advisor.presence = Presence.AWAY.value
                await self._to_front(session, conversation, advisor)
        for conversation, _advisor in forgotten:
            self._wake(conversation.id)

    async def _to_front(self, session: AsyncSession, conversation: Conversation, advisor: Advisor) -> None:
        conversation.mode, conversation.advisor_id = Mode.WAITING.value, None
        await session.flush()
        text = self._knowledge.wording(conversation.language).advisor_had_to_leave()
        await self._tell(session, conversation.id, conversation.language, text, "returned", advisor)

    async def _own(self, session: AsyncSession, id: str, advisor: Advisor) -> Conversation:
        conversation = await session.get(Conversation, id, with_for_update=True)
        if conversation is None or conversation.mode != Mode.ADVISOR.value:
            raise NotYoursError(id)
        if conversation.advisor_id != advisor.id and advisor.role != Role.SUPERVISOR.value:
            raise NotYoursError(id)
        return conversation

    async def _tell(self, session: AsyncSession, id: str, language: str, text: str, what: str, advisor: Advisor) -> None:
        session.add(QueueEvent(conversation_id=id, advisor_id=advisor.id, what=what))
        await self.store.say(session, id, [Reply("notice", {"text": text, "choices": []}, language, Author.SYSTEM)])

    def _wake(self, id: str) -> None:
        self._notifier.notify(id)
        self._notifier.notify(DESK)
