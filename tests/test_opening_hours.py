"""When an advisor is there, in Finland's calendar and clock."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from guidance.content import ContentError
from guidance.opening_hours import Closure, OpeningHours, read_opening_hours

HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.fixture
def hours() -> OpeningHours:
    return read_opening_hours()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HELSINKI)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-30T09:59", False),
        ("2026-11-30T10:00", True),
        ("2026-11-30T15:59", True),
        ("2026-11-30T16:00", False),
        ("2026-12-04T08:59", False),
        ("2026-12-04T09:00", True),
        ("2026-12-04T11:59", True),
        ("2026-12-04T12:00", False),
        ("2026-12-05T11:00", False),
    ],
)
def test_open_from_the_first_minute_to_the_last(hours: OpeningHours, moment: str, is_open: bool) -> None:
    assert hours.at(at(moment)).open is is_open


def test_the_next_opening_is_told_when_closed_and_the_closing_when_open(hours: OpeningHours) -> None:
    assert hours.at(at("2026-11-30T10:00")).closes_at == at("2026-11-30T16:00")
    assert hours.at(at("2026-11-30T10:00")).opens_at is None
    assert hours.at(at("2026-11-30T16:00")).opens_at == at("2026-12-01T10:00")
    assert hours.at(at("2026-12-04T12:00")).opens_at == at("2026-12-07T10:00")


# Finland's public holidays of 2027 and the two eves on which offices are closed (calendar of the University of Helsinki's
# almanac office), each at noon; the last column is the next opening.
HOLIDAYS_2027 = [
    ("New Year's Day", date(2027, 1, 1), "2027-01-04T10:00"),
    ("Epiphany", date(2027, 1, 6), "2027-01-07T10:00"),
    ("Good Friday", date(2027, 3, 26), "2027-03-30T10:00"),
    ("Easter Sunday", date(2027, 3, 28), "2027-03-30T10:00"),
    ("Easter Monday", date(2027, 3, 29), "2027-03-30T10:00"),
    ("May Day", date(2027, 5, 1), "2027-05-03T10:00"),
    ("Ascension Day", date(2027, 5, 6), "2027-05-07T09:00"),
    ("Pentecost", date(2027, 5, 16), "2027-05-17T10:00"),
    ("Midsummer Eve", date(2027, 6, 25), "2027-06-28T10:00"),
    ("Midsummer Day", date(2027, 6, 26), "2027-06-28T10:00"),
    ("All Saints' Day", date(2027, 11, 6), "2027-11-08T10:00"),
    ("Independence Day", date(2027, 12, 6), "2027-12-07T10:00"),
    ("Christmas Eve", date(2027, 12, 24), "2027-12-27T10:00"),
    ("Christmas Day", date(2027, 12, 25), "2027-12-27T10:00"),
    ("Boxing Day", date(2027, 12, 26), "2027-12-27T10:00"),
]


@pytest.mark.parametrize(("name", "day", "opens"), HOLIDAYS_2027, ids=[name for name, *_ in HOLIDAYS_2027])
def test_closed_on_every_public_holiday_of_a_year(hours: OpeningHours, name: str, day: date, opens: str) -> None:
    state = hours.at(datetime.combine(day, at("2027-01-01T11:00").time(), HELSINKI))
    assert not state.open
    assert state.opens_at == at(opens)


def test_every_other_weekday_of_that_year_is_open(hours: OpeningHours) -> None:
    closed = {day for _name, day, _opens in HOLIDAYS_2027}
    day = date(2027, 1, 1)
    while day.year == 2027:
        expected = day.weekday() < 5 and day not in closed
        assert hours.at(datetime(day.year, day.month, day.day, 11, tzinfo=HELSINKI)).open is expected, day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2027-03-26T08:30", False),  # Good Friday
        ("2027-03-25T08:00", True),  # winter time: 10:00 is 8:00 UTC
        ("2027-03-25T07:59", False),
        ("2027-03-30T07:00", True),  # summer time since 28 March: 10:00 is 7:00 UTC
        ("2027-03-30T06:59", False),
        ("2027-10-28T07:00", True),
        ("2027-11-01T07:00", False),  # winter time since 31 October
        ("2027-11-01T08:00", True),
    ],
)
def test_opening_follows_the_local_clock_over_both_daylight_saving_days(hours: OpeningHours, utc: str, is_open: bool) -> None:
    assert hours.at(datetime.fromisoformat(utc).replace(tzinfo=UTC)).open is is_open


def test_the_wait_over_a_daylight_saving_night_is_counted_on_the_local_clock(hours: OpeningHours) -> None:
    # Sunday 31 October 2027 has 25 hours: from Saturday noon to Monday 10:00 it is 47 hours, not 46.
    opens = hours.at(at("2027-10-30T12:00")).opens_at
    assert opens is not None
    assert opens.astimezone(UTC) - at("2027-10-30T12:00").astimezone(UTC) == timedelta(hours=47)


def test_a_closure_set_at_the_desk_shortens_the_day(hours: OpeningHours) -> None:
    closure = Closure(start=at("2026-12-01T12:00"), end=at("2026-12-01T14:00"))
    assert hours.at(at("2026-12-01T11:00"), [closure]).closes_at == at("2026-12-01T12:00")
    assert hours.at(at("2026-12-01T13:00"), [closure]).opens_at == at("2026-12-01T14:00")
    assert hours.at(at("2026-12-01T14:00"), [closure]).open
    whole_week = Closure(start=at("2026-11-30T00:00"), end=at("2026-12-05T00:00"))
    assert hours.at(at("2026-12-01T11:00"), [whole_week]).opens_at == at("2026-12-07T10:00")


def test_an_exceptional_day_in_the_file_differs_from_week_and_holiday(hours: OpeningHours) -> None:
    changed = OpeningHours.model_validate(
        {
            **hours.model_dump(),
            "exceptions": [{"date": "2026-12-24", "hours": ["10:00-12:00"]}, {"date": "2026-12-28", "hours": []}],
        }
    )
    assert changed.at(at("2026-12-24T11:00")).closes_at == at("2026-12-24T12:00")
    assert changed.at(at("2026-12-28T11:00")).opens_at == at("2026-12-29T10:00")


def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "opening_hours.yml"
    path.write_text("timezone: Europe/Helsinki\nweekly:\n  monday: [10:00-16:00]\n  tuesday: [16:00-10:00]\nholidays: FI\n")
    with pytest.raises(ContentError, match=r"opening_hours.yml:4: weekly › tuesday.*ends before it begins"):
        read_opening_hours(path)
