"""A simulated day at the service: people and advisors in simulated time, who use the real parts of bot/.

What somebody does is a course: it calls the real methods, and yields the minutes until its next step. One heap holds all courses
by the time of their next step; the day takes the first one off, sets the clock, and lets it take its step. So a day is as fast
as the parts are. The same seed makes the same people and advisors, who do the same until two things happen at the very same
moment, a message and a claim of its conversation: which is first is left to the parts, as in life.

All numbers here are assumptions: nobody has counted yet who comes to this service, when, and how long advisors take.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from heapq import heappop, heappush
from itertools import count
from random import Random

from bot.choices import LEAVE
from bot.conversation import Conversations
from bot.desk.accounts import Accounts
from bot.evaluation import URGENT
from bot.language import LanguageDetector
from bot.queue import AT_ONCE, Queue, TakenError, TooManyError
from bot.rasa import Rasa
from bot.rating import COMMENT, RATING
from bot.store import Store, connect
from bot.tables import Advisor, Author, CallBack, Conversation, Message, Mode, Outcome, Presence, Role, Score
from bot.watch import LOOK, Watch
from guidance.content import ROOT
from guidance.knowledge import Knowledge

DATE = date(2026, 11, 25)
"""A Wednesday that is no holiday: the desk is open from 10 to 16."""
BEGINS, NIGHT = time(8), time(20)
"""When the first people may come, and when whoever still is there goes to bed."""
ARRIVALS = {8: 4, 9: 8, 10: 20, 11: 17, 12: 11, 13: 16, 14: 11, 15: 7, 16: 4, 17: 2}
"""How many of a hundred people come in each hour: most after opening, and again after lunch."""
LANGUAGES = {"en": 28, "fi": 24, "ckb": 13, "ku": 11, "so": 7, "ar": 7, "sv": 5, "ru": 5}
"""How many of a hundred people write in each language."""
SPOKEN = (
    ("fi", "en"),
    ("fi", "en", "ckb"),
    ("en", "ar"),
    ("fi", "sv", "en"),
    ("fi", "en", "ku"),
    ("en", "ru"),
    ("fi", "en", "so"),
    ("en", "ckb", "ku"),
    ("fi", "en"),
    ("sv", "en"),
)
"""The languages of ten advisors; of more, the same again."""
SHIFTS = ((10, 16), (10, 16), (10, 14), (12, 16), (10, 14), (10, 16), (11, 15), (12, 16), (10, 14), (13, 16))
"""The hours of ten advisors."""
EARLY = timedelta(minutes=5)
"""How long before opening the first advisors come: earlier there is nobody to look after."""
LATE, SILENCE = timedelta(hours=1), timedelta(minutes=6)
"""How long after closing time advisors stay at most, and after which silence they end a conversation."""

Course = AsyncGenerator[float, None]


@dataclass
class Log:
    """What people and advisors did and saw, to be compared with what is stored."""

    sent: list[tuple[str, str, int, str]] = field(default_factory=list)
    """Accepted messages in the order of acceptance: conversation, client id, seq, text or payload."""
    replied: list[tuple[str, str]] = field(default_factory=list)
    """Advisors' replies in the order of acceptance: conversation and text."""
    read: dict[str, list[Message]] = field(default_factory=dict)
    """What each person has read, in order."""
    chose: dict[str, str] = field(default_factory=dict)
    """The last choice of those who did not want to wait: `left` the queue, or `declined` a call-back at closing time."""
    estimated: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """When somebody joined the queue, and the minutes of the estimate they were told."""
    gone: set[int] = field(default_factory=set)
    """The advisors whose page is not open any more."""
    samples: list[tuple[datetime, int, int, int]] = field(default_factory=list)
    """Every minute: how many wait, how many are with an advisor, how many advisors are free."""
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    """What people or advisors saw that should not have been."""


@cache
def _messages(code: str, urgent: bool) -> Sequence[str]:
    """The held-out messages of a language, those about danger or the others."""
    folder = ROOT / "tests" / "nlu"
    path = next(path for path in (folder / f"{code}.jsonl", folder / "interpreted" / f"{code}.jsonl") if path.exists())
    examples = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [example["text"] for example in examples if (example["label"] in URGENT) == urgent]


