"""What is kept: SQLite by default, PostgreSQL when DATABASE_URL says so.

This store is the truth; Rasa's tracker is a cache that may be lost.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, delete, event, func, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bot.tables import Author, CallBack, Conversation, Message, Mode, QueueEvent, Turn, WrongAnswer, now


@dataclass(frozen=True)
class Reply:
    """One message to be stored under the message it answers; `content` holds the fields of its type.

    A `client_id` that the conversation has already is an IntegrityError: what is sent twice is stored once.
    """

    type: str
    content: dict[str, Any]
    language: str
    author: Author = Author.ASSISTANT
    client_id: str | None = None


@dataclass
class Answered:
    """All that a turn changes, stored in one transaction: the replies, the conversation's new state, the statistics.

    With `wait_for`, the reason of a handoff, the person joins the queue, unless an advisor is already theirs. `mode` is who
    answered when it was worked out: an advisor who came in the meantime is not talked over.
    """

    replies: list[Reply]
    changes: dict[str, Any] = field(default_factory=dict)
    topic: str | None = None
    question: str | None = None
    level: str | None = None
    outcome: str = "text"
    milliseconds: int = 0
    call_back: dict[str, Any] | None = None
    wait_for: str | None = None
    mode: str = Mode.BOT.value


class RepeatedIdError(Exception):
    """A client id came again with another content: the client's mistake, and nothing is stored."""


def _driver(url: str) -> str:
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    return parsed.set(drivername=driver.get(parsed.drivername, parsed.drivername)).render_as_string(hide_password=False)


