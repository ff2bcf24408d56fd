"""What an action returns: Rasa's `custom` payload, one JSON object with a `type`, for bot/ to render on each channel.

`answer` {id, language, question, blocks, links, notes, checked, reviewed, valid_until, translation, original, choices},
`choices` {text, choices}, `notice` {text, choices}, `handoff` {reason, topic, language, open, opens_at, text, choices},
`urgent` {kind, text, lines, choices}. A choice is {label, payload}; a note is {kind, text}. Every payload has `about`: what
the model understood.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal

from babel.dates import format_date

from actions.turn import Turn
from guidance.answers import TOPICS, Answer, Block
from guidance.content import first_day
from guidance.languages import Tier
from guidance.translations import SOURCE

Payload = dict[str, Any]
Choice = dict[str, str]


def choice_of_question(turn: Turn, question: str) -> Choice:
    """The button that asks this question."""
    answer, _language = turn.knowledge.translations.answer(turn.knowledge.answers[question], turn.language.code)
    topic, _, name = question.partition("/")
    return {"label": answer.question, "payload": f"/{topic}{json.dumps({'question': name})}"}


def choice_of_topic(turn: Turn, topic: str) -> Choice:
    """The button that opens a topic."""
    return {"label": turn.wording.topic(topic), "payload": f"/{topic}"}


def topics(turn: Turn) -> list[Choice]:
    """The seven topics as buttons."""
    return [choice_of_topic(turn, topic) for topic in TOPICS]


def choice_of_person(turn: Turn) -> Choice:
    """The button that asks for an advisor."""
    return {"label": turn.wording.talk_to_a_person(), "payload": "/human_handoff"}


def choice_of_waiting(turn: Turn) -> Choice:
    """The same button where an advisor is free."""
    return {"label": turn.wording.wait_for_an_advisor(), "payload": "/human_handoff"}


def choice_of_call_back(turn: Turn) -> Choice:
    """The button that begins a call-back request."""
    return {"label": turn.wording.ask_for_a_call_back(), "payload": "/request_callback"}


def _day(turn: Turn, value: str) -> str:
    """A date as far as it is known: a day, a month or a year."""
    pattern = {4: "yyyy", 7: "LLLL yyyy"}.get(len(value))
    locale = turn.language.dates
    return (
        format_date(first_day(value), pattern, locale=locale) if pattern else format_date(first_day(value), "long", locale=locale)
    )


def _notes(turn: Turn, answer: Answer, language: str, draft: bool) -> list[dict[str, str]]:
    """What the card says beside the answer, the warnings first."""
    _ = turn.gettext
    today = turn.now.astimezone(turn.knowledge.hours.zone).date()
    notes = []

    def note(kind: str, text: str) -> None:
        notes.append({"kind": kind, "text": text})

    if language != turn.language.code:
        note("language", _("This answer is not translated into your language yet. It is shown in another language."))
    if draft:
        note("draft", _("This translation was made by a machine. No speaker of the language has checked it yet."))
    if answer.expired(today) and answer.valid_until:
        until = _day(turn, answer.valid_until.isoformat())
        note("expired", _("This information may be out of date. It was known to hold until {day}.").format(day=until))
    if answer.handoff:
        note("handoff", _("Talk to an advisor if: {case}").format(case=answer.handoff))
    note("authority", _("Responsible: {authority}").format(authority=answer.authority))
    if answer.checked:
        note("checked", _("The source that was read is from {day}.").format(day=_day(turn, answer.checked)))
    if answer.reviewed:
        day = _day(turn, answer.reviewed.on.isoformat())
        note("reviewed", _("Checked by the city: {name}, {day}.").format(name=answer.reviewed.by, day=day))
    else:
        note("reviewed", _("The city has not checked this answer yet."))
    return notes


def _blocks(turn: Turn, blocks: Iterable[Block], language: str) -> list[str | list[str]]:
    say = turn.knowledge.translations.catalog(language).say
    return [say(block) if isinstance(block, str) else [say(point) for point in block] for block in blocks]


def answer(turn: Turn, question: str) -> Payload:
    """The curated answer in the person's language, or whole in the next best one."""
    source = turn.knowledge.answers[question]
    shown, language = turn.knowledge.translations.answer(source, turn.language.code)
    reviewed = language == SOURCE or turn.knowledge.translations.review(source, language) is not None
    original = None
    if not reviewed:
        original = {"language": SOURCE, "question": source.question, "blocks": _blocks(turn, source.answer, SOURCE)}
    also = [turn.also] if turn.also else []
    follow_ups = [choice_of_question(turn, other) for other in dict.fromkeys([*also, *source.next]) if other != question]
    return {
        "type": "answer",
        "id": question,
        "language": language,
        "question": shown.question,
        "blocks": _blocks(turn, shown.answer, language),
        "links": [link.model_dump() for link in shown.links],
        "notes": _notes(turn, shown, language, draft=not reviewed),
        "checked": source.checked,
        "reviewed": source.reviewed.model_dump(mode="json") if source.reviewed else None,
        "valid_until": source.valid_until.isoformat() if source.valid_until else None,
        "translation": "original" if language == SOURCE else "reviewed" if reviewed else "draft",
        "original": original,
        "choices": [*follow_ups, choice_of_person(turn)],
    }


def speaks(turn: Turn, question: str | None) -> bool:
    """Whether an answer can be given in the person's language: a full one, or one into which this answer is translated."""
    if turn.language.tier is Tier.FULL:
        return True
    if question is None or question not in turn.knowledge.answers:
        return False
    return turn.knowledge.translations.answer(turn.knowledge.answers[question], turn.language.code)[1] == turn.language.code


def choices(text: str, options: list[Choice]) -> Payload:
    """A question back, with buttons."""
    return {"type": "choices", "text": text, "choices": options}


def notice(turn: Turn, text: str, options: list[Choice] | None = None) -> Payload:
    """Something said, with buttons where they help."""
    return {"type": "notice", "text": turn.wording.catalog.say(text), "choices": options or []}


def handoff(turn: Turn, reason: str, text: str, topic: str | None) -> Payload:
    """An advisor: whether one is there, when, and how to reach them. `reason`: asked, callback, unsure or interpreter."""
    can_wait = reason in ("unsure", "interpreter") and turn.desk.open and turn.desk.free  # who asked for one waits already
    return {
        "type": "handoff",
        "reason": reason,
        "topic": topic,
        "language": turn.language.code,
        "open": turn.desk.open,
        "opens_at": turn.desk.opens_at.isoformat() if turn.desk.opens_at else None,
        "text": turn.wording.catalog.say(text),
        "choices": [*([choice_of_waiting(turn)] if can_wait else []), choice_of_call_back(turn)],
    }


def urgent(turn: Turn, kind: Literal["emergency", "crisis"], brief: bool = False) -> Payload:
    """Emergency or crisis numbers, in the person's language; `brief` where it may well be a false alarm."""
    catalog = turn.wording.catalog
    said = turn.knowledge.urgent

    def text(source: str | None) -> str | None:
        return catalog.say(catalog.pgettext("urgent", source)) if source else None

    return {
        "type": "urgent",
        "kind": kind,
        "text": "\n".join(text(line) or "" for line in said.text(kind).text[: 1 if brief else None]),
        "lines": [
            {
                "name": text(line.name),
                "number": line.number,
                "hours": text(line.hours),
                "languages": text(line.languages),
                "url": line.url,
            }
            for line in said.lines_for(kind)[: 2 if brief else None]
        ],
        "choices": [choice_of_person(turn)],
    }
