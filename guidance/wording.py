"""What is said in every language, interpreted ones included: opening hours, the offer of an advisor, the away notice.

Every text of this module is translated into all languages of content/service.yml (`make check` sees to it).
"""

from datetime import date, datetime, timedelta
from itertools import groupby

from babel.dates import format_date, get_day_names

from guidance.languages import Language, Service
from guidance.opening_hours import WEEKDAYS, DeskState, OpeningHours, Spans
from guidance.translations import Catalog


def clock(moment: datetime) -> str:
    """The time of day on a 24-hour clock, in Latin digits, in every language."""
    return f"{moment:%H:%M}"


def day(moment: date, language: Language) -> str:
    """A day with its weekday and month, without the year: "maanantaina 30. marraskuuta"."""
    return format_date(moment, language.day, locale=language.dates)


class Wording:
    """The texts of one language about advisors and their hours."""

    def __init__(self, language: Language, catalog: Catalog, service: Service, hours: OpeningHours) -> None:
        self.language = language
        self.catalog = catalog
        self.service = service
        self.hours = hours

    def desk(self, state: DeskState, now: datetime) -> str:
        """Whether an advisor is there, and when the next one is."""
        _ = self.catalog.gettext
        if state.open and state.closes_at:
            return _("Advisors are here now, until {time}.").format(time=clock(state.closes_at))
        if state.opens_at is None:
            return _("No advisor is here right now.")
        today = now.astimezone(self.hours.zone).date()
        opens = state.opens_at
        if opens.date() == today:
            return _("No advisor is here right now. Advisors are here again today at {time}.").format(time=clock(opens))
        if opens.date() == today + timedelta(days=1):
            return _("No advisor is here right now. Advisors are here again tomorrow at {time}.").format(time=clock(opens))
        return _("No advisor is here right now. Advisors are here again on this day: {day}, at {time}.").format(
            day=day(opens.date(), self.language), time=clock(opens)
        )

    def week(self) -> str:
        """The weekly hours in one line, days with the same hours together."""
        names = get_day_names("abbreviated", context="stand-alone", locale=self.language.dates)

        def text(spans: Spans) -> str:
            return ", ".join(f"{span.start:%H:%M}–{span.end:%H:%M}" for span in spans)

        week = [(index, text(self.hours.weekly.get(name, ()))) for index, name in enumerate(WEEKDAYS)]
        parts = []
        for spans, group in groupby(week, key=lambda pair: pair[1]):
            indexes = [index for index, _ in group]
            if spans:
                days = "–".join(names[index] for index in sorted({indexes[0], indexes[-1]}))
                parts.append(f"{days} {spans}")
        return " · ".join(parts)

    def opening_hours(self, state: DeskState, now: datetime) -> str:
        """Open or closed, the weekly hours, and that public holidays are free."""
        _ = self.catalog.gettext
        hours = _("Opening hours: {hours}. Closed on public holidays.").format(hours=self.week())
        return f"{self.desk(state, now)}\n{hours}"

    def phone(self) -> str | None:
        """The sentence with the phone number, or None when there is no number."""
        if not self.service.phone:
            return None
        return self.catalog.gettext("You can call an advisor during opening hours: {phone}").format(phone=self.service.phone)

    def reach(self, state: DeskState, now: datetime) -> str:
        """How to reach an advisor: whether one is there, and the phone."""
        there = self.desk(state, now)
        if state.open and not state.free:
            there = self.catalog.gettext(
                "No advisor is at the desk right now, though it should be open. We are sorry. You can ask for a call-back."
            )
        return "\n".join(line for line in (there, self.phone()) if line)

    def place(self, place: int) -> str:
        """The place in the queue for an advisor, from 1."""
        text = self.catalog.gettext("You are in the queue for an advisor. Your place: {place}.").format(place=place)
        return self.catalog.say(text)

    def estimate(self, minutes: int) -> str:
        """How long the wait may still be, rounded up to five minutes: nobody can know it better."""
        if minutes > 60:
            return self.catalog.gettext("Estimated wait: more than an hour.")
        rounded = max(5, -(-minutes // 5) * 5)
        return self.catalog.say(self.catalog.gettext("Estimated wait: about {minutes} min.").format(minutes=rounded))

    def queue(self, place: int, minutes: int, understood: bool) -> str:
        """What a person is told who begins to wait; `understood` says that an advisor who is there speaks their language."""
        _ = self.catalog.gettext
        interpreter = _("No advisor who is here now speaks your language. An advisor will help you with an interpreter.")
        go_on = _("You can go on asking me while you wait.")
        lines = [self.place(place), self.estimate(minutes), *([] if understood else [interpreter]), go_on]
        return "\n".join(lines)

    def leave_the_queue(self) -> str:
        """The label of the choice not to wait any more."""
        return self.catalog.gettext("Leave the queue")

    def queue_left(self) -> str:
        """What a person is told who does not wait any more."""
        return self.catalog.gettext("You have left the queue.")

    def wait_for_an_advisor(self) -> str:
        """The label of the choice to join the queue."""
        return self.catalog.gettext("Wait for an advisor")

    def advisor_joined(self, name: str) -> str:
        """Who answers from now on, by first name."""
        text = self.catalog.gettext("An advisor is here now: {name}. The advisor reads what you write.")
        return self.catalog.say(text.format(name=name))

    def advisor_left(self) -> str:
        """That the assistant answers again."""
        return self.catalog.gettext("The advisor has left the conversation. I, the assistant, answer again. I am a machine.")

    def advisor_closed(self) -> str:
        """That the conversation is over."""
        return self.catalog.gettext("The advisor has ended the conversation. You can write again at any time.")

    def rate(self) -> tuple[str, dict[str, str]]:
        """The question how the help was, and the labels of its scores."""
        _ = self.catalog.gettext
        return _("How was the help you got?"), {"good": _("Good"), "fair": _("Neither good nor bad"), "bad": _("Bad")}

    def rated(self) -> tuple[str, str]:
        """Thanks for a rating, and the label of the choice to add a comment."""
        _ = self.catalog.gettext
        return _("Thank you! If you like, tell us more in your own words."), _("Write a comment")

    def ask_for_a_comment(self) -> str:
        """What is said before the comment is written."""
        return self.catalog.gettext("Write your comment. Only the people who work for the advice service read it.")

    def comment_received(self) -> str:
        """Thanks for the comment."""
        return self.catalog.gettext("Thank you. We have received your comment.")

    def blocked(self, until: datetime) -> str:
        """That no advisor can be reached for a while, and what still can."""
        local = until.astimezone(self.hours.zone)
        text = self.catalog.gettext(
            "You cannot wait for an advisor before this time: {time}. I still answer your questions. "
            "If somebody is in danger, call 112."
        )
        return self.catalog.say(text.format(time=f"{day(local.date(), self.language)} {clock(local)}"))

    def share_history(self) -> str:
        """The label of the choice to let an advisor read earlier conversations."""
        return self.catalog.gettext("Let the advisor read my earlier conversations")

    def history_shared(self) -> str:
        """That an advisor may read them now."""
        return self.catalog.gettext("The advisor can now read your earlier conversations here.")

    def not_reached(self, wrong: bool) -> str:
        """That a call-back did not succeed; `wrong` says that the number or the address was."""
        _ = self.catalog.gettext
        if wrong:
            return _("An advisor tried to contact you, but the number or address was wrong.")
        return _("An advisor tried to reach you, but did not get through.")

    def writing(self, name: str) -> str:
        """That the advisor is writing."""
        return self.catalog.say(self.catalog.gettext("{name} is writing …").format(name=name))

    def advisor_had_to_leave(self) -> str:
        """That another advisor will come."""
        return self.catalog.gettext("The advisor had to leave. You are first in the queue again.")

    def interpreter_offer(self, state: DeskState, now: datetime, topic: str | None = None) -> str:
        """What a person is told whose language only has an advisor and an interpreter."""
        _ = self.catalog.gettext
        lines = [_("I cannot give full answers in your language yet. A human advisor can help you, with an interpreter.")]
        if topic:
            lines.append(_("Your question seems to be about this topic: {topic}.").format(topic=self.topic(topic)))
        return "\n".join([*lines, self.reach(state, now)])

    def away(self, state: DeskState, now: datetime) -> str:
        """What is said when the assistant itself cannot answer."""
        _ = self.catalog.gettext
        sorry = _("The assistant cannot answer right now. Your message is saved. Please try again in a few minutes.")
        danger = _("If somebody is in danger, call 112.")
        return "\n".join([sorry, self.reach(state, now), danger])

    def topic(self, topic: str) -> str:
        """The name of a topic."""
        _ = self.catalog.gettext
        names = {
            "early_childhood_education": _("Day care and early childhood education"),
            "studying_and_working": _("Studying and working"),
            "social_services_and_benefits": _("Social services and benefits"),
            "health_and_wellbeing": _("Health and well-being"),
            "housing": _("Housing"),
            "form_filling": _("Filling out forms"),
            "dealing_with_authorities": _("Dealing with the authorities"),
        }
        return names[topic]

    def talk_to_a_person(self) -> str:
        """The label of the button that never goes away."""
        return self.catalog.gettext("Talk to a person")

    def ask_for_a_call_back(self) -> str:
        """The label of the choice that begins a call-back request."""
        return self.catalog.gettext("Ask for a call-back")
