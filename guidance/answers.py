"""The curated answers, and what is said in an emergency."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from guidance.content import CONTENT, ContentError, Entry, PartialDate, read

TOPICS = (
    "early_childhood_education",
    "studying_and_working",
    "social_services_and_benefits",
    "health_and_wellbeing",
    "housing",
    "form_filling",
    "dealing_with_authorities",
)
"""The seven topics of the City of Espoo's information service for immigrants (press release, 22 December 2020)."""

Block = str | tuple[str, ...]
"""A paragraph, or a list of points; plain text."""


class Link(Entry):
    """Where to read more; `title` says where it goes."""

    title: str
    url: str

    @field_validator("url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if not url.startswith("https://"):
            raise ValueError(f"{url!r} is not a web address that begins with https://")
        return url


class Review(Entry):
    """Who at the city signed the answer off, and when."""

    by: str
    on: date


class Answer(Entry):
    """One curated answer, in the language of its source file (English) or translated.

    `checked`: when the source page that was read dates from. `valid_until`: the last day the answer holds; for a yearly
    amount the end of its year, else a year after `checked`. None where it is not known: dates are never invented.
    """

    id: str
    question: str
    answer: tuple[Block, ...]
    links: tuple[Link, ...]
    authority: str
    next: tuple[str, ...] = ()
    handoff: str | None = None
    checked: PartialDate | None
    reviewed: Review | None
    valid_until: date | None

    @property
    def topic(self) -> str:
        """The topic the question belongs to."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The question's name within its topic."""
        return self.id.partition("/")[2]

    def texts(self) -> list[str]:
        """Every text of the answer that is translated, in reading order: one gettext entry each."""
        texts = [self.question]
        for block in self.answer:
            texts.extend([block] if isinstance(block, str) else block)
        texts.extend(link.title for link in self.links)
        texts.append(self.authority)
        if self.handoff:
            texts.append(self.handoff)
        return texts

    def expired(self, today: date) -> bool:
        """Whether the answer is past the date until which it was known to hold."""
        return self.valid_until is not None and today > self.valid_until


class Line(Entry):
    """A telephone line for people in danger."""

    id: str
    name: str
    number: str
    hours: str | None
    languages: str | None
    url: str
    checked: PartialDate | None


class UrgentText(Entry):
    """What is said, and the lines (ids) that are shown."""

    text: tuple[str, ...]
    lines: tuple[str, ...]


class Urgent(Entry):
    """What is said in an emergency (life in danger now) and in a crisis (violence, self-harm, threat)."""

    emergency: UrgentText
    crisis: UrgentText
    lines: tuple[Line, ...]

    def text(self, kind: Literal["emergency", "crisis"]) -> UrgentText:
        """What is said for this kind of danger."""
        return self.emergency if kind == "emergency" else self.crisis

    def lines_for(self, kind: Literal["emergency", "crisis"]) -> list[Line]:
        """The lines shown for this kind of danger, the most important first."""
        by_id = {line.id: line for line in self.lines}
        return [by_id[name] for name in self.text(kind).lines]


def read_answers(folder: Path = CONTENT / "answers") -> dict[str, Answer]:
    """All answers by their id, in the order of the topics and of the files.

    Raises:
        ContentError: a file is missing or wrong, an id is repeated or does not belong to its file's topic, or an answer
            points to a question that does not exist.
    """
    answers: dict[str, Answer] = {}
    for topic in TOPICS:
        path = folder / f"{topic}.yml"
        for answer in read(path, tuple[Answer, ...]):
            if answer.topic != topic:
                raise ContentError(f"{path}: {answer.id}: the id must begin with {topic}/")
            if answer.id in answers:
                raise ContentError(f"{path}: {answer.id}: this id is used twice")
            if not answer.links:
                raise ContentError(f"{path}: {answer.id}: links: an answer needs at least one source")
            answers[answer.id] = answer
    for answer in answers.values():
        for other in answer.next:
            if other not in answers:
                path = folder / f"{answer.topic}.yml"
                raise ContentError(f"{path}: {answer.id}: next: there is no question {other!r}")
    return answers


def read_urgent(path: Path = CONTENT / "urgent.yml") -> Urgent:
    """What is said in danger.

    Raises:
        ContentError: the file is missing or wrong, or a text names a line that is not listed.
    """
    urgent = read(path, Urgent)
    known = {line.id for line in urgent.lines}
    for kind, text in (("emergency", urgent.emergency), ("crisis", urgent.crisis)):
        for name in text.lines:
            if name not in known:
                raise ContentError(f"{path}: {kind}: lines: there is no line {name!r}")
    return urgent
