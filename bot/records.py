"""What the desk keeps beside conversations: call-backs and their outcomes, forgotten cases, blocks, wrong answers, closures."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from bot.queue import TRAINING, to_be_done
from bot.store import Store
from bot.tables import (
    Advisor,
    Author,
    Block,
    CallBack,
    ClosureAtDesk,
    Conversation,
    Feedback,
    Message,
    Outcome,
    QueueEvent,
    Role,
    WrongAnswer,
    now,
)
from guidance.opening_hours import Closure

LISTED = 200
"""Forgotten cases shown at most."""


class Records:
    """Call-backs, forgotten cases, blocks, wrong answers and closures."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._clock = clock

    async def call_backs(self) -> Sequence[tuple[CallBack, str | None]]:
        """All call-backs with the name of who took them: those to be done first, the one due first first."""
        async with self._store.reading() as session:
            query = select(CallBack, Advisor.name).outerjoin(Advisor, CallBack.advisor_id == Advisor.id)
            order = (CallBack.outcome.is_not(None), CallBack.starts_at)
            return [(request, name) for request, name in (await session.execute(query.order_by(*order))).all()]

    async def take_call_back(self, reference: str, advisor: Advisor) -> bool:
        """Take a call-back; whether nobody had it yet."""
        async with self._store.transaction() as session:
            taken = await session.execute(
                update(CallBack)
                .where(CallBack.reference == reference, CallBack.advisor_id.is_(None))
                .values(advisor_id=advisor.id)
                .returning(CallBack.reference)
            )
            return taken.scalar_one_or_none() is not None

    async def give_back_call_back(self, reference: str, advisor: Advisor) -> None:
        """Let somebody else take a call-back that this advisor took; a supervisor can do so for everybody."""
        async with self._store.transaction() as session:
            open = update(CallBack).where(CallBack.reference == reference, CallBack.outcome.is_(None))
            if advisor.role != Role.SUPERVISOR.value:
                open = open.where(CallBack.advisor_id == advisor.id)
            await session.execute(open.values(advisor_id=None))

    async def took(self, conversation: str, advisor: Advisor) -> bool:
        """Whether this advisor has taken a call-back of a conversation that is still to be done."""
        async with self._store.reading() as session:
            return (await session.execute(to_be_done(conversation, advisor))).first() is not None

    async def advisor(self, id: int) -> Advisor | None:
        """The advisor of this id."""
        async with self._store.reading() as session:
            return await session.get(Advisor, id)

    async def end_call_back(self, reference: str, advisor: Advisor, outcome: Outcome) -> str | None:
        """Say how a call-back ended that this advisor took; the id of its conversation, None if it is not theirs."""
        async with self._store.transaction() as session:
            mine = update(CallBack).where(CallBack.reference == reference, CallBack.advisor_id == advisor.id)
            ended = mine.where(CallBack.outcome.is_(None)).values(outcome=outcome.value).returning(CallBack.conversation_id)
            return (await session.execute(ended)).scalar_one_or_none()

    async def forgotten(self) -> Sequence[tuple[QueueEvent, Conversation, str | None]]:
        """Who waited for too long, was not served, or lost their advisor, with the advisor's name, the latest first."""
        async with self._store.reading() as session:
            query = select(QueueEvent, Conversation, Advisor.name).join(Conversation)
            query = query.outerjoin(Advisor, QueueEvent.advisor_id == Advisor.id)
            query = query.where(QueueEvent.what.in_(("offered", "not_served", "returned")), Conversation.channel != TRAINING)
            query = query.order_by(QueueEvent.id.desc())
            return [(event, of, name) for event, of, name in (await session.execute(query.limit(LISTED))).all()]

    async def blocks(self) -> Sequence[tuple[Block, str]]:
        """The blocks that hold, with the name of who set them."""
        async with self._store.reading() as session:
            query = select(Block, Advisor.name).join(Advisor, Block.advisor_id == Advisor.id)
            query = query.where(Block.until > self._clock(), Block.lifted_by.is_(None)).order_by(Block.until)
            return [(block, name) for block, name in (await session.execute(query)).all()]

    async def lift_block(self, id: int, advisor: Advisor) -> None:
        """Let somebody reach advisors again; the block stays in the database with who lifted it."""
        async with self._store.transaction() as session:
            block = await session.get(Block, id)
            if block is not None and block.lifted_by is None:
                block.lifted_by = advisor.id
                await session.flush()
                person = (await session.get_one(Conversation, block.conversation_id)).person
                others = select(func.max(Block.until)).join(Conversation, Block.conversation_id == Conversation.id)
                others = others.where(Conversation.person == person, Block.lifted_by.is_(None))
                until = (await session.execute(others)).scalar_one_or_none()
                await session.execute(update(Conversation).where(Conversation.person == person).values(blocked_until=until))

    async def mark_wrong(self, conversation: str, seq: int, advisor: Advisor) -> None:
        """Keep that an answer was wrong, with what was asked; once, however often it is pressed."""
        try:
            async with self._store.transaction() as session:
                place = select(Message).where(Message.conversation_id == conversation)
                answer = (await session.execute(place.where(Message.seq == seq))).scalar_one_or_none()
                of = await session.get(Conversation, conversation)
                if answer is None or answer.type != "answer" or of is None or of.channel == TRAINING:
                    return
                asked = place.where(Message.author == Author.PERSON.value, Message.seq == answer.reply_to)
                question = (await session.execute(asked)).scalar_one_or_none()
                session.add(
                    WrongAnswer(
                        conversation_id=conversation,
                        seq=seq,
                        advisor_id=advisor.id,
                        asked=str(question.content["text"]) if question else "",
                        question=str(answer.content["id"]),
                        language=answer.language,
                    )
                )
        except IntegrityError:
            return

    async def helped(self, conversation: str, seq: int, helpful: bool) -> bool:
        """Keep whether an answer helped, in place of what was said before; False if there is no such answer."""
        async with self._store.transaction() as session:
            place = select(Message).where(Message.conversation_id == conversation, Message.seq == seq, Message.type == "answer")
            answer = (await session.execute(place)).scalar_one_or_none()
            if answer is None:
                return False
            told = {"question": str(answer.content["id"]), "language": answer.language, "at": self._clock(), "helpful": helpful}
            known = update(Feedback).where(Feedback.conversation_id == conversation, Feedback.seq == seq).values(**told)
            if (await session.execute(known.returning(Feedback.id))).scalar_one_or_none() is None:
                session.add(Feedback(conversation_id=conversation, seq=seq, **told))
            return True

    async def wrong_answers(self) -> Sequence[WrongAnswer]:
        """The answers that were wrong, the latest first."""
        async with self._store.reading() as session:
            return (await session.execute(select(WrongAnswer).order_by(WrongAnswer.id.desc()))).scalars().all()

    async def closures(self) -> Sequence[tuple[ClosureAtDesk, str]]:
        """The closures that hold and are not over, with the name of who set them."""
        async with self._store.reading() as session:
            query = select(ClosureAtDesk, Advisor.name).join(Advisor, ClosureAtDesk.advisor_id == Advisor.id)
            query = query.where(ClosureAtDesk.lifted_at.is_(None), ClosureAtDesk.end > self._clock())
            return [(closure, name) for closure, name in (await session.execute(query.order_by(ClosureAtDesk.start))).all()]

    async def closed(self) -> list[Closure]:
        """The same, as the opening hours take them."""
        return [Closure(start=closure.start, end=closure.end) for closure, _name in await self.closures()]

    async def close(self, start: datetime, end: datetime, advisor: Advisor) -> None:
        """Close the desk from one moment to another."""
        async with self._store.transaction() as session:
            session.add(ClosureAtDesk(start=start, end=end, advisor_id=advisor.id, at=self._clock()))

    async def lift(self, id: int, advisor: Advisor) -> None:
        """Take a closure back; it stays in the database."""
        async with self._store.transaction() as session:
            lifted = update(ClosureAtDesk).where(ClosureAtDesk.id == id, ClosureAtDesk.lifted_at.is_(None))
            await session.execute(lifted.values(lifted_by=advisor.id, lifted_at=self._clock()))
