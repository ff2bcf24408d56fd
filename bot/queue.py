"""The queue for an advisor, and who talks to whom: every step is one transaction, so that two people never hold one conversation.

A person joins it in `conversation.py`; advisors take from it at the desk; `watch.py` sees to it that nobody is forgotten.
Whoever waits keeps the time they began to wait, so a conversation that comes back is at the front again.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import rating
from bot.masking import mask
from bot.notifier import Notifier
from bot.store import Reply, Store
from bot.tables import Advisor, Author, Block, CallBack, Conversation, Message, Mode, Note, Presence, QueueEvent, Role, now
from guidance.knowledge import Knowledge

DESK = "desk"
"""What the desk's pages are woken by: the queue or somebody's presence has changed."""

SILENT = timedelta(seconds=60)
"""How long after their page last gave a sign an advisor counts as free no more."""
AT_ONCE = 4
"""Conversations one advisor can hold."""
TRAINING = "training"
"""The channel of the conversations advisors practise on: nobody is on the other side, and no queue, list or figure has them."""
ORDER = (Conversation.urgent_at.is_(None), Conversation.waiting_since)
"""The order of the queue."""


def to_be_done(conversation: str, advisor: Advisor) -> Select[str]:
    """The call-backs of a conversation that this advisor has taken and not ended."""
    mine = and_(CallBack.conversation_id == conversation, CallBack.advisor_id == advisor.id)
    return select(CallBack.reference).where(mine, CallBack.outcome.is_(None))


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
        self.knowledge = knowledge
        self.clock = clock

    async def free(self) -> Sequence[Advisor]:
        """The advisors who are at the desk and take conversations, by name."""
        async with self.store.reading() as session:
            return (await session.execute(select(Advisor).where(self._is_free()).order_by(Advisor.name))).scalars().all()

    def _is_free(self) -> ColumnElement[bool]:
        return and_(Advisor.presence == Presence.FREE.value, Advisor.seen_at > self.clock() - SILENT)

    async def waiting(self) -> Sequence[Conversation]:
        """Everyone who waits: who spoke of danger before all others, then the longest first."""
        async with self.store.reading() as session:
            query = select(Conversation).where(Conversation.mode == Mode.WAITING.value, Conversation.channel != TRAINING)
            query = query.order_by(*ORDER)
            return (await session.execute(query)).scalars().all()

    async def practised(self, advisor: Advisor) -> Sequence[Conversation]:
        """The training conversations that wait for this advisor."""
        async with self.store.reading() as session:
            query = select(Conversation).where(Conversation.mode == Mode.WAITING.value, Conversation.channel == TRAINING)
            return (await session.execute(query.where(Conversation.advisor_id == advisor.id))).scalars().all()

    async def held(self, advisor_id: int | None = None) -> Sequence[Conversation]:
        """The conversations an advisor holds, their training among them; or all that are held."""
        async with self.store.reading() as session:
            query = select(Conversation).where(Conversation.mode == Mode.ADVISOR.value)
            mine = Conversation.channel != TRAINING if advisor_id is None else Conversation.advisor_id == advisor_id
            query = query.where(mine)
            return (await session.execute(query.order_by(*ORDER))).scalars().all()

    async def place(self, conversation: Conversation) -> int:
        """A conversation's place in the queue, from 1; if it does not wait, the one it would get now."""
        since = conversation.waiting_since or self.clock()
        mine = (conversation.urgent_at is None, since)
        others = [other for other in await self.waiting() if other.id != conversation.id]
        return 1 + sum((other.urgent_at is None, other.waiting_since or since) <= mine for other in others)

    async def may_read(self, conversation: Conversation, advisor: Advisor) -> bool:
        """Whether an advisor may read a conversation.

        One that waits, one they hold, one whose call-back they took, and those that a person whom they talk to shares with
        them. A supervisor may read all.
        """
        if advisor.role == Role.SUPERVISOR.value or conversation.advisor_id == advisor.id:
            return True
        if conversation.mode == Mode.WAITING.value:
            return conversation.channel != TRAINING
        async with self.store.reading() as session:
            shared = select(Conversation.id).where(
                Conversation.person == conversation.person,
                Conversation.created_at > conversation.created_at,
                Conversation.shares_history,
                Conversation.advisor_id == advisor.id,
                Conversation.mode == Mode.ADVISOR.value,
            )
            queries = (to_be_done(conversation.id, advisor), shared)
            return any([(await session.execute(query)).first() is not None for query in queries])

    async def earlier(self, conversation: Conversation) -> Sequence[Conversation]:
        """The conversations that the same person had before this one, the latest first."""
        async with self.store.reading() as session:
            query = select(Conversation).where(Conversation.person == conversation.person, Conversation.last_seq > 0)
            query = query.where(Conversation.created_at < conversation.created_at)
            return (await session.execute(query.order_by(Conversation.created_at.desc()))).scalars().all()

    async def claim(self, id: str, advisor: Advisor) -> None:
        """Give a waiting conversation to an advisor; of two who ask at once one gets it.

        Raises:
            TakenError: it does not wait, or not any more.
            TooManyError: the advisor holds enough conversations already.
        """
        async with self.store.transaction() as session:
            await self._take(session, id, advisor, (Mode.WAITING,), "claimed")
        self.wake(id)

    async def _take(self, session: AsyncSession, id: str, advisor: Advisor, modes: Sequence[Mode], what: str) -> None:
        # The advisor's row is locked first: of two claims by one advisor the second sees the first.
        await session.execute(update(Advisor).where(Advisor.id == advisor.id).values(seen_at=self.clock()))
        mine = select(Conversation.id).where(Conversation.mode == Mode.ADVISOR.value, Conversation.advisor_id == advisor.id)
        held = (await session.execute(mine)).scalars().all()
        if id in held:  # pressed twice
            return
        if len(held) >= AT_ONCE:
            raise TooManyError
        others = and_(Conversation.channel == TRAINING, Conversation.advisor_id != advisor.id)
        taken = await session.execute(
            update(Conversation)
            .where(Conversation.id == id, Conversation.mode.in_([mode.value for mode in modes]), ~others)
            # What the assistant offered or asked is over: a "2" is meant for the advisor from now on.
            .values(mode=Mode.ADVISOR.value, advisor_id=advisor.id, choices=[], form=None)
            .returning(Conversation.language)
        )
        language = taken.scalar_one_or_none()
        if language is None:
            holder = select(Advisor.name).join(Conversation, Conversation.advisor_id == Advisor.id)
            name = await session.execute(holder.where(Conversation.id == id, Conversation.mode == Mode.ADVISOR.value))
            raise TakenError(name.scalar_one_or_none() or "")
        text = self.knowledge.wording(language).advisor_joined(advisor.name)
        await self._tell(session, id, language, text, what, advisor)

    async def reply(self, id: str, advisor: Advisor, text: str, key: str | None = None) -> None:
        """Say something to the person; what comes twice with the same `key` is said once.

        Raises:
            NotYoursError: the conversation is not this advisor's.
        """
        async with self.store.transaction() as session:
            conversation = await self._own(session, id, advisor)
            said = select(Message.id).where(Message.conversation_id == id, Message.client_id == key)
            if key and (await session.execute(said)).first():
                return
            text = self.knowledge.wording(conversation.language).catalog.say(mask(text))
            reply = Reply("text", {"text": text, "name": advisor.name}, conversation.language, Author.ADVISOR, key)
            await self.store.say(session, id, [reply])
        self._notifier.stopped_typing(id, Author.ADVISOR)
        self.wake(id)

    async def note(self, id: str, advisor: Advisor, text: str) -> None:
        """Write something for the colleagues, which the person never sees."""
        async with self.store.transaction() as session:
            session.add(Note(conversation_id=id, advisor_id=advisor.id, text=mask(text)))
        self.wake(id)

    async def notes(self, id: str, after: int = 0) -> Sequence[tuple[Note, str]]:
        """The notes of a conversation, after one of them, with their writers' names, in order."""
        async with self.store.reading() as session:
            query = select(Note, Advisor.name).join(Advisor).where(Note.conversation_id == id, Note.id > after).order_by(Note.id)
            return [(note, name) for note, name in (await session.execute(query)).all()]

    async def written(self, id: str) -> tuple[int, int]:
        """The last message and the last note of a conversation: something was written when one of them changes."""
        async with self.store.reading() as session:
            message = select(func.coalesce(func.max(Message.seq), 0)).where(Message.conversation_id == id)
            note = select(func.coalesce(func.max(Note.id), 0)).where(Note.conversation_id == id)
            return (await session.execute(message)).scalar_one(), (await session.execute(note)).scalar_one()

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
            if conversation.channel == TRAINING:
                await session.delete(conversation)
                self.wake(id)
                return
            self._over(conversation, mode)
            wording = self.knowledge.wording(conversation.language)
            choices = rating.choices(wording) if mode is Mode.CLOSED else []
            conversation.choices = choices
            await session.flush()
            text = f"{wording.advisor_closed()}\n{wording.rate()[0]}" if choices else wording.advisor_left()
            await self._tell(session, id, conversation.language, text, what, advisor, choices)
        self.wake(id)

    @staticmethod
    def _over(conversation: Conversation, mode: Mode) -> None:
        """An advisor is done with a conversation: what held for this talk alone does not hold any more."""
        conversation.mode, conversation.advisor_id, conversation.shares_history = mode.value, None, False
        conversation.waiting_since, conversation.urgent_at = None, None

    async def block(self, id: str, advisor: Advisor, reason: str, lasting: timedelta) -> None:
        """Let somebody who is abusive reach no advisor for a while; the assistant goes on answering them.

        Raises:
            NotYoursError: the conversation is not this advisor's.
        """
        until = self.clock() + lasting
        async with self.store.transaction() as session:
            conversation = await self._own(session, id, advisor)
            if conversation.channel == TRAINING:
                raise NotYoursError(id)
            self._over(conversation, Mode.BOT)
            await session.flush()
            person = Conversation.person == conversation.person
            # An earlier block that holds for longer goes on holding.
            longer = or_(Conversation.blocked_until.is_(None), Conversation.blocked_until < until)
            await session.execute(update(Conversation).where(person, longer).values(blocked_until=until))
            waiting = select(Conversation.id).where(person, Conversation.mode == Mode.WAITING.value)
            for other in (await session.execute(waiting)).scalars().all():
                await self.stop_waiting(session, other, "blocked")
            await session.refresh(conversation)
            session.add(Block(conversation_id=id, advisor_id=advisor.id, reason=mask(reason), until=until, at=self.clock()))
            await session.flush()
            text = self.knowledge.wording(conversation.language).blocked(until)
            await self._tell(session, id, conversation.language, text, "blocked", advisor)
        self.wake(id)

    async def not_reached(self, id: str, wrong: bool) -> None:
        """Tell somebody that their call-back failed, and offer another; `wrong` says that the number or the address was."""
        conversation = await self.store.conversation(id)
        if conversation is None:
            return
        wording = self.knowledge.wording(conversation.language)
        choices = [{"label": wording.ask_for_a_call_back(), "payload": "/request_callback"}]
        notice = Reply("notice", {"text": wording.not_reached(wrong), "choices": choices}, conversation.language, Author.SYSTEM)
        async with self.store.transaction() as session:
            idle = update(Conversation).where(Conversation.id == id, Conversation.mode == Mode.BOT.value)
            await session.execute(idle.values(choices=choices))
            await self.store.say(session, id, [notice])
        self.wake(id)

    async def write_to(self, id: str, advisor: Advisor) -> None:
        """Begin to write to somebody whose call-back this advisor took: it is there when the person comes back.

        Raises:
            NotYoursError: the call-back is not this advisor's.
            TakenError: the conversation waits or is held already.
            TooManyError: the advisor holds enough conversations already.
        """
        async with self.store.transaction() as session:
            if (await session.execute(to_be_done(id, advisor))).first() is None:
                raise NotYoursError(id)
            await self._take(session, id, advisor, (Mode.BOT, Mode.CLOSED), "written")
        self.wake(id)

    async def give_back(self, id: str, advisor: Advisor) -> None:
        """Put a conversation back to the front of the queue.

        Raises:
            NotYoursError: the conversation is not this advisor's.
        """
        async with self.store.transaction() as session:
            await self.to_front(session, await self._own(session, id, advisor), advisor, "given_back")
        self.wake(id)

    async def transfer(self, id: str, advisor: Advisor, to: int) -> None:
        """Give a conversation to a colleague who is free, whatever they hold; the person is told who answers now.

        Raises:
            NotYoursError: the conversation is not this advisor's, or the colleague is not free.
        """
        async with self.store.transaction() as session:
            conversation = await self._own(session, id, advisor)
            there = or_(self._is_free(), Advisor.id == advisor.id)
            colleague = (await session.execute(select(Advisor).where(Advisor.id == to, there))).scalar_one_or_none()
            if colleague is None or conversation.channel == TRAINING:
                raise NotYoursError(id)
            conversation.advisor_id = colleague.id
            await session.flush()
            text = self.knowledge.wording(conversation.language).advisor_joined(colleague.name)
            await self._tell(session, id, conversation.language, text, "transferred", colleague)
        self.wake(id)

    async def leave(self, id: str) -> bool:
        """Take a person who does not want to wait any more out of the queue; whether they waited."""
        async with self.store.transaction() as session:
            left = await self.stop_waiting(session, id, "left")
        self.wake(id)
        return left

    async def stop_waiting(self, session: AsyncSession, id: str, what: str) -> bool:
        """Take somebody out of the queue within a transaction; whether they waited. `what` is the event's name."""
        waiting = update(Conversation).where(Conversation.id == id, Conversation.mode == Mode.WAITING.value)
        over = {"mode": Mode.BOT.value, "waiting_since": None, "shares_history": False}
        stopped = await session.execute(waiting.values(over).returning(Conversation.id))
        if stopped.scalar_one_or_none() is None:
            return False
        session.add(QueueEvent(at=self.clock(), conversation_id=id, what=what))
        return True

    async def to_front(self, session: AsyncSession, conversation: Conversation, advisor: Advisor, what: str) -> None:
        """Put a conversation back to the front of the queue within a transaction, and tell the person; `what` is the event."""
        conversation.mode, conversation.waiting_since = Mode.WAITING.value, conversation.waiting_since or self.clock()
        if conversation.channel != TRAINING:  # which waits for the one who practises
            conversation.advisor_id = None
        await session.flush()
        text = self.knowledge.wording(conversation.language).advisor_had_to_leave()
        await self._tell(session, conversation.id, conversation.language, text, what, advisor)

    async def _own(self, session: AsyncSession, id: str, advisor: Advisor) -> Conversation:
        conversation = await session.get(Conversation, id, with_for_update=True)
        if conversation is None or conversation.mode != Mode.ADVISOR.value:
            raise NotYoursError(id)
        if conversation.advisor_id != advisor.id and advisor.role != Role.SUPERVISOR.value:
            raise NotYoursError(id)
        return conversation

    async def _tell(
        self,
        session: AsyncSession,
        id: str,
        language: str,
        text: str,
        what: str,
        advisor: Advisor,
        choices: Sequence[dict[str, str]] = (),
    ) -> None:
        session.add(QueueEvent(at=self.clock(), conversation_id=id, advisor_id=advisor.id, what=what))
        await self.store.say(session, id, [Reply("notice", {"text": text, "choices": list(choices)}, language, Author.SYSTEM)])

    def wake(self, id: str) -> None:
        """Wake the streams of a conversation and of the desk."""
        self._notifier.notify(id)
        self._notifier.notify(DESK)
