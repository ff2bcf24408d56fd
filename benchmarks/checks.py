"""What came of a simulated day: what people and advisors did and saw, against what is stored at its end."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from sqlalchemy import select

from benchmarks.simulation import Day
from bot.masking import mask
from bot.store import Store
from bot.tables import Advisor, Author, CallBack, Conversation, Message, Mode, QueueEvent, Rating

FINISHED = ("closed", "handed_back", "blocked")
"""The events by which an advisor ends a conversation."""
NEAR = 5.0
"""An estimate is near if it is no more minutes off than this: people are told it rounded up to five minutes."""


@dataclass(frozen=True)
class Stored:
    """All that is stored at the end of a day."""

    conversations: dict[str, Conversation]
    messages: dict[str, list[Message]]
    events: dict[str, list[QueueEvent]]
    call_backs: Sequence[CallBack]
    advisors: dict[int, Advisor]
    ratings: Sequence[Rating]


async def read(store: Store) -> Stored:
    """Everything of a day, in order."""
    async with store.reading() as session:
        messages, events = defaultdict(list), defaultdict(list)
        for message in (await session.execute(select(Message).order_by(Message.conversation_id, Message.seq))).scalars():
            messages[message.conversation_id].append(message)
        for event in (await session.execute(select(QueueEvent).order_by(QueueEvent.id))).scalars():
            events[event.conversation_id].append(event)
        return Stored(
            {conversation.id: conversation for conversation in (await session.execute(select(Conversation))).scalars()},
            messages,
            events,
            (await session.execute(select(CallBack))).scalars().all(),
            {advisor.id: advisor for advisor in (await session.execute(select(Advisor))).scalars()},
            (await session.execute(select(Rating))).scalars().all(),
        )


@dataclass
class Report:
    """Figures of a day, how wrong the estimate was, and everything that should not have happened."""

    figures: dict[str, Any] = field(default_factory=dict)
    estimate: dict[str, dict[str, float]] = field(default_factory=dict)
    points: list[tuple[float, float]] = field(default_factory=list)
    """Of everybody who joined the queue and was taken from it: the minutes estimated, and those waited."""
    violations: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The report as text."""
        lines = [f"  {name}: {value}" for name, value in self.figures.items()]
        lines += ["", f"The wait of {len(self.points)} people who joined the queue and were taken from it, in minutes:"]
        lines.append(f"  {'':30}" + "".join(f"{name:>16}" for name in ERRORS))
        for title, errors in self.estimate.items():
            lines.append(f"  {title:30}" + "".join(f"{errors[name]:16.2f}" for name in ERRORS))
        lines += ["", f"{len(self.violations)} violations", *(f"  {violation}" for violation in self.violations)]
        return "\n".join(lines)


ERRORS = ("median error", "mean error", "bias", "within 5 min", "within twofold")
"""Of estimates: absolute errors, estimated less real, and shares; in the last one less than a minute counts as one."""


def errors(points: Sequence[tuple[float, float]]) -> dict[str, float]:
    """How wrong estimates were; `points` are pairs of estimated and real minutes."""
    off = [estimated - real for estimated, real in points]
    ratios = [max(estimated, 1) / max(real, 1) for estimated, real in points]
    values = (
        median(map(abs, off)),
        fmean(map(abs, off)),
        fmean(off),
        fmean(abs(error) <= NEAR for error in off),
        fmean(0.5 <= ratio <= 2 for ratio in ratios),
    )
    return {name: round(value, 2) for name, value in zip(ERRORS, values, strict=True)}


