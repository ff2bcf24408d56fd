"""Which payloads are taken, and which words select a choice that was offered."""

import pytest

from bot.choices import PayloadError, check_payload, select
from guidance.knowledge import Knowledge

QUESTION = '/housing{"question": "find_rental"}'
PERSON = {"label": "Talk to a person", "payload": "/human_handoff"}
TWO = [
    {"label": "How do I find a rental home in Espoo?", "payload": QUESTION},
    {"label": "Housing allowance", "payload": '/housing{"question": "housing_allowance"}'},
    PERSON,
]


@pytest.mark.parametrize("payload", [QUESTION, "/housing", "/human_handoff", "/request_callback", "language:ckb", "language:ar"])
def test_what_a_choice_can_carry_is_taken(known: Knowledge, payload: str) -> None:
    assert check_payload(payload, known.answers, known.service) == payload


@pytest.mark.parametrize(
    "payload",
    [
        "/restart",
        "/session_start",
        "/emergency",
        "/greet",
        "/housing/find_rental",
        '/housing{"question": "no_such"}',
        '/housing{"question": "find_rental", "topic": "x"}',
        '/housing{"question": ["find_rental"]}',
        '/housing{"slot": "x"}',
        "/housing{",
        "language:xx",
        "hello",
        "",
    ],
)
def test_anything_else_is_refused(known: Knowledge, payload: str) -> None:
    with pytest.raises(PayloadError):
        check_payload(payload, known.answers, known.service)


@pytest.mark.parametrize("said", ["2", " 2. ", "(2)", "٢", "۲", "housing allowance", "Housing allowance!"])
def test_a_number_or_its_own_words_select_a_choice(known: Knowledge, said: str) -> None:
    assert select(said, TWO, known.service.language("en")) == TWO[1]["payload"]


@pytest.mark.parametrize(
    ("language", "yes"),
    [("fi", "joo"), ("fi", "Kyllä!"), ("sv", "ja"), ("en", "Yes please"), ("ku", "erê"), ("ku", "bele"), ("ckb", "بەڵێ")],
)
def test_yes_takes_the_one_choice_there_is(known: Knowledge, language: str, yes: str) -> None:
    assert select(yes, [TWO[0], PERSON], known.service.language(language)) == QUESTION


@pytest.mark.parametrize("said", ["yes", "0", "7", "22", "how do I find a home", "no"])
def test_what_fits_no_choice_or_several_selects_none(known: Knowledge, said: str) -> None:
    assert select(said, TWO, known.service.language("en")) is None
