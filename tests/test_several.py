"""People say one thing in several messages, and several things in one."""

import json
from collections.abc import Callable

import pytest

from bot.choices import question_of
from guidance.content import ROOT
from tests.conftest import Person

People = Callable[..., Person]

IN_PIECES = {
    "fi": ["hei", "tarvitsen apua", "poika 3 vuotta", "haen päiväkotiin"],
    "sv": ["hej", "behöver hjälp", "min son 3 år", "söka dagis plats"],
    "en": ["hi", "i need help", "my son 3 years", "apply day care"],
    "ku": ["silav", "alîkarî dixwazim", "kurê min 3 salî", "serlêdana kreşê"],
    "ckb": ["سڵاو", "یارمەتیم دەوێت", "کوڕەکەم ٣ ساڵە", "داوای باخچەی ساوایان"],
}


@pytest.mark.parametrize("language", sorted(IN_PIECES))
def test_several_short_messages_within_a_moment_are_read_and_answered_together(person: People, language: str) -> None:
    someone = person(language, True)
    first, *_between, last = [someone.send(text) for text in IN_PIECES[language]]
    reply = someone.replies_to(last)[-1]
    asked = {reply.get("id"), *(choice["payload"] for choice in reply["choices"])}
    assert any("early_childhood_education" in (name or "") for name in asked), asked
    answered = {message["reply_to"] for message in someone.messages() if message["author"] != "person"}
    assert answered == {last}, f"one answer, not one for each from {first} on"


def test_danger_in_one_of_them_is_not_lost(person: People) -> None:
    someone = person("en", True)
    last = [someone.send(text) for text in ("hi", "please help", "my kitchen is on fire")][-1]
    someone.replies_to(last)
    assert "urgent" in {message["type"] for message in someone.messages()}


def test_danger_is_not_thinned_out_by_a_question_that_is_read_with_it(person: People) -> None:
    someone = person("fi", True)
    someone.send("mieheni ei hengitä")
    replies = someone.say("Mistä saan verokortin, aloitan uudessa työssä?")
    assert replies[0]["type"] == "urgent"


def test_a_long_message_that_came_first_is_answered_by_itself(person: People) -> None:
    someone = person("en", True)
    first = someone.send("How can I find a rental apartment in Espoo?")
    second = someone.send("And where do I get a tax card for my new job?")
    assert [someone.replies_to(seq)[-1]["id"] for seq in (first, second)] == [
        "housing/find_rental",
        "studying_and_working/tax_card",
    ]


def test_a_question_after_a_greeting_is_answered_with_it(person: People) -> None:
    someone = person("en", True)
    someone.send("hello")
    (reply,) = someone.say("How can I find a rental apartment in Espoo, we are five people?")
    assert reply["id"] == "housing/find_rental"


def test_a_button_is_answered_by_itself(person: People) -> None:
    someone = person("en", True)
    hello = someone.send("hello")
    pressed = someone.send(payload='/housing{"question": "find_rental"}')
    assert someone.replies_to(hello)[0]["type"] == "notice"
    assert someone.replies_to(pressed)[0]["id"] == "housing/find_rental"


TWO_THINGS = [
    (
        "en",
        "I lost my job and cannot pay the rent",
        {"register_jobseeker", "unemployment_benefit", "homelessness", "housing_allowance"},
    ),
    ("fi", "Miten haen päiväkotipaikkaa ja mistä saan verokortin?", {"apply", "tax_card"}),
    ("sv", "Hur bokar jag tid hos tandläkaren och hur hittar jag en hyresbostad?", {"dental_care", "find_rental"}),
]


@pytest.mark.parametrize(("language", "text", "asked"), TWO_THINGS)
def test_of_two_things_in_one_message_one_is_answered_and_the_other_offered(
    person: People, language: str, text: str, asked: set[str]
) -> None:
    reply = person(language, True).say(text)[-1]  # a line about danger may come first
    offered = [choice["payload"] for choice in reply["choices"]]
    found = {name for name in asked if any(f'"{name}"' in payload for payload in offered)}
    if reply["type"] == "answer":
        assert reply["id"].partition("/")[2] in asked
        found.add(reply["id"].partition("/")[2])
    assert len(found) >= 2, offered


@pytest.mark.parametrize("language", ["fi", "en", "ku"])
def test_of_two_things_in_messages_never_seen_both_are_mostly_found(person: People, language: str) -> None:
    lines = (ROOT / "tests" / "several" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    found = []
    for line in map(json.loads, lines):
        said = person(language, True).say(line["text"])[-1]
        offered = {said.get("id"), *(question_of(choice["payload"]) for choice in said["choices"])}
        found.append(len(offered & set(line["labels"])))
    one, both = (sum(count >= least for count in found) / len(found) for least in (1, 2))
    assert (one >= 0.9) and (both >= 0.6), f"one of two {one:.0%}, both {both:.0%}"