def check(day: Day, stored: Stored) -> Report:
    """Compare a day's log with what is stored."""
    report = Report(violations=list(day.log.problems))
    ends = {id: _end(day, stored, id) for id, events in stored.events.items() if any(e.what == "joined" for e in events)}
    for id, end in ends.items():
        if end not in ("claimed", "called back", "gone by choice"):
            report.violations.append(f"{id}: joined the queue, and {end}")
    for id in stored.conversations:
        report.violations += [f"{id}: {what}" for what in _wrong(day, stored, id)]
    if unknown := set(stored.messages) - set(day.people):
        report.violations.append(f"there are messages in conversations that nobody had: {sorted(unknown)}")
    report.points = _points(day, stored)
    if report.points:
        mean = fmean(real for _estimated, real in report.points)
        told = [(max(5, -(-estimated // 5) * 5), real) for estimated, real in report.points]
        report.estimate = {
            "Neuvo's estimate": errors(report.points),
            "as told (rounded up to 5)": errors(told),
            "always the day's mean": errors([(mean, real) for _estimated, real in report.points]),
        }
    report.figures = _figures(day, stored, ends, report.points)
    return report


def _end(day: Day, stored: Stored, id: str) -> str:
    """How it ended for somebody who waited: claimed, called back or gone by choice; else what is wrong."""
    conversation, last = stored.conversations[id], stored.events[id][-1]
    if conversation.mode == Mode.WAITING.value:
        return "still waits at the end of the day"
    if conversation.mode == Mode.ADVISOR.value:
        gone = "who is gone" if conversation.advisor_id in day.log.gone else "who is there"
        return f"is held at the end of the day by an advisor {gone}"
    if last.what in FINISHED:
        return "claimed"
    if any(request.conversation_id == id for request in stored.call_backs):
        return "called back"
    if id in day.log.chose and last.what in ("left", "not_served"):
        return "gone by choice"
    return f"was forgotten after: {last.what}"


def _wrong(day: Day, stored: Stored, id: str) -> Iterator[str]:
    """What is wrong with a conversation's messages."""
    messages = stored.messages.get(id, [])
    seqs = [message.seq for message in messages]
    if seqs != list(range(1, stored.conversations[id].last_seq + 1)):
        yield f"the sequence numbers are not 1 to {stored.conversations[id].last_seq}: {seqs}"
    sent = [(client_id, seq, mask(text)) for of, client_id, seq, text in day.log.sent if of == id]
    kept = [
        (message.client_id, message.seq, message.content.get("payload") or message.content["text"])
        for message in messages
        if message.author == Author.PERSON.value
    ]
    if kept != sent:
        yield from _differences("message", [text for *_of, text in sent], [text for *_of, text in kept])
    replied = [text for of, text in day.log.replied if of == id]
    said = [message.content["text"] for message in messages if message.author == Author.ADVISOR.value]
    if [_plain(text) for text in said] != replied:
        yield from _differences("reply of an advisor", replied, [_plain(text) for text in said])
    if [(m.seq, m.content) for m in day.log.read.get(id, [])] != [(m.seq, m.content) for m in messages]:
        yield "what the person read is not what is stored"
    if pending := [message.seq for message in messages if message.pending]:
        yield f"messages {pending} have no answer"
    yield from _unanswered(day, stored, id)


def _plain(text: str) -> str:
    """A text without the marks that keep numbers in order in languages that run right to left."""
    return text.replace("\u2066", "").replace("\u2069", "")


def _differences(what: str, expected: list[str], found: list[str]) -> Iterator[str]:
    lost, more = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    for text in lost:
        yield f"a {what} is lost: {text!r}"
    for text in more:
        yield f"a {what} is there {'twice' if text in expected else 'that nobody sent here'}: {text!r}"
    if not lost and not more:
        yield f"a {what} is not in its place"


def _unanswered(day: Day, stored: Stored, id: str) -> Iterator[str]:
    """Messages that neither the assistant nor an advisor answered, and the assistant's while an advisor was there."""
    names = [advisor.name for advisor in stored.advisors.values()]
    messages = stored.messages.get(id, [])
    answered = {message.reply_to for message in messages}
    # What was written at the very moment in which an advisor came or left, the advisor has read.
    changed = {event.at for event in stored.events.get(id, [])}
    moments = {message.seq for message in messages if message.created_at in changed}
    advisor = False
    for message in messages:
        wording, text = day.known.wording(message.language), message.content.get("text", "")
        if message.author == Author.SYSTEM.value and text in [wording.advisor_joined(name) for name in names]:
            advisor = True
        elif message.author == Author.SYSTEM.value and text.startswith(
            (wording.advisor_left(), wording.advisor_closed(), wording.advisor_had_to_leave())
        ):
            advisor = False
        elif advisor and message.author in (Author.ASSISTANT.value, Author.SYSTEM.value) and message.type != "urgent":
            yield f"the assistant spoke while an advisor was there: {message.type}, {text!r}"
        elif message.author == Author.PERSON.value and not advisor and message.seq not in answered | moments:
            yield f"message {message.seq} was answered by nobody"


def _points(day: Day, stored: Stored) -> list[tuple[float, float]]:
    points = []
    for id, (at, minutes) in day.log.estimated.items():
        after = [event for event in stored.events[id] if event.at >= at and event.what != "joined"]
        first = next((event for event in after if event.what in ("claimed", "left", "not_served")), None)
        if first and first.what == "claimed":
            points.append((float(minutes), round((first.at - at).total_seconds() / 60, 2)))
    return points


def _figures(day: Day, stored: Stored, ends: dict[str, str], points: list[tuple[float, float]]) -> dict[str, Any]:
    happened = Counter(event.what for events in stored.events.values() for event in events)
    waits = [real for _estimated, real in points]
    ended = Counter(ends.values())
    outcomes = Counter(request.outcome or "in the list for later" for request in stored.call_backs)
    return {
        "people": len(day.people),
        "messages": sum(map(len, stored.messages.values())),
        "messages of people": len(day.log.sent),
        "replies of advisors": len(day.log.replied),
        **day.log.counts,
        "waited": len(ends),
        **{f"waited, and ended {end}": count for end, count in ended.items()},
        "told at closing time": happened["not_served"],
        **{name: happened[event] for name, event in EVENTS.items()},
        **{f"call-backs, {outcome}": count for outcome, count in outcomes.items()},
        "ratings": len(stored.ratings),
        "comments": sum(rating.comment is not None for rating in stored.ratings),
        "wait in minutes, median": round(median(waits), 1) if waits else None,
        "wait in minutes, longest": round(max(waits), 1) if waits else None,
    }


EVENTS = {
    "claimed": "claimed",
    "given to a colleague": "transferred",
    "came back to the queue": "returned",
    "given back to the assistant": "handed_back",
    "ended by an advisor": "closed",
    "left the queue": "left",
    "offered a call-back after ten minutes": "offered",
}
