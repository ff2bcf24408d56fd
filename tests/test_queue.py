"""The queue: who waits, who gets whom, and that nobody is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from bot import migrations
from bot.desk.accounts import Accounts
from bot.estimate import NOTICE, TALK, Estimate
from bot.masking import MASK
from bot.notifier import Notifier
from bot.queue import AT_ONCE, NotYoursError, Queue, TakenError, TooManyError
from bot.records import Records
from bot.store import Answered, Reply, Store, connect
from bot.tables import Advisor, CallBack, Conversation, Message, Mode, Outcome, Presence, Role
from bot.training import Trainer
from bot.watch import GONE, SILENT, Watch
from guidance.knowledge import Knowledge
from guidance.opening_hours import DeskState
from tests.conftest import PASSWORD

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Desk:
    """A queue with its database, and a clock that stands."""

    def __init__(self, store: Store, known: Knowledge) -> None:
        self.now = NOON
        self.store = store
        self.accounts = Accounts(store, lambda: self.now)
        self.queue = Queue(store, Notifier(), known, lambda: self.now)
        self.watch = Watch(self.queue, self.hours)
        self.estimate = Estimate(self.queue)

    async def hours(self) -> DeskState:
        return self.queue.knowledge.hours.at(self.now)

    async def advisor(self, name: str, role: Role = Role.ADVISOR) -> Advisor:
        await self.accounts.add(name.lower(), name, PASSWORD, role, ["en"])
        found = next(advisor for advisor in await self.accounts.everyone() if advisor.name == name)
        await self.accounts.set_presence(found.id, Presence.FREE)
        return found

    async def person(self, id: str, minutes: int = 0) -> str:
        since = NOON - timedelta(minutes=minutes)
        await self.store.open(
            Conversation(
                id=id, channel="web", language="en", mode=Mode.WAITING.value, choices=[], last_seq=0, waiting_since=since
            )
        )
        return id

    async def mode(self, id: str) -> str:
        found = await self.store.conversation(id)
        assert found
        return found.mode

    async def told(self, id: str) -> list[str]:
        return [message.content["text"] for message in await self.store.messages_after(id, 0)]


@pytest.fixture(params=["sqlite", "postgresql"])
async def desk(tmp_path: Path, known: Knowledge, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """A desk on each of the two databases."""
    sqlite = f"sqlite:///{tmp_path}/neuvo.sqlite3"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres").database()
    migrations.upgrade(url)
    store = Store(connect(url))
    yield Desk(store, known)
    await store.close()


async def test_of_twenty_who_claim_at_once_one_gets_it_and_the_others_are_told_who(desk: Desk) -> None:
    advisors = [await desk.advisor(f"Advisor{number}") for number in range(20)]
    await desk.person("anna")
    results = await asyncio.gather(*(desk.queue.claim("anna", advisor) for advisor in advisors), return_exceptions=True)
    winners = [advisor.name for advisor, result in zip(advisors, results, strict=True) if result is None]
    assert len(winners) == 1
    losers = [result for result in results if result is not None]
    assert all(isinstance(result, TakenError) for result in losers)
    assert {result.by for result in losers} == set(winners)
    assert await desk.told("anna") == [f"An advisor is here now: {winners[0]}. The advisor reads what you write."]


async def test_one_advisor_holds_no_more_than_the_limit_however_fast_they_press(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    people = [await desk.person(f"person{number}") for number in range(AT_ONCE + 3)]
    results = await asyncio.gather(*(desk.queue.claim(id, ben) for id in people), return_exceptions=True)
    assert sum(result is None for result in results) == AT_ONCE
    assert sum(isinstance(result, TooManyError) for result in results) == 3
    assert len(await desk.queue.held(ben.id)) == AT_ONCE


async def test_the_longest_waiting_is_first_and_places_count_from_one(desk: Desk) -> None:
    await desk.person("late", 1)
    await desk.person("early", 9)
    waiting = await desk.queue.waiting()
    assert [conversation.id for conversation in waiting] == ["early", "late"]
    assert [await desk.queue.place(conversation) for conversation in waiting] == [1, 2]
    newcomer = Conversation(id="new", channel="web", language="en", mode=Mode.BOT.value, choices=[], last_seq=0)
    assert await desk.queue.place(newcomer) == 3
    assert await desk.queue.leave("early")
    assert not await desk.queue.leave("early")
    late = await desk.store.conversation("late")
    assert late
    assert await desk.queue.place(late) == 1
    assert await desk.mode("early") == Mode.BOT


async def test_who_spoke_of_danger_is_first(desk: Desk) -> None:
    await desk.person("early", 9)
    await desk.person("late", 1)
    await desk.store.change("late", urgent_at=NOON)
    waiting = await desk.queue.waiting()
    assert [(conversation.id, await desk.queue.place(conversation)) for conversation in waiting] == [("late", 1), ("early", 2)]
    newcomer = Conversation(id="new", channel="web", language="en", mode=Mode.BOT.value, choices=[], last_seq=0, urgent_at=NOON)
    assert await desk.queue.place(newcomer) == 2


async def test_a_conversation_that_is_given_back_is_first_again(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("early", 9)
    await desk.person("late", 1)
    await desk.queue.claim("early", ben)
    await desk.queue.give_back("early", ben)
    assert [conversation.id for conversation in await desk.queue.waiting()] == ["early", "late"]
    assert (await desk.told("early"))[-1] == "The advisor had to leave. You are first in the queue again."


async def test_the_conversations_of_an_advisor_whose_page_is_gone_come_back_to_the_queue(desk: Desk) -> None:
    ben, cara = await desk.advisor("Ben"), await desk.advisor("Cara")
    await desk.person("anna", 5)
    await desk.person("dara", 4)
    await desk.queue.claim("anna", ben)
    await desk.queue.claim("dara", cara)
    desk.now += GONE + timedelta(seconds=1)
    await desk.accounts.at_desk(cara.id)
    await desk.watch.return_forgotten()
    assert (await desk.mode("anna"), await desk.mode("dara")) == (Mode.WAITING, Mode.ADVISOR)
    assert len(await desk.queue.free()) == 1
    assert (await desk.told("anna"))[-1] == "The advisor had to leave. You are first in the queue again."


async def test_a_colleague_takes_over_and_the_person_is_told_who(desk: Desk) -> None:
    ben, cara = await desk.advisor("Ben"), await desk.advisor("Cara")
    await desk.person("anna")
    await desk.queue.claim("anna", ben)
    assert [advisor.name for advisor in await desk.queue.free()] == ["Ben", "Cara"]
    await desk.queue.transfer("anna", ben, cara.id)
    assert [conversation.id for conversation in await desk.queue.held(cara.id)] == ["anna"]
    assert (await desk.told("anna"))[-1] == "An advisor is here now: Cara. The advisor reads what you write."
    with pytest.raises(NotYoursError):
        await desk.queue.transfer("anna", ben, ben.id)
    with pytest.raises(NotYoursError):
        await desk.queue.transfer("anna", cara, 4711)


async def test_who_still_waits_at_closing_time_is_told_and_offered_a_call_back(desk: Desk, known: Knowledge) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna", 20)
    await desk.person("dara", 10)
    await desk.queue.claim("dara", ben)
    await desk.watch.close_for_the_day(known.hours.at(NOON))
    assert await desk.mode("anna") == Mode.WAITING
    closing = NOON + timedelta(hours=2)  # 16:00 in Helsinki
    await desk.watch.close_for_the_day(known.hours.at(closing))
    assert (await desk.mode("anna"), await desk.mode("dara")) == (Mode.BOT, Mode.ADVISOR)
    (notice,) = await desk.store.messages_after("anna", 0)
    assert "Advisors are here again tomorrow at 10:00" in notice.content["text"]
    assert [choice["payload"] for choice in notice.content["choices"]] == ["/request_callback"]


async def test_only_the_advisor_who_has_it_and_a_supervisor_act_on_a_conversation(desk: Desk) -> None:
    ben, cara, sofia = await desk.advisor("Ben"), await desk.advisor("Cara"), await desk.advisor("Sofia", Role.SUPERVISOR)
    await desk.person("anna")
    for act in (desk.queue.hand_back, desk.queue.close, desk.queue.give_back):
        with pytest.raises(NotYoursError):
            await act("anna", ben)
    await desk.queue.claim("anna", ben)
    with pytest.raises(NotYoursError):
        await desk.queue.reply("anna", cara, "Hello")
    await desk.queue.reply("anna", ben, "Hello, how can I help?")
    await desk.queue.hand_back("anna", sofia)
    assert await desk.mode("anna") == Mode.BOT


async def test_who_writes_after_the_end_is_with_the_assistant_again(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.claim("anna", ben)
    await desk.queue.close("anna", ben)
    assert await desk.mode("anna") == Mode.CLOSED
    await desk.store.receive("anna", "m1", "text", {"text": "one more thing"}, "en")
    assert await desk.mode("anna") == Mode.BOT


async def test_who_asks_for_an_advisor_at_the_moment_in_which_the_last_one_ends_it_waits(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.claim("anna", ben)
    await desk.store.receive("anna", "m1", "text", {"text": "a person, please"}, "en")
    await desk.queue.close("anna", ben)
    assert await desk.store.answer("anna", [2], Answered([], wait_for="asked", mode=Mode.CLOSED))
    assert await desk.mode("anna") == Mode.WAITING


async def test_numbers_in_a_reply_keep_their_order_in_a_language_that_runs_right_to_left(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.store.change("anna", language="ckb")
    await desk.queue.claim("anna", ben)
    await desk.queue.reply("anna", ben, "تەلەفۆن: 040 636 8097")
    assert (await desk.told("anna"))[-1] == "تەلەفۆن: \u2066040 636 8097\u2069"


async def test_who_waits_for_long_is_offered_a_call_back_once_and_waits_on(desk: Desk, known: Knowledge) -> None:
    await desk.person("patient", 11)
    await desk.person("new", 1)
    for _look in range(2):
        await desk.watch.offer_call_backs(known.hours.at(NOON))
    (notice,) = await desk.store.messages_after("patient", 0)
    assert "You can ask for a call-back" in notice.content["text"]  # nobody is at the desk
    assert [choice["payload"] for choice in notice.content["choices"]] == ["/request_callback"]
    assert await desk.told("new") == []
    assert await desk.mode("patient") == Mode.WAITING


async def test_a_personal_identity_code_is_kept_neither_from_a_reply_nor_from_a_note(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.claim("anna", ben)
    await desk.queue.reply("anna", ben, "Is it 131052-308T?")
    await desk.queue.note("anna", ben, "code 131052-308T")
    assert "308T" not in (await desk.told("anna"))[-1]
    assert [note.text for note, _name in await desk.queue.notes("anna")] == [f"code {MASK}"]


async def test_a_note_is_no_message(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.note("anna", ben, "Calls from a shelter")
    assert [(note.text, name) for note, name in await desk.queue.notes("anna")] == [("Calls from a shelter", "Ben")]
    assert await desk.told("anna") == []


async def test_a_training_conversation_is_seen_by_its_advisor_alone_and_leaves_nothing(desk: Desk) -> None:
    ben, cara = await desk.advisor("Ben"), await desk.advisor("Cara")
    trainer = Trainer(desk.queue, desk.queue.knowledge)
    id = await trainer.start(ben, "en")
    assert await desk.queue.waiting() == []
    assert [conversation.id for conversation in await desk.queue.practised(ben)] == [id]
    assert await desk.queue.practised(cara) == []
    with pytest.raises(TakenError):
        await desk.queue.claim(id, cara)
    await desk.queue.claim(id, ben)
    assert await desk.queue.held() == []
    for text in ("Hello!", "There is a place within two weeks for those who start work.", "No, please do not write it."):
        await desk.queue.reply(id, ben, text)
        conversation = await desk.store.conversation(id)
        assert conversation
        await trainer.go_on(conversation)
    messages = await desk.store.messages_after(id, 0)
    said = [message.content["text"] for message in messages if message.author == "person"]
    assert said[-1] == "I see. Thank you for your help, goodbye!"
    assert any(MASK in text for text in said)
    assert messages[-1].content["text"].startswith("Step 4")
    desk.now += GONE + timedelta(minutes=1)
    await desk.watch.look()  # a laptop that is shut leaves nobody waiting here
    assert await desk.mode(id) == Mode.ADVISOR
    await desk.queue.close(id, ben)
    assert await desk.store.conversation(id) is None
    assert await desk.store.messages_after(id, 0) == []


async def test_what_the_assistant_worked_out_is_not_said_over_an_advisor_who_came_meanwhile(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    number = await desk.store.receive("anna", "m1", "text", {"text": "my child does not breathe"}, "en")
    await desk.queue.claim("anna", ben)
    replies = [Reply("urgent", {"text": "Call 112", "lines": []}, "en"), Reply("notice", {"text": "And then?"}, "en")]
    answered = Answered(replies, {"urgent_at": desk.now, "topic": "housing", "choices": [{}]}, mode=Mode.WAITING.value)
    assert await desk.store.answer("anna", [number], answered)
    assert (await desk.told("anna"))[1:] == ["An advisor is here now: Ben. The advisor reads what you write.", "Call 112"]
    anna = await desk.store.conversation("anna")
    assert anna
    assert (anna.urgent_at, anna.topic, anna.choices) == (desk.now, None, [])


async def test_a_moment_is_the_same_whatever_its_time_zone(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    records = Records(desk.store, lambda: desk.now)
    start = (NOON + timedelta(hours=1)).astimezone(ZoneInfo("Europe/Helsinki"))
    await records.close(start, start + timedelta(hours=1), ben)
    ((closure, name),) = await records.closures()
    assert (closure.start, closure.end, name) == (NOON + timedelta(hours=1), NOON + timedelta(hours=2), "Ben")


async def call_back(desk: Desk, id: str, advisor: Advisor) -> None:
    values = {"how": "phone", "contact": "+358457770001", "language": "en", "interpreter": False}
    times = {"starts_at": NOON, "ends_at": NOON + timedelta(hours=1)}
    async with desk.store.transaction() as session:
        session.add(CallBack(reference=id, conversation_id=id, advisor_id=advisor.id, **values, **times))


async def test_who_took_a_call_back_may_write_until_it_is_done_and_no_further(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.leave("anna")
    await call_back(desk, "anna", ben)
    await desk.queue.write_to("anna", ben)
    await desk.queue.give_back("anna", ben)
    anna = await desk.store.conversation("anna")
    assert anna
    assert anna.waiting_since == desk.now  # a place in the queue, though they never waited
    await desk.queue.leave("anna")
    await Records(desk.store).end_call_back("anna", ben, Outcome.REACHED)
    anna = await desk.store.conversation("anna")
    assert anna
    assert not await desk.queue.may_read(anna, ben)
    with pytest.raises(NotYoursError):
        await desk.queue.write_to("anna", ben)


async def test_a_call_back_can_be_given_back_and_taken_by_a_colleague(desk: Desk) -> None:
    ben, cara, sofia = await desk.advisor("Ben"), await desk.advisor("Cara"), await desk.advisor("Sofia", Role.SUPERVISOR)
    await desk.person("anna")
    await call_back(desk, "anna", ben)
    records = Records(desk.store)
    await records.give_back_call_back("anna", cara)
    assert not await records.take_call_back("anna", cara)
    await records.give_back_call_back("anna", sofia)
    assert await records.take_call_back("anna", cara)


async def test_a_person_who_had_no_answer_for_long_gets_another_advisor_though_the_page_is_open(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.claim("anna", ben)
    await desk.store.receive("anna", "m1", "text", {"text": "hello?"}, "en")
    async with desk.store.transaction() as session:
        await session.execute(update(Message).where(Message.author == "person").values(created_at=desk.now))
    desk.now += SILENT - timedelta(minutes=1)
    await desk.accounts.at_desk(ben.id)
    await desk.watch.return_forgotten()
    assert await desk.mode("anna") == Mode.ADVISOR
    desk.now += timedelta(minutes=2)
    await desk.accounts.at_desk(ben.id)
    await desk.watch.return_forgotten()
    assert await desk.mode("anna") == Mode.WAITING
    assert len(await desk.queue.free()) == 1  # Ben is there, he only forgot


async def test_an_answer_worked_out_while_an_advisor_was_there_is_worked_out_again_when_they_left(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.claim("anna", ben)
    number = await desk.store.receive("anna", "m1", "text", {"text": "one more thing"}, "en")
    await desk.queue.close("anna", ben)
    silent = Answered([], {"choices": []}, mode=Mode.ADVISOR.value)
    assert not await desk.store.answer("anna", [number], silent)
    anna, pending = await desk.store.pending("anna") or (None, [])
    assert anna
    assert [message.seq for message in pending] == [number]
    assert [choice["payload"] for choice in anna.choices] == ["rating:good", "rating:fair", "rating:bad"]


async def test_a_block_ends_all_waiting_and_the_longest_one_holds(desk: Desk) -> None:
    ben, sofia = await desk.advisor("Ben"), await desk.advisor("Sofia", Role.SUPERVISOR)
    for id in ("phone", "laptop", "other"):
        await desk.person(id)
    await desk.store.change("laptop", person="phone")
    await desk.queue.claim("phone", ben)
    await desk.queue.block("phone", ben, "Code 131052-308T, threatened me", timedelta(hours=24))
    assert [conversation.id for conversation in await desk.queue.waiting()] == ["other"]
    await desk.store.change("laptop", mode=Mode.WAITING.value, waiting_since=desk.now)
    await desk.queue.claim("laptop", ben)
    await desk.queue.block("laptop", ben, "Again", timedelta(hours=1))
    laptop = await desk.store.conversation("laptop")
    assert laptop
    assert laptop.blocked_until == desk.now + timedelta(hours=24)
    records = Records(desk.store, lambda: desk.now)
    (short, _ben), (long, _name) = await records.blocks()
    assert MASK in long.reason
    await records.lift_block(long.id, sofia)
    laptop = await desk.store.conversation("laptop")
    assert laptop
    assert laptop.blocked_until == desk.now + timedelta(hours=1)
    await records.lift_block(short.id, sofia)
    laptop = await desk.store.conversation("laptop")
    assert laptop
    assert laptop.blocked_until is None


async def test_what_is_pressed_twice_counts_once(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    for _press in range(2):
        await desk.queue.claim("anna", ben)
        await desk.queue.reply("anna", ben, "Hello", "the form's key")
    assert await desk.told("anna") == ["An advisor is here now: Ben. The advisor reads what you write.", "Hello"]


async def test_a_call_back_is_not_offered_to_somebody_whose_advisor_has_come(desk: Desk, known: Knowledge) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna", 20)
    (read_before_the_claim,) = await desk.queue.waiting()
    await desk.queue.claim("anna", ben)
    await desk.watch.offer_call_back(read_before_the_claim, known.hours.at(NOON))
    assert await desk.told("anna") == ["An advisor is here now: Ben. The advisor reads what you write."]


async def test_how_far_a_conversation_was_read_never_goes_back(desk: Desk) -> None:
    ben = await desk.advisor("Ben")
    await desk.person("anna")
    await desk.queue.claim("anna", ben)
    await desk.queue.reply("anna", ben, "Hello")
    assert await desk.store.reached("anna", "read", 2)
    assert not await desk.store.reached("anna", "read", 1)
    assert not await desk.store.reached("anna", "read", 99)  # that does not exist yet
    anna = await desk.store.conversation("anna")
    assert anna
    assert anna.read == 2


async def test_the_wait_is_short_while_advisors_have_room_and_beyond_it_grows_with_the_place(desk: Desk) -> None:
    """Ben has held three at once today, Cara never more than one; their conversations took twenty minutes."""
    ben, cara = await desk.advisor("Ben"), await desk.advisor("Cara")
    for id, advisor in (("a", ben), ("b", ben), ("c", ben), ("d", cara), ("e", cara)):
        await desk.person(id)
        if id == "e":
            await desk.queue.close("d", cara)
        await desk.queue.claim(id, advisor)
    assert await desk.estimate.minutes(1) == NOTICE  # Cara has room for another
    assert await desk.estimate.minutes(2) == NOTICE + TALK / 4  # four are held
    desk.now += timedelta(minutes=20)
    for advisor in (ben, cara):
        await desk.accounts.at_desk(advisor.id)
    for id in ("a", "b", "c"):
        await desk.queue.close(id, ben)
    await desk.queue.close("e", cara)
    assert await desk.estimate.minutes(5) == NOTICE  # three with Ben, two with Cara
    await desk.accounts.set_presence(ben.id, Presence.AWAY)
    assert await desk.estimate.minutes(3) == NOTICE + 20
