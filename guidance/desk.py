"""What advisors have at hand: phrases they say with one press, and the conversation new advisors practise on."""

from pathlib import Path

from pydantic import model_validator

from guidance.content import CONTENT, ContentError, Entry, read
from guidance.translations import DESK_LANGUAGES

Texts = dict[str, str]
"""A text in each of the desk's languages."""


class Phrases(Entry):
    """Short texts in English; their translations are in the catalogs, under the context `phrase`."""

    phrases: tuple[str, ...]


class Step(Entry):
    """What comes next in the training: a `hint` for the advisor, and what the pretended `person` then says."""

    hint: Texts
    person: Texts | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Step":
        for name, texts in (("hint", self.hint), ("person", self.person)):
            if texts is not None and (missing := set(DESK_LANGUAGES) - set(texts)):
                raise ValueError(f"{name} is missing in {', '.join(sorted(missing))}")
        return self


class Training(Entry):
    """A conversation to practise on: what the pretended person asked, the curated answer they got, and a step a reply."""

    question: Texts
    answer: str
    steps: tuple[Step, ...]


def read_phrases(path: Path = CONTENT / "phrases.yml") -> tuple[str, ...]:
    """The phrases, in their order.

    Raises:
        ContentError: the file is missing or wrong.
    """
    return read(path, Phrases).phrases


def read_training(path: Path, answers: set[str]) -> Training:
    """The training conversation; `answers` are the ids of the curated answers.

    Raises:
        ContentError: the file is missing or wrong, or names an answer that does not exist.
    """
    training = read(path, Training)
    if training.answer not in answers:
        raise ContentError(f"{path}: answer: there is no answer {training.answer!r}")
    return training
