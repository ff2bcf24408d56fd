"""Everything Neuvo knows, read once: what the action server and the bot share."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from guidance.answers import Answer, Urgent, read_answers, read_urgent
from guidance.content import CONTENT, TRANSLATIONS
from guidance.desk import Training, read_phrases, read_training
from guidance.languages import Service, read_service
from guidance.opening_hours import OpeningHours, read_opening_hours
from guidance.translations import Translations
from guidance.wording import Wording


@dataclass(frozen=True)
class Knowledge:
    """The content and the catalogs, checked on reading."""

    service: Service
    hours: OpeningHours
    answers: dict[str, Answer]
    urgent: Urgent
    phrases: tuple[str, ...]
    training: Training
    translations: Translations

    def wording(self, code: str) -> Wording:
        """What is said in this language about advisors and their hours."""
        return Wording(self.service.language(code), self.translations.catalog(code), self.service, self.hours)


def read_knowledge(content: Path = CONTENT, translations: Path = TRANSLATIONS) -> Knowledge:
    """The content of these folders.

    Raises:
        ContentError: a file is missing or wrong, or the catalogs are not compiled.
    """
    service = read_service(content / "service.yml")
    answers = read_answers(content / "answers")
    return Knowledge(
        service=service,
        hours=read_opening_hours(content / "opening_hours.yml"),
        answers=answers,
        urgent=read_urgent(content / "urgent.yml"),
        phrases=read_phrases(content / "phrases.yml"),
        training=read_training(content / "training.yml", set(answers)),
        translations=Translations(service, translations),
    )


@cache
def knowledge() -> Knowledge:
    """The project's own content, read at the first call."""
    return read_knowledge()
