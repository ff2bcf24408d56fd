"""When an advisor is there: weekly hours, Finnish public holidays, and days that differ."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import holidays
from pydantic import BeforeValidator, field_validator

from guidance.content import CONTENT, Entry, read

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HORIZON = timedelta(days=370)
"""How far ahead the next opening is looked for; a service closed for longer has none."""


class Span(Entry):
    """Opening hours of a day, as local wall-clock times; `end` is exclusive."""

    start: time
    end: time


def _span(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        start, end = (time.fromisoformat(part.strip()) for part in value.replace("–", "-").split("-"))
    except ValueError:
        raise ValueError(f"{value!r} is not a span of time such as 10:00-16:00") from None
    if start >= end:
        raise ValueError(f"{value!r} ends before it begins")
    return {"start": start, "end": end}


Spans = tuple[Annotated[Span, BeforeValidator(_span)], ...]


class ExceptionalDay(Entry):
    """A day whose hours differ from the weekly ones and from holidays; no `hours` means closed."""

    date: date
    hours: Spans


class Closure(Entry):
    """A time, set at the desk, in which no advisor is there although the file says so."""

    start: datetime
    end: datetime


class DeskState(Entry):
    """Whether advisors are there at a moment; times are in the service's time zone.

    `opens_at` is None while open, and when no opening is known; `closes_at` is None while closed. `free` is the number of
    advisors at the desk who could take a conversation (0 as long as nobody signed in).
    """

    open: bool
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    free: int = 0


@lru_cache(maxsize=16)
def _public_holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))


class OpeningHours(Entry):
    """The advisors' hours, as content/opening_hours.yml gives them."""

    timezone: str
    weekly: dict[str, Spans]
    holidays: str | None
    exceptions: tuple[ExceptionalDay, ...] = ()

    @field_validator("weekly")
    @classmethod
    def _known_weekdays(cls, weekly: dict[str, Spans]) -> dict[str, Spans]:
        if unknown := set(weekly) - set(WEEKDAYS):
            raise ValueError(f"{unknown.pop()!r} is not a weekday; use {', '.join(WEEKDAYS)}")
        return weekly

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError):
            raise ValueError(f"{name!r} is not a time zone such as Europe/Helsinki") from None
        return name

    @field_validator("holidays")
    @classmethod
    def _known_country(cls, code: str | None) -> str | None:
        if code is not None and code not in holidays.list_supported_countries():
            raise ValueError(f"{code!r} is not a country code the holidays library knows, such as FI")
        return code

    @property
    def zone(self) -> ZoneInfo:
        """The service's time zone."""
        return ZoneInfo(self.timezone)

    def spans(self, day: date) -> Spans:
        """The hours of one day, before any closure set at the desk."""
        for exception in self.exceptions:
            if exception.date == day:
                return exception.hours
        if self.holidays and day in _public_holidays(self.holidays, day.year):
            return ()
        return self.weekly.get(WEEKDAYS[day.weekday()], ())

    def _openings(self, start: datetime, closures: Iterable[Closure]) -> Iterator[tuple[datetime, datetime]]:
        """Times an advisor is there, from the day of `start` on, cut by the closures, in order."""
        ordered = sorted(closures, key=lambda closure: closure.start)
        day = start.date()
        while day <= (start + HORIZON).date():
            for span in self.spans(day):
                opens = datetime.combine(day, span.start, self.zone)
                closes = datetime.combine(day, span.end, self.zone)
                for closure in ordered:
                    if closure.end <= opens or closure.start >= closes:
                        continue
                    if opens < closure.start:
                        yield opens, closure.start.astimezone(self.zone)
                    opens = min(max(opens, closure.end.astimezone(self.zone)), closes)
                if opens < closes:
                    yield opens, closes
            day += timedelta(days=1)

    def at(self, moment: datetime, closures: Iterable[Closure] = (), free: int = 0) -> DeskState:
        """The desk's state at `moment` (an aware datetime)."""
        now = moment.astimezone(self.zone)
        for opens, closes in self._openings(now, closures):
            if opens <= now < closes:
                return DeskState(open=True, closes_at=closes, free=free)
            if now < opens:
                return DeskState(open=False, opens_at=opens, free=free)
        return DeskState(open=False, free=free)

    def next_openings(self, moment: datetime, count: int, closures: Iterable[Closure] = ()) -> list[tuple[datetime, datetime]]:
        """The next `count` times (start, end) at which an advisor is there, the rest of the present one included."""
        now = moment.astimezone(self.zone)
        found = []
        for opens, closes in self._openings(now, closures):
            if closes > now:
                found.append((max(opens, now), closes))
            if len(found) == count:
                break
        return found


def read_opening_hours(path: Path = CONTENT / "opening_hours.yml") -> OpeningHours:
    """The opening hours from `path`.

    Raises:
        ContentError: the file is missing or a field of it is wrong.
    """
    return read(path, OpeningHours)