class Day:
    """The parts of the service with a clock of its own, and everybody who uses them.

    `url` is the address of an empty database; `watched` is False to see what happens without `Watch`.
    """

    def __init__(
        self, known: Knowledge, url: str, rasa: Rasa, seed: int, people: int, advisors: int, watched: bool = True
    ) -> None:
        self.known = known
        self.seed = seed
        self.night = self.at(NIGHT)
        self.now = self.at(BEGINS)
        self.opens, self.closes = known.hours.next_openings(self.now, 1)[0]
        self.store = Store(connect(url), self._clock)
        self.all = Conversations(self.store, rasa, known, LanguageDetector(known.service), self._clock)
        self.accounts = Accounts(self.store, self._clock)
        self.log = Log()
        self.people: dict[str, Person] = {}
        self.advisors: list[AtDesk] = []
        self._watch = Watch(self.all.queue, self.all.desk) if watched else None
        self._size = (people, advisors)
        self._steps: list[tuple[datetime, int, Course]] = []
        self._numbers = count()

    def _clock(self) -> datetime:
        return self.now

    def at(self, moment: time) -> datetime:
        """A moment of the day."""
        return datetime.combine(DATE, moment, self.known.hours.zone)

    def add(self, course: Course, at: datetime) -> None:
        """Let somebody take the next step of a course at a moment."""
        heappush(self._steps, (at, next(self._numbers), course))

    async def run(self, tell: Callable[[str], None] = lambda line: None) -> None:
        """Let the whole day pass; `tell` is called once an hour."""
        people, advisors = self._size
        for number in range(advisors):
            name = f"Advisor{number}"
            await self.accounts.add(f"{name.lower()}@example.org", name, None, Role.ADVISOR, SPOKEN[number % len(SPOKEN)])
        for number, account in enumerate(await self.accounts.everyone()):
            self.advisors.append(AtDesk(self, account, number))
        random = Random(f"{self.seed} arrivals")
        for number in range(people):
            (hour,) = random.choices(list(ARRIVALS), list(ARRIVALS.values()))
            # Of a Poisson process whose number of arrivals is known, each arrival is anywhere in its hour.
            at = self.at(time(hour)) + timedelta(minutes=random.uniform(0, 60))
            self.add(Person(self, number).course(), at)
        self.add(self._service(tell), self.opens - EARLY)
        while self._steps:
            self.now, _number, course = heappop(self._steps)
            try:
                minutes = await anext(course)
            except StopAsyncIteration:
                continue
            self.add(course, self.now + timedelta(minutes=minutes))
        for person in self.people.values():  # whoever comes back finds everything
            await person.read()

    async def _service(self, tell: Callable[[str], None]) -> Course:
        """What the service does by itself: the pages' beats, and the watch."""
        for step in count():
            if step % 3 == 0:  # a third as often as the pages: often enough to count as free
                for advisor in self.advisors:
                    if advisor.page:
                        await self.accounts.at_desk(advisor.account.id)
            if self._watch and (await self.all.queue.waiting() or await self.all.queue.held()):
                await self._watch.look()
            if step % (60 // LOOK) == 0:
                queue = self.all.queue
                sizes = [len(found) for found in (await queue.waiting(), await queue.held(), await queue.free())]
                self.log.samples.append((self.now, sizes[0], sizes[1], sizes[2]))
                if self.now.minute == 0:
                    waiting, held, free = sizes
                    came = len(self.people)
                    tell(f"{self.now:%H:%M}  {came} came, {waiting} wait, {held} with an advisor, {free} advisors free")
            if not self._steps:
                return
            yield LOOK / 60


class Person:
    """Somebody who needs advice."""

    def __init__(self, day: Day, number: int) -> None:
        self.day = day
        self.random = random = Random(f"{day.seed} person {number}")
        self.number = number
        (self.language,) = random.choices(list(LANGUAGES), list(LANGUAGES.values()))
        self.wants_a_person = random.random() < 0.6
        self.patience = timedelta(minutes=random.lognormvariate(3.4, 0.7))  # the median is half an hour
        self.takes_call_back = random.random() < 0.35
        self.sends_twice = random.random() < 0.1
        self.bad_line = random.random() < 0.2
        self.falls_silent = random.random() < 0.06
        self.questions_while_waiting = random.choice((0, 0, 0, 1, 2))
        self.things_to_say = max(1, round(random.lognormvariate(1.7, 0.6)))  # the median is five or six
        self.id = ""
        self.filling = False
        self.talked = False
        self.offered = False
        self._sent = count(1)
        self._last: tuple[str, str | None, str | None, int] | None = None
        self._seen = 0

    async def course(self) -> Course:
        """Ask the assistant, and perhaps an advisor."""
        page = self.language if self.random.random() < 0.7 else "en"
        self.id = (await self.day.all.open("web", page)).id
        self.day.people[self.id] = self
        self.day.log.read[self.id] = []
        for _question in range(self.random.choice((1, 1, 2))):
            yield self.random.uniform(0.3, 2)
            await self.write(self._question())
        if not self.wants_a_person:
            return
        yield self.random.uniform(0.3, 1.5)
        if await self.ask_for_a_person():
            async for minutes in self._wait():
                yield minutes
        elif self.random.random() < 0.7:
            self.day.log.counts["call-backs asked for, nobody being there"] += 1
            async for minutes in self._ask_for_call_back():
                yield minutes

    def _question(self) -> str:
        return self.random.choice(_messages(self.language, urgent=self.random.random() < 0.02))

    async def send(self, text: str | None = None, payload: str | None = None) -> None:
        """Send a message, twice if the client is one that does; the answer is not waited for."""
        client_id = f"m{next(self._sent)}"
        times = 2 if self.sends_twice else 1
        seqs = await asyncio.gather(*(self.day.all.receive(self.id, client_id, text, payload) for _time in range(times)))
        self._last = (client_id, text, payload, seqs[0])
        self.day.log.sent.append((self.id, client_id, seqs[0], text or payload or ""))
        self.day.log.counts["messages sent twice"] += times - 1
        if len(set(seqs)) != 1:
            self.day.log.problems.append(f"{self.id}: {client_id} was accepted as {seqs}")

    async def write(self, text: str | None = None, payload: str | None = None) -> list[Message]:
        """Send a message and read what is said to it."""
        await self.send(text, payload)
        await self.day.all.settled(self.id)
        return await self.read()

    async def read(self) -> list[Message]:
        """Read what is new, as a client does after a disconnect; what others wrote."""
        new = await self.day.store.messages_after(self.id, self._seen)
        self.day.log.read[self.id] += new
        self._seen = new[-1].seq if new else self._seen
        said = [message for message in new if message.author != Author.PERSON.value]
        offers = [choice["payload"] for message in said for choice in message.content.get("choices", [])]
        self.offered |= "/request_callback" in offers
        self.talked |= any(message.author == Author.ADVISOR.value for message in said)
        return said

    async def state(self) -> Conversation:
        """The conversation as the page knows it."""
        found = await self.day.store.conversation(self.id)
        assert found
        return found

    async def ask_for_a_person(self) -> bool:
        """Press the button; whether the person waits now, after noting what they were told of the wait."""
        self.day.log.counts["asked for a person"] += 1
        said = await self.write(payload="/human_handoff")
        return await self.joined(said)

    async def joined(self, said: list[Message]) -> bool:
        """Whether the person waits, and what they were told fits to it."""
        told = [message for message in said if LEAVE in [choice["payload"] for choice in message.content.get("choices", [])]]
        current = await self.state()
        waits = current.mode == Mode.WAITING.value
        if waits != bool(told):
            self.day.log.problems.append(f"{self.id}: told of a place in the queue: {bool(told)}; waits: {waits}")
        if waits and self.id not in self.day.log.estimated:
            minutes = await self.day.all.estimate.minutes(await self.day.all.queue.place(current))
            self.day.log.estimated[self.id] = (self.day.now, minutes)
            if told and self.day.known.wording(told[-1].language).estimate(minutes) not in told[-1].content["text"]:
                self.day.log.problems.append(f"{self.id}: the estimate was {minutes} minutes, and something else was told")
        return waits

    async def blurt(self) -> None:
        """Send something without looking up: the next button of a form, or a question. The answer is not waited for."""
        if self.filling:
            choices = [choice["payload"] for choice in (await self.state()).choices]
            await self.send(payload=choices[0] if choices else None, text=None if choices else "040 123 4567")
        else:
            await self.send(self._question())

    async def _wait(self) -> Course:
        """Wait for an advisor and talk to them, until it is over one way or another."""
        since = self.day.now
        while self.day.now < self.day.night:
            yield self.random.uniform(0.4, 1.4)
            if self.bad_line and self.random.random() < 0.1:
                async for minutes in self._lose_the_line():
                    yield minutes
            said = await self.read()
            mode = (await self.state()).mode
            if mode == Mode.ADVISOR.value:
                self.talked, since = True, self.day.now
                if self.falls_silent:
                    return
                if self.things_to_say and any(message.author == Author.ADVISOR.value for message in said):
                    yield self.random.lognormvariate(0.4, 0.7)  # reading and typing
                    self.things_to_say -= 1
                    await self.write(self._question())
                continue
            if mode != Mode.WAITING.value:
                break
            self.talked = False
            if self.offered and self.takes_call_back:
                self.takes_call_back = False
                async for minutes in self._ask_for_call_back():
                    yield minutes
                if (await self.state()).mode == Mode.WAITING.value and self.random.random() < 0.8:
                    await self._leave()
                    return
            elif self.day.now - since > self.patience:
                await self._leave()
                return
            elif self.questions_while_waiting and self.random.random() < 0.15:
                self.questions_while_waiting -= 1
                await self.write(self._question())
        async for minutes in self._afterwards():
            yield minutes

    async def _leave(self) -> None:
        self.day.log.chose[self.id] = "left"
        await self.write(payload=LEAVE)

    async def _lose_the_line(self) -> Course:
        """Be gone for some minutes, then send the last message again, not knowing that it had arrived."""
        self.day.log.counts["disconnects"] += 1
        yield self.random.uniform(2, 12)
        if self._last:
            client_id, text, payload, seq = self._last
            again = await self.day.all.receive(self.id, client_id, text, payload)
            if again != seq:
                self.day.log.problems.append(f"{self.id}: {client_id} was accepted as {seq} and as {again}")
            await self.day.all.settled(self.id)

    async def _afterwards(self) -> Course:
        """Nobody waits any more: rate the advisor, or go on with the assistant, or take the call-back that was offered."""
        mode = (await self.state()).mode
        if not self.talked:
            if not self.offered:
                self.day.log.problems.append(f"{self.id}: turned away without the offer of a call-back")
            if self.random.random() < 0.85:
                async for minutes in self._ask_for_call_back():
                    yield minutes
            else:
                self.day.log.chose[self.id] = "declined"
        elif mode == Mode.CLOSED.value:
            if self.random.random() < 0.45:
                yield self.random.uniform(0.1, 2)
                await self.write(payload=f"{RATING}{self.random.choice(list(Score)).value}")
                if self.random.random() < 0.4:
                    await self.write(payload=COMMENT)
                    yield self.random.uniform(0.3, 1)
                    await self.write(self.random.choice(("Kiitos!", "The advisor was kind.", "زۆر سوپاس")))
            elif self.random.random() < 0.1 and await self.ask_for_a_person():
                async for minutes in self._wait():
                    yield minutes
        else:
            yield self.random.uniform(0.3, 2)
            await self.write(self._question())

    async def _ask_for_call_back(self) -> Course:
        """Fill in the real form, with a slip now and then."""
        self.filling = True
        await self.write(payload="/request_callback")
        for _step in range(9):
            yield self.random.uniform(0.2, 0.7)
            await self.read()
            current = await self.state()
            if not current.form or current.mode == Mode.ADVISOR.value:
                break
            choices = [choice["payload"] for choice in current.choices if choice["payload"] != "callback:cancel"]
            if current.form["step"] != "contact":
                await self.write(payload=self.random.choice(choices))
            elif self.random.random() < 0.15:
                await self.write("12")
            elif current.form["how"] == "email":
                await self.write(f"person{self.number}@example.org")
            else:
                await self.write(f"+358 40 123 4{self.number:03}")
        self.filling = False


@dataclass
class Talk:
    """What an advisor knows of a conversation they hold: since when, how many minutes it may take, how far they have read it.

    `heard` is when something was last said; `unanswered` that the person has not had a reply to it.
    """

    since: datetime
    minutes: float
    heard: datetime
    seen: int = 0
    unanswered: bool = False


class AtDesk:
    """An advisor at the desk, who does what the desk's pages do."""

    def __init__(self, day: Day, account: Advisor, number: int) -> None:
        self.day = day
        self.account = account
        self.random = random = Random(f"{day.seed} advisor {number}")
        starts, ends = SHIFTS[number % len(SHIFTS)]
        self.starts = day.at(time(starts)) - timedelta(minutes=random.uniform(-4, 4))
        self.ends = day.at(time(ends))
        self.vanishes = day.at(time(12)) if number == 0 else None
        self.lunch: datetime | None = day.at(time(11)) + timedelta(minutes=random.choice((0, 30, 60, 90)))
        if self.vanishes or ends - starts < 5:
            self.lunch = None
        self.at_once = random.choice((2, 2, 2, 3, AT_ONCE))
        self.own_language_first = random.random() < 0.3
        self.page = False
        self._busy = False
        self._visitor = self._next_visitor(self.starts)
        self._talks: dict[str, Talk] = {}
        self._written = count(1)
        day.add(self._course(), self.starts)

    @property
    def _queue(self) -> Queue:
        return self.day.all.queue

    async def _presence(self, presence: Presence) -> None:
        await self.day.accounts.set_presence(self.account.id, presence)

    def _next_visitor(self, after: datetime) -> tuple[datetime, datetime]:
        comes = after + timedelta(minutes=self.random.expovariate(1 / 35))
        return comes, comes + timedelta(minutes=self.random.uniform(8, 30))

    async def _visitors(self) -> None:
        """Somebody comes to the counter now and then, or calls: until they are gone the advisor is busy and takes nobody."""
        comes, goes = self._visitor
        if self._busy != (busy := comes <= self.day.now < goes):
            self._busy = busy
            await self._presence(Presence.BUSY if busy else Presence.FREE)
        if self.day.now >= goes:
            self._visitor = self._next_visitor(self.day.now)

    async def _course(self) -> Course:
        self.page = True
        await self._presence(Presence.FREE)
        while True:
            now, held = self.day.now, await self._queue.held(self.account.id)
            self._talks = {conversation.id: self._talks.get(conversation.id) or self._begin() for conversation in held}
            if self.vanishes and now >= self.vanishes and held:
                break  # the laptop is shut, and nobody is told
            if self.lunch and now >= self.lunch:
                self.lunch = None
                async for minutes in self._put_down():
                    yield minutes
                yield self.random.uniform(25, 35)
                await self._presence(Presence.FREE)
            elif now >= self.ends and (not held or self.ends < self.day.closes or now > self.day.closes + LATE):
                async for minutes in self._put_down():
                    yield minutes
                break
            else:
                await self._visitors()
                async for minutes in self._act():
                    yield minutes
        self.page = False
        self.day.log.gone.add(self.account.id)

    def _begin(self) -> Talk:
        return Talk(self.day.now, self.random.lognormvariate(3.2, 0.6), self.day.now)  # the median is 25 minutes

    async def _put_down(self) -> Course:
        """Give every conversation to a colleague, or to the queue if nobody is there, and be away."""
        await self._presence(Presence.BUSY)
        for conversation in await self._queue.held(self.account.id):
            yield 0.3
            colleagues = await self._queue.free()
            if colleagues and self.random.random() < 0.8:
                await self._queue.transfer(conversation.id, self.account, self.random.choice(colleagues).id)
            else:
                await self._queue.give_back(conversation.id, self.account)
        await self._presence(Presence.AWAY)

    async def _act(self) -> Course:
        """One thing: answer who waits for a reply, end what is at its end, take somebody, call somebody back, or look up."""
        for id, talk in self._talks.items():
            if new := await self.day.store.messages_after(id, talk.seen):
                talk.seen = new[-1].seq
                if any(message.author == Author.PERSON.value for message in new):
                    talk.unanswered, talk.heard = True, self.day.now
        unanswered = [id for id, talk in self._talks.items() if talk.unanswered]
        over = [id for id, talk in self._talks.items() if not talk.unanswered and self._is_over(talk)]
        last_claim = self.ends if self.ends == self.day.closes else self.ends - timedelta(minutes=10)
        may_take = not self._busy and self.day.now < last_claim and len(self._talks) < self.at_once
        waiting = await self._queue.waiting() if may_take else []
        if unanswered:
            id = min(unanswered, key=lambda id: self._talks[id].heard)
            yield self.random.lognormvariate(0, 0.6)  # reading and typing: the median is a minute
            await self._reply(id)
            self._talks[id].unanswered, self._talks[id].heard = False, self.day.now
        elif over:
            await self._end(over[0])
            yield self.random.uniform(0.2, 0.6)
        elif waiting:
            own = [conversation for conversation in waiting if conversation.language in self.account.languages]
            chosen = (own or waiting)[0] if self.own_language_first else waiting[0]
            yield self.random.uniform(0.1, 0.6)  # somebody else may be faster
            await self._claim(chosen.id)
        elif not self._talks and not self._busy and (due := await self._due()):
            async for minutes in self._call_back(due):
                yield minutes
        else:
            yield self.random.uniform(0.4, 1.4)

    def _is_over(self, talk: Talk) -> bool:
        return self.day.now - talk.since > timedelta(minutes=talk.minutes) or self.day.now - talk.heard > SILENCE

    async def _reply(self, id: str) -> None:
        conversation = await self.day.store.conversation(id)
        assert conversation
        phrase = self.day.known.translations.catalog(conversation.language).pgettext(
            "phrase", self.random.choice(self.day.known.phrases)
        )
        text = f"{phrase} {self.account.name}, {next(self._written)}"  # no two are the same
        await self._queue.reply(id, self.account, text)
        self.day.log.replied.append((id, text))

    async def _claim(self, id: str) -> None:
        """Take somebody, who in one of ten cases sends something at the same moment."""
        if self.random.random() < 0.1:
            await self.day.people[id].blurt()
        try:
            await self._queue.claim(id, self.account)
        except TakenError:
            self.day.log.counts["claims that came too late"] += 1
        except TooManyError:  # a colleague has just given them one
            self.day.log.counts["claims by somebody who held enough"] += 1
        await self.day.all.settled(id)

    async def _end(self, id: str) -> None:
        """End a conversation; one person in ten writes on at the same moment, and wants to talk to somebody after all."""
        person = self.day.people[id]
        writes_on = self.random.random() < 0.1
        if writes_on:
            await person.blurt()
            await person.send(payload="/human_handoff")
        await (self._queue.hand_back if self.random.random() < 0.12 else self._queue.close)(id, self.account)
        await self.day.all.settled(id)
        if writes_on:
            await person.joined(await person.read())

    async def _due(self) -> CallBack | None:
        """A call-back that is due and that nobody has taken."""
        requests = [request for request, _name in await self.day.all.records.call_backs()]
        return next((r for r in requests if r.advisor_id is None and r.starts_at <= self.day.now), None)

    async def _call_back(self, request: CallBack) -> Course:
        """Take a call-back and end it; by e-mail the conversation itself may be gone on with."""
        if not await self.day.all.records.take_call_back(request.reference, self.account):
            return
        await self._presence(Presence.BUSY)
        outcome = self.random.choices(list(Outcome), (70, 22, 8))[0]
        id = request.conversation_id
        if request.how == "email" and outcome is Outcome.REACHED:
            try:
                await self._queue.write_to(id, self.account)
            except TakenError:
                self.day.log.counts["call-backs to somebody who was being helped"] += 1
            else:
                yield self.random.uniform(1, 4)
                await self._reply(id)
                await self._queue.close(id, self.account)
        else:
            yield self.random.uniform(3, 10)
        await self.day.all.records.end_call_back(request.reference, self.account, outcome)
        if outcome is not Outcome.REACHED:
            await self._queue.not_reached(id, outcome is Outcome.WRONG_CONTACT)
        await self._presence(Presence.FREE)
