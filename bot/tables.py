"""The tables: conversations, their messages, one row of statistics a turn, call-back requests, and the advisors' desk."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, DateTime, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Mode(StrEnum):
    """Who answers in a conversation."""

    BOT = "bot"
    WAITING = "waiting"
    ADVISOR = "advisor"
    CLOSED = "closed"


class Author(StrEnum):
    """Who wrote a message."""

    PERSON = "person"
    ASSISTANT = "assistant"
    ADVISOR = "advisor"
    SYSTEM = "system"


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps datetimes without their zone, so one of another zone would become another moment."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The moment in UTC."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """The stored moment as an aware datetime."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[dict[str, Any]]: JSON, list[str]: JSON, datetime: Moment}


class Conversation(Base):
    """One person's conversation on one channel.

    `language_source`: page, detected or chosen, the weakest first. `other_language` is the language of the last message if
    that was surely not the conversation's. `choices` were offered last; `form` is the call-back request being filled in.
    Whoever goes back to the queue keeps `waiting_since`, and so a place at its front; `wait_reason` is the handoff's.
    `urgent_at` is when the person last spoke of an emergency or a crisis, until an advisor has ended the conversation.
    `person` is the same in all conversations of one person, as far as the person's own device says so; with `shares_history`
    an advisor may read the others. `delivered` and `read` count how far the person has got the messages and seen them,
    `read_at_desk` how far an advisor has.
    """

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(8))
    language_source: Mapped[str] = mapped_column(String(8), default="page")
    other_language: Mapped[str | None] = mapped_column(String(8))
    mode: Mapped[str] = mapped_column(String(8), default=Mode.BOT.value)
    topic: Mapped[str | None] = mapped_column(String(40))
    choices: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    form: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    waiting_since: Mapped[datetime | None]
    wait_reason: Mapped[str | None] = mapped_column(String(16))
    advisor_id: Mapped[int | None] = mapped_column(Integer, index=True)
    urgent_at: Mapped[datetime | None]
    person: Mapped[str] = mapped_column(String(32), index=True, default=lambda context: context.get_current_parameters()["id"])
    shares_history: Mapped[bool] = mapped_column(Boolean, default=False)
    blocked_until: Mapped[datetime | None]
    delivered: Mapped[int] = mapped_column(Integer, default=0)
    read: Mapped[int] = mapped_column(Integer, default=0)
    read_at_desk: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Message(Base):
    """One message. `pending` says that a person's message has no answer yet; `reply_to` is the message an answer belongs to."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("conversation_id", "seq"), UniqueConstraint("conversation_id", "client_id"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    seq: Mapped[int]
    client_id: Mapped[str | None] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(16))
    type: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(8))
    content: Mapped[dict[str, Any]]
    reply_to: Mapped[int | None]
    pending: Mapped[bool] = mapped_column(Boolean, default=False, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Turn(Base):
    """What happened in a turn, without its text: all statistics come from here."""

    __tablename__ = "turns"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    channel: Mapped[str] = mapped_column(String(16))
    language: Mapped[str] = mapped_column(String(8))
    topic: Mapped[str | None] = mapped_column(String(40))
    question: Mapped[str | None] = mapped_column(String(80))
    level: Mapped[str | None] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(16))
    milliseconds: Mapped[int]


class Outcome(StrEnum):
    """How a call-back ended."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    WRONG_CONTACT = "wrong_contact"


class CallBack(Base):
    """A person who asked to be called or written to; times are in UTC. `outcome` is None while it is still to be done."""

    __tablename__ = "callbacks"

    reference: Mapped[str] = mapped_column(String(12), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    how: Mapped[str] = mapped_column(String(8))
    contact: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(8))
    interpreter: Mapped[bool]
    topic: Mapped[str | None] = mapped_column(String(40))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    advisor_id: Mapped[int | None]
    outcome: Mapped[str | None] = mapped_column(String(16))


class Role(StrEnum):
    """What somebody at the desk may do: a supervisor sees and moves every conversation."""

    ADVISOR = "advisor"
    SUPERVISOR = "supervisor"


