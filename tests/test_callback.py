"""The call-back request, step by step."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.callback import CallBackForm, Step
from guidance.knowledge import Knowledge

MONDAY = datetime(2026, 11, 30, 11, 20, tzinfo=ZoneInfo("Europe/Helsinki"))


def form(known: Knowledge, language: str = "en", now: datetime = MONDAY) -> CallBackForm:
    return CallBackForm(known, known.service.language(language), now.astimezone(UTC))


def press(step: Step, label_or_number: int) -> str:
    return step.choices[label_or_number - 1]["payload"]


def through(asked: CallBackForm, *replies: int | str) -> Step:
    """Answer the form's questions: a number presses that button, a text is written."""
    step = asked.start()
    for reply in replies:
        assert step.form is not None
        answer = (
            asked.reply(step.form, None, press(step, reply)) if isinstance(reply, int) else asked.reply(step.form, reply, None)
        )
        assert answer is not None, f"{reply!r} was not taken at {step.form}"
        step = answer
    return step


def test_a_request_by_phone_from_beginning_to_end(known: Knowledge) -> None:
    done = through(form(known), 1, "040 123 4567", 1, 2, 1)
    assert done.request is not None
    assert done.form is None
    assert (done.request["how"], done.request["contact"]) == ("phone", "+358401234567")
    assert (done.request["language"], done.request["interpreter"]) == ("en", False)
    assert done.request["reference"] in done.text


def test_offered_times_are_within_opening_hours_and_not_in_the_past(known: Knowledge) -> None:
    asked = form(known)
    times = asked._times()
    assert times
    for start, end in times:
        assert start >= MONDAY + timedelta(minutes=30)
        assert known.hours.at(start).open
        assert known.hours.at(end - timedelta(minutes=1)).open


def test_on_a_friday_afternoon_the_first_time_is_on_monday(known: Knowledge) -> None:
    start, _end = form(known, now=datetime(2026, 12, 4, 13, tzinfo=ZoneInfo("Europe/Helsinki")))._times()[0]
    assert start.astimezone(known.hours.zone).isoformat() == "2026-12-07T10:00:00+02:00"


@pytest.mark.parametrize("bad", ["hello", "12", "040", "+358 1", "my number is secret", "999999999999"])
def test_what_is_no_phone_number_is_not_taken(known: Knowledge, bad: str) -> None:
    asked = form(known)
    step = through(asked, 1)
    assert step.form is not None
    assert asked.reply(step.form, bad, None) is None
    assert "+358" in asked.problem(step.form).text


@pytest.mark.parametrize(
    "number", ["0401234567", "+358 40 123 4567", "00358401234567", "040-123 4567", "+46 70 123 45 67", "٠٤٠١٢٣٤٥٦٧"]
)
def test_phone_numbers_as_people_write_them_are_taken(known: Knowledge, number: str) -> None:
    step = through(form(known), 1, number)
    assert step.form is not None
    assert step.form["contact"].startswith("+")


@pytest.mark.parametrize(
    ("address", "taken"), [("a.b@example.com", True), ("a.b@example", False), ("a b@example.com", False), ("x", False)]
)
def test_an_email_address_must_be_whole(known: Knowledge, address: str, taken: bool) -> None:
    asked = form(known)
    step = through(asked, 3)
    assert step.form is not None
    assert (asked.reply(step.form, address, None) is not None) is taken


def test_a_language_no_advisor_speaks_comes_with_an_interpreter(known: Knowledge) -> None:
    step = through(form(known, "ar"), 2, "0401234567", 1)
    assert step.form is not None
    assert (step.form["language"], step.form["interpreter"], step.form["step"]) == ("ar", True, "time")


def test_it_can_be_cancelled_at_every_step(known: Knowledge) -> None:
    for replies in ([], [1], [1, "0401234567"], [1, "0401234567", 1], [1, "0401234567", 1, 1]):
        asked = form(known)
        step = through(asked, *replies)
        assert step.choices[-1]["payload"] == "callback:cancel"
        assert step.form is not None
        ended = asked.reply(step.form, None, "callback:cancel")
        assert ended is not None
        assert ended.form is None
        assert ended.request is None


def test_every_language_asks_in_its_own_words(known: Knowledge) -> None:
    english = form(known).start().text
    for language in known.service.languages:
        if language.code != "en":
            assert form(known, language.code).start().text != english, language.code