def connect(url: str) -> AsyncEngine:
    """An engine for a database address such as sqlite:///var/neuvo.sqlite3 or postgresql://host/neuvo."""
    engine = create_async_engine(_driver(url))
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine.sync_engine, "connect")
        def _pragmas(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # the driver's own BEGIN is deferred: two writers would fail, not wait
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            # Readers see the last state that was stored and wait for nobody; writers queue, one after another.
            connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")

    return engine


def _said(content: dict[str, Any]) -> tuple[str | None, str | None]:
    """What a message said, to tell a repeated one from another: of a button only its payload, for its label may have changed."""
    payload = content.get("payload")
    return payload, None if payload else content["text"]


class Store:
    """The database, as the rest of bot/ uses it. Every method is one transaction."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime] = now) -> None:
        self.engine = engine
        self._clock = clock
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)
        self._readers = async_sessionmaker(engine.execution_options(reading=True), expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are stored together at the end, or not at all."""
        async with self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that changes nothing, and so waits for nobody who does."""
        async with self._readers() as session, session.begin():
            yield session

    async def ping(self) -> None:
        """Raises what the driver raises when the database cannot be reached or is not migrated."""
        async with self.reading() as session:
            await session.execute(select(func.count()).select_from(Conversation).where(text("1 = 0")))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def open(self, conversation: Conversation) -> None:
        """Store a new conversation."""
        async with self.transaction() as session:
            session.add(conversation)

    async def conversation(self, id: str) -> Conversation | None:
        """The conversation of this id, or None."""
        async with self.reading() as session:
            return await session.get(Conversation, id)

    async def write(self, statement: Executable) -> None:
        """Run one statement that changes something."""
        async with self.transaction() as session:
            await session.execute(statement)

    async def change(self, id: str, **changes: Any) -> None:
        """Change columns of a conversation."""
        await self.write(update(Conversation).where(Conversation.id == id).values(**changes))

    @staticmethod
    async def _next_seq(session: AsyncSession, id: str) -> int:
        """The conversation's next sequence number; the row stays locked until the transaction ends."""
        statement = (
            update(Conversation)
            .where(Conversation.id == id)
            .values(last_seq=Conversation.last_seq + 1)
            .returning(Conversation.last_seq)
        )
        return (await session.execute(statement)).scalar_one()

    async def say(self, session: AsyncSession, id: str, replies: Iterable[Reply], reply_to: int | None = None) -> None:
        """Add what is said to a person, in order, within a transaction."""
        for reply in replies:
            session.add(
                Message(
                    conversation_id=id,
                    seq=await self._next_seq(session, id),
                    client_id=reply.client_id,
                    author=reply.author.value,
                    type=reply.type,
                    language=reply.language,
                    content=reply.content,
                    reply_to=reply_to,
                    created_at=self._clock(),
                )
            )

    async def receive(self, id: str, client_id: str, type: str, content: dict[str, Any], language: str) -> int:
        """Store a person's message and give its sequence number; the same client id again gives the first one's.

        Raises:
            RepeatedIdError: the client id was used for another message.
        """
        try:
            async with self.transaction() as session:
                seq = await self._next_seq(session, id)
                reopened = update(Conversation).where(Conversation.id == id, Conversation.mode == Mode.CLOSED.value)
                await session.execute(reopened.values(mode=Mode.BOT.value))
                session.add(
                    Message(
                        conversation_id=id,
                        seq=seq,
                        client_id=client_id,
                        author=Author.PERSON.value,
                        type=type,
                        language=language,
                        content=content,
                        pending=True,
                        created_at=self._clock(),
                    )
                )
                return seq
        except IntegrityError:
            async with self.transaction() as session:
                query = select(Message).where(Message.conversation_id == id, Message.client_id == client_id)
                first = (await session.execute(query)).scalar_one_or_none()
            if first is None:
                raise
            if _said(first.content) != _said(content):
                raise RepeatedIdError(client_id) from None
            return first.seq

    async def pending(self, id: str) -> tuple[Conversation, Sequence[Message]] | None:
        """The conversation and its messages without an answer, the oldest first; None if there are none."""
        async with self.reading() as session:
            query = select(Message).where(Message.conversation_id == id, Message.pending).order_by(Message.seq)
            messages = (await session.execute(query)).scalars().all()
            conversation = await session.get(Conversation, id) if messages else None
            return (conversation, messages) if conversation else None

    async def unanswered(self) -> Sequence[str]:
        """The conversations with a message without an answer: after a restart, the bot goes on with these."""
        async with self.reading() as session:
            query = select(Message.conversation_id).where(Message.pending).distinct()
            return (await session.execute(query)).scalars().all()

    async def answer(self, id: str, seqs: Sequence[int], answered: Answered) -> bool:
        """Store the answer to one message, or to several read together, under the last.

        False, and nothing is stored, if there is one already, or if an advisor has left since it was worked out.
        """
        async with self.transaction() as session:
            taken = await session.execute(
                update(Message)
                .where(Message.conversation_id == id, Message.seq.in_(seqs), Message.pending)
                .values(pending=False)
                .returning(Message.id)
            )
            if len(taken.scalars().all()) != len(seqs):
                await session.rollback()
                return False
            conversation = await session.get_one(Conversation, id, with_for_update=True)
            changes, replies = answered.changes, answered.replies
            if answered.mode == Mode.ADVISOR.value != conversation.mode:
                await session.rollback()  # the advisor left meanwhile, and this was worked out to be silent: once more
                return False
            if conversation.mode == Mode.ADVISOR.value != answered.mode:
                replies = [reply for reply in replies if reply.type == "urgent"]
                changes = {name: value for name, value in changes.items() if name == "urgent_at"}
            for name, value in changes.items():
                setattr(conversation, name, value)
            if answered.wait_for and conversation.mode in (Mode.BOT.value, Mode.CLOSED.value):
                conversation.mode, conversation.waiting_since = Mode.WAITING.value, self._clock()
                conversation.wait_reason = answered.wait_for
                session.add(QueueEvent(at=self._clock(), conversation_id=id, what="joined"))
            await session.flush()
            await self.say(session, id, replies, reply_to=seqs[-1])
            session.add(
                Turn(
                    at=self._clock(),
                    channel=conversation.channel,
                    language=conversation.language,
                    topic=answered.topic,
                    question=answered.question,
                    level=answered.level,
                    outcome=answered.outcome,
                    milliseconds=answered.milliseconds,
                )
            )
            if answered.call_back:
                session.add(CallBack(conversation_id=id, **answered.call_back))
            return True

    async def messages_after(self, id: str, seq: int, limit: int = 200) -> Sequence[Message]:
        """The conversation's messages after a sequence number, in order."""
        async with self.reading() as session:
            query = select(Message).where(Message.conversation_id == id, Message.seq > seq).order_by(Message.seq).limit(limit)
            return (await session.execute(query)).scalars().all()

    async def erase(self, id: str) -> None:
        """Delete a conversation and everything that belongs to it, also what was asked in it and kept as a wrong answer."""
        async with self.transaction() as session:
            await session.execute(delete(WrongAnswer).where(WrongAnswer.conversation_id == id))
            await session.execute(delete(Conversation).where(Conversation.id == id))

    async def reached(self, id: str, mark: str, seq: int) -> bool:
        """Keep how far a conversation is `delivered`, `read` or `read_at_desk`; whether that is further than before."""
        column = getattr(Conversation, mark)
        further = update(Conversation).where(Conversation.id == id, column < seq, Conversation.last_seq >= seq)
        async with self.reading() as session:
            known = (await session.execute(select(column).where(Conversation.id == id))).scalar_one_or_none()
        if known is None or known >= seq:  # most often, and then nothing has to be written
            return False
        async with self.transaction() as session:
            return (await session.execute(further.values({mark: seq}).returning(column))).scalar_one_or_none() is not None

    async def last_by(self, id: str, author: Author) -> int:
        """The number of the last message of this author, 0 if there is none."""
        async with self.reading() as session:
            query = select(func.max(Message.seq)).where(Message.conversation_id == id, Message.author == author.value)
            return (await session.execute(query)).scalar_one() or 0

    async def turns(self) -> Sequence[Turn]:
        """All turns, the oldest first."""
        async with self.reading() as session:
            return (await session.execute(select(Turn).order_by(Turn.id))).scalars().all()

    async def call_backs(self) -> Sequence[CallBack]:
        """All call-back requests, the one due first first."""
        async with self.reading() as session:
            return (await session.execute(select(CallBack).order_by(CallBack.starts_at))).scalars().all()
