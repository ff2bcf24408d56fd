"""Being handed to a person: asked for, called back, and the assistant's silence meanwhile."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.conftest import FULL, Person, Service

People = Callable[..., Person]

ASKING_FOR_A_HUMAN = {
    "fi": "Haluan puhua ihmisen kanssa",
    "sv": "Jag vill prata med en människa",
    "en": "I want to talk to a real person",
    "ku": "Ez dixwazim bi mirovekî re biaxivim",
    "ckb": "دەمەوێت لەگەڵ مرۆڤێک قسە بکەم",
}


@pytest.mark.parametrize("language", FULL)
def test_asking_for_a_person_tells_whether_one_is_there_and_offers_a_call_back(person: People, language: str) -> None:
    (reply,) = person(language).say(ASKING_FOR_A_HUMAN[language])
    assert (reply["type"], reply["reason"]) == ("handoff", "asked")
    assert isinstance(reply["open"], bool)
    assert (reply["opens_at"] is None) is reply["open"]
    assert "040 636 8097" in reply["text"]
    assert reply["choices"][0]["payload"] == "/request_callback"


def test_a_call_back_is_asked_for_stored_and_listed(person: People, service: Service) -> None:
    someone = person("en")
    someone.press("/human_handoff")
    (how,) = someone.press("/request_callback")
    assert how["type"] == "choices"
    someone.press("callback:phone")
    (wrong,) = someone.say("12345")
    assert "not a complete phone number" in wrong["text"]
    someone.say("040 123 4567")
    someone.say("3")  # English is the first of the list in an English conversation; 3 is Swedish
    (times,) = someone.press("callback:no")
    (done,) = someone.press(times["choices"][0]["payload"])
    assert "reference" in done["text"]
    with closing(sqlite3.connect(service.folder / "neuvo.sqlite3")) as database:
        row = database.execute(
            "SELECT how, contact, language, interpreter, reference FROM callbacks WHERE conversation_id = ?", (someone.id,)
        ).fetchone()
    assert row[:4] == ("phone", "+358401234567", "sv", 0)
    assert row[4] in done["text"]


def test_an_emergency_interrupts_the_call_back_form_which_then_goes_on(person: People) -> None:
    someone = person("en")
    someone.press("/request_callback")
    someone.press("callback:phone")
    urgent, again = someone.say("help there is a fire in our house and people are inside")
    assert urgent["type"] == "urgent"
    assert urgent["lines"][0]["number"] == "112"
    assert "phone number" in again["text"]
    (language,) = someone.say("0401234567")
    assert "language" in language["text"]


def test_a_question_during_the_form_is_answered_and_the_form_goes_on(person: People) -> None:
    someone = person("en")
    someone.press("/request_callback")
    answer, again = someone.say("How do I apply for Finnish citizenship?")
    assert answer["type"] == "answer"
    assert again["choices"][0]["payload"] == "callback:phone"


def test_while_an_advisor_talks_the_assistant_is_silent_and_while_waiting_it_answers(person: People, service: Service) -> None:
    someone = person("en")
    someone.say("hello")
    service.set_mode(someone.id, "advisor")
    seq = someone.send("How do I get a tax card?")
    urgent = someone.say("help, there is a fire here")  # answered in order, so the tax card was passed over
    assert [reply["type"] for reply in urgent] == ["urgent"]
    assert [message for message in someone.messages() if message["reply_to"] == seq] == []
    service.set_mode(someone.id, "waiting")
    (answer,) = someone.say("How do I get a tax card?")
    assert answer["type"] == "answer"


def test_a_button_of_the_call_back_form_is_not_answered_while_an_advisor_talks(person: People, service: Service) -> None:
    someone = person("en")
    someone.press("/request_callback")
    service.take(someone.id)
    seq = someone.send(payload="callback:phone")
    assert [reply["type"] for reply in someone.say("help, there is a fire here")] == ["urgent"]
    assert [message for message in someone.messages() if message["reply_to"] == seq] == []


def test_danger_is_heard_where_the_form_waits_for_a_number(person: People) -> None:
    someone = person("en", True)
    someone.press("/request_callback")
    someone.press("callback:phone")
    said = someone.say("my husband is going to kill me, call me 040 1234567")
    assert [message["type"] for message in said] == ["urgent", "choices"]
    assert said[-1]["text"] == "What is your phone number?"
    (language,) = someone.say("+358 (40) 123-4567")
    assert language["text"].startswith("In which language")


def test_buttons_of_before_are_silent_while_an_advisor_is_there(person: People, service: Service) -> None:
    someone = person("en", True)
    someone.press("/request_callback")
    service.set_mode(someone.id, "advisor")
    numbers = [someone.send(payload=payload) for payload in ("callback:phone", "rating:comment", "/housing", "queue:leave")]
    numbers.append(someone.send("0401234567"))
    time.sleep(2)
    assert [message for message in someone.messages() if message["reply_to"] in numbers] == []
    service.set_mode(someone.id, "bot")