class Presence(StrEnum):
    """Whether an advisor takes conversations."""

    FREE = "free"
    BUSY = "busy"
    AWAY = "away"


class Advisor(Base):
    """Somebody who works at the desk. `name` is the first name that people are told; `seen_at` when the desk was last open."""

    __tablename__ = "advisors"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    password: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16), default=Role.ADVISOR.value)
    languages: Mapped[list[str]]
    presence: Mapped[str] = mapped_column(String(8), default=Presence.AWAY.value)
    seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class DeskSession(Base):
    """An advisor who is signed in. `id` is the SHA-256 of the cookie's token: reading the database lets nobody sign in.

    `only_language` and `only_topic` are what the queue is filtered by.
    """

    __tablename__ = "desk_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    advisor_id: Mapped[int] = mapped_column(ForeignKey("advisors.id", ondelete="CASCADE"))
    csrf: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(8))
    only_language: Mapped[str | None] = mapped_column(String(8))
    only_topic: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)


class SignIn(Base):
    """One attempt to sign in: with a password, or by OpenID Connect (`oidc`), where `login` is empty if no address was given."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    login: Mapped[str] = mapped_column(String(64))
    succeeded: Mapped[bool]
    oidc: Mapped[bool] = mapped_column(Boolean, default=False)


class Note(Base):
    """What advisors write about a conversation for each other. It is no message: the person's side has no way to it."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    advisor_id: Mapped[int] = mapped_column(ForeignKey("advisors.id"))
    text: Mapped[str] = mapped_column(String(2000))
    at: Mapped[datetime] = mapped_column(default=now)


class QueueEvent(Base):
    """What happened to a conversation at the desk, and who has or had it.

    joined, left, claimed, transferred, given_back, handed_back, closed, blocked; returned: the advisor was gone, or silent;
    offered: a call-back, after a long wait; not_served: it still waited at closing time; written: an advisor began to write to
    somebody who had asked for a call-back.
    """

    __tablename__ = "queue_events"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    advisor_id: Mapped[int | None] = mapped_column(ForeignKey("advisors.id"))
    what: Mapped[str] = mapped_column(String(16))


class Score(StrEnum):
    """How a person found the help of an advisor."""

    GOOD = "good"
    FAIR = "fair"
    BAD = "bad"


class Rating(Base):
    """What a person thought of a conversation with an advisor, once a conversation and advisor."""

    __tablename__ = "ratings"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    advisor_id: Mapped[int] = mapped_column(ForeignKey("advisors.id"))
    score: Mapped[str] = mapped_column(String(8))
    comment: Mapped[str | None] = mapped_column(String(2000))


class Block(Base):
    """Why somebody cannot reach an advisor for a while; the assistant goes on answering them. Kept when it is over or lifted."""

    __tablename__ = "blocks"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    advisor_id: Mapped[int] = mapped_column(ForeignKey("advisors.id"))
    reason: Mapped[str] = mapped_column(String(2000))
    until: Mapped[datetime]
    lifted_by: Mapped[int | None]


class Feedback(Base):
    """Whether a person found an answer of the assistant helpful."""

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("conversation_id", "seq"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    seq: Mapped[int]
    question: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(8))
    helpful: Mapped[bool]


class WrongAnswer(Base):
    """An answer of the assistant that an advisor found wrong: what was asked, and which curated answer was given."""

    __tablename__ = "wrong_answers"
    __table_args__ = (UniqueConstraint("conversation_id", "seq"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    conversation_id: Mapped[str] = mapped_column(String(32))
    seq: Mapped[int]
    advisor_id: Mapped[int] = mapped_column(ForeignKey("advisors.id"))
    asked: Mapped[str] = mapped_column(String(2000))
    question: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(8))


class ClosureAtDesk(Base):
    """A time the desk is closed beside content/opening_hours.yml, and who set and who lifted it: nothing is deleted."""

    __tablename__ = "closures"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    start: Mapped[datetime]
    end: Mapped[datetime]
    advisor_id: Mapped[int] = mapped_column(ForeignKey("advisors.id"))
    at: Mapped[datetime] = mapped_column(default=now)
    lifted_by: Mapped[int | None]
    lifted_at: Mapped[datetime | None]
