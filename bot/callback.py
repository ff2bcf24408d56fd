"""The call-back request, asked step by step: how, where to, language, interpreter, time.

It lives here and not in Rasa: a Rasa form would swallow emergencies and keep phone numbers. Its texts are translated into all
languages (`make check` sees to it).
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import phonenumbers

from bot.choices import CALL_BACK
from guidance.knowledge import Knowledge
from guidance.languages import Language
from guidance.opening_hours import Closure
from guidance.wording import clock, day

SLOT = timedelta(hours=1)
"""Times are offered in pieces of this length."""
OFFERED = 6
"""How many times are offered at once."""
LEAST_NOTICE = timedelta(minutes=30)
"""The earliest time offered is this far ahead."""

STEPS = ("how", "contact", "language", "interpreter", "time")
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_EMAIL = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+\.[^\s@<>\".]{2,}")
_NUMBER = re.compile(r"\+?[\d\s()./–-]+")


@dataclass(frozen=True)
class Step:
    """What is said next, with its choices; the form to keep (None: it is over); the request to store when complete.

    `input` says that the reply is words of a `type` (tel, email), and what `error` the last one had.
    """

    text: str
    choices: list[dict[str, str]] = field(default_factory=list)
    form: dict[str, Any] | None = None
    request: dict[str, Any] | None = None
    input: dict[str, Any] | None = None


class CallBackForm:
    """The form in one language. Its state is a plain dict, kept with the conversation."""

    def __init__(self, knowledge: Knowledge, language: Language, now: datetime, closures: Sequence[Closure] = ()) -> None:
        self._closures = closures
        self._knowledge = knowledge
        self._language = language
        self._now = now
        self._catalog = knowledge.translations.catalog(language.code)

    def _times(self) -> list[tuple[datetime, datetime]]:
        """The times offered: pieces of the coming opening hours, in UTC; at most three a day."""
        times: list[tuple[datetime, datetime]] = []
        for opens, closes in self._knowledge.hours.next_openings(self._now + LEAST_NOTICE, OFFERED, self._closures):
            start = opens.replace(minute=0, second=0, microsecond=0)
            if start < opens:
                start += timedelta(hours=1)
            pieces = []
            while start + SLOT <= closes:
                pieces.append((start.astimezone(UTC), (start + SLOT).astimezone(UTC)))
                start += SLOT
            times += pieces[:: max(1, len(pieces) // 3)][:3]
            if len(times) >= OFFERED:
                break
        return times[:OFFERED]

    def _time_label(self, start: datetime, end: datetime) -> str:
        zone = self._knowledge.hours.zone
        start, end = start.astimezone(zone), end.astimezone(zone)
        return f"{day(start.date(), self._language)} {clock(start)}–{clock(end)}"

    def ask(self, form: dict[str, Any], problem: str | None = None) -> Step:
        """The question of the form's present step, after a problem with the last reply if there was one."""
        _ = self._catalog.gettext
        choices: list[dict[str, str]] = []

        def choice(value: str, label: str) -> None:
            choices.append({"label": label, "payload": f"{CALL_BACK}{value}"})

        step = form["step"]
        if step == "how":
            text = _("How shall an advisor reach you?")
            choice("phone", _("By phone"))
            choice("sms", _("By text message (SMS)"))
            choice("email", _("By e-mail"))
        elif step == "contact" and form["how"] == "email":
            text = _("What is your e-mail address?")
        elif step == "contact":
            text = _("What is your phone number?")
        elif step == "language":
            text = _("In which language shall the advisor speak with you?")
            codes = dict.fromkeys([self._language.code, *self._knowledge.service.advisor_languages])
            for code in codes:
                choice(code, self._knowledge.service.language(code).name)
        elif step == "interpreter":
            text = _("Do you need an interpreter?")
            choice("yes", _("Yes"))
            choice("no", _("No"))
        else:
            text = _("When shall the advisor contact you?")
            for start, end in self._times():
                choice(start.strftime("%Y-%m-%dT%H:%MZ"), self._time_label(start, end))
        choice("cancel", _("Cancel"))
        said = self._catalog.say("\n".join(part for part in (problem, text) if part))
        kind = {"email": "email", "phone": "tel", "sms": "tel"}[form["how"]] if step == "contact" else None
        return Step(said, choices, form, input={"type": kind, "error": problem} if kind else None)

    def start(self) -> Step:
        """The form's first question."""
        if not self._times():
            return Step(self._catalog.gettext("No time for a call-back is free right now. Please try again later."))
        return self.ask({"step": "how"})

    def _contact(self, how: str, text: str) -> str | None:
        """The address or number in a text, in its standard form; None if there is none."""
        if how == "email":
            match = _EMAIL.fullmatch(text.strip())
            return match[0] if match and len(match[0]) <= 254 else None
        if not _NUMBER.fullmatch(text.strip()):  # a number within a sentence: the sentence may be about danger
            return None
        try:
            number = phonenumbers.parse(text, "FI")
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def reply(self, form: dict[str, Any], text: str | None, payload: str | None) -> Step | None:
        """The next step after a reply; None if the reply does not fit this step, and so may be about something else."""
        value = payload.removeprefix(CALL_BACK) if payload and payload.startswith(CALL_BACK) else None
        if value == "cancel":
            return Step(self._catalog.gettext("The call-back request is cancelled."))
        step = form["step"]
        form = dict(form)
        if step == "how" and value in ("phone", "sms", "email"):
            form["how"] = value
        elif step == "contact" and text is not None and (contact := self._contact(form["how"], text)):
            form["contact"] = contact
        elif step == "language" and value in self._knowledge.service.by_code:
            form["language"] = value
        elif step == "interpreter" and value in ("yes", "no"):
            form["interpreter"] = value == "yes"
        elif step == "time" and (times := [pair for pair in self._times() if pair[0].strftime("%Y-%m-%dT%H:%MZ") == value]):
            return self._done(form, *times[0])
        else:
            return None
        form["step"] = STEPS[STEPS.index(step) + 1]
        if form["step"] == "interpreter" and form["language"] not in self._knowledge.service.advisor_languages:
            form["interpreter"] = True
            form["step"] = "time"
        return self.ask(form)

    def problem(self, form: dict[str, Any]) -> Step:
        """The present step again, saying what was wrong with the reply."""
        _ = self._catalog.gettext
        if form["step"] == "contact" and form["how"] == "email":
            return self.ask(
                form, _("This is not a complete e-mail address. Example: {example}").format(example="name@example.com")
            )
        if form["step"] == "contact":
            return self.ask(form, _("This is not a complete phone number. Example: {example}").format(example="+358 40 123 4567"))
        return self.ask(form, _("Please choose one of these:"))

    def _done(self, form: dict[str, Any], start: datetime, end: datetime) -> Step:
        _ = self._catalog.gettext
        reference = "".join(secrets.choice(_ALPHABET) for _position in range(6))
        text = _("Your call-back request is saved. Time: {time}. Your reference: {reference}.").format(
            time=self._time_label(start, end), reference=reference
        )
        request = {name: form[name] for name in ("how", "contact", "language", "interpreter")}
        return Step(self._catalog.say(text), request={**request, "reference": reference, "starts_at": start, "ends_at": end})
