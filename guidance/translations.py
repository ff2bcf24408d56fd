"""The gettext catalogs: one domain for the curated answers, one for the desk's pages, one for everything else that is said."""

import gettext
import re
from collections.abc import Iterable
from pathlib import Path

from guidance.answers import Answer, Block, Review
from guidance.content import TRANSLATIONS, ContentError, read
from guidance.languages import Service

ANSWERS = "answers"
MESSAGES = "messages"
DESK = "desk"
"""The domain of the advisors' pages, in the languages in `DESK_LANGUAGES`."""
DESK_LANGUAGES = {"fi": "suomi", "sv": "svenska", "en": "English"}
SOURCE = "en"
"""The language the answers and messages are written in."""

LTR_ISOLATE, POP_ISOLATE = "\u2066", "\u2069"
_LATIN = "A-Za-z0-9\u00c0-\u024f"
_LEFT_TO_RIGHT = re.compile(rf"[+(]?[{_LATIN}](?:[{_LATIN}\s_.,:;/@&%+()'’–-]*[{_LATIN})%])?")


def isolate(text: str) -> str:
    """A right-to-left text with its Latin words, numbers, phones and addresses isolated left-to-right (Unicode UAX #9).

    Without it `040 636 8097` is drawn `8097 636 040`.
    """
    return _LEFT_TO_RIGHT.sub(lambda match: f"{LTR_ISOLATE}{match[0]}{POP_ISOLATE}", text)


class Catalog(gettext.NullTranslations):
    """The texts of one language and, where they lack one, those of its fallback languages."""

    def __init__(self, code: str, direction: str, sources: Iterable[gettext.NullTranslations]) -> None:
        super().__init__()
        self.code = code
        self.direction = direction
        for source in sources:
            self.add_fallback(source)

    def say(self, text: str) -> str:
        """A finished text as it is shown: numbers isolated where the language runs right to left."""
        return isolate(text) if self.direction == "rtl" else text


class Translations:
    """The compiled catalogs of all languages (`make translations` compiles them)."""

    def __init__(self, service: Service, folder: Path = TRANSLATIONS) -> None:
        """Load the catalogs.

        Raises:
            ContentError: the catalogs of a full language are not compiled, or reviewed.yml is wrong.
        """
        self.service = service
        self._answers: dict[str, gettext.NullTranslations] = {}
        messages: dict[str, gettext.NullTranslations] = {}
        for language in service.languages:
            for domain, catalogs in ((ANSWERS, self._answers), (MESSAGES, messages)):
                try:
                    catalogs[language.code] = gettext.translation(domain, folder, [language.code])
                except FileNotFoundError:
                    if language in service.full() and language.code != SOURCE:
                        path = folder / language.code / "LC_MESSAGES" / f"{domain}.mo"
                        raise ContentError(f"{path}: not compiled yet; run `make translations`") from None
        self._catalogs = {
            language.code: Catalog(
                language.code,
                language.direction,
                # English needs no catalog: the message ids are English. So the list ends there.
                [messages[code] for code in self._order(language.code) if code in messages],
            )
            for language in service.languages
        }
        reviewed = folder / "reviewed.yml"
        self.reviews = read(reviewed, dict[str, dict[str, Review]])

    def _order(self, code: str) -> list[str]:
        """The language and those whose texts may stand in for it, down to English."""
        order = [code, *self.service.language(code).fallback]
        return order[: order.index(SOURCE)] if SOURCE in order else order

    def catalog(self, code: str) -> Catalog:
        """The messages of a language."""
        return self._catalogs[self.service.language(code).code]

    def _translated(self, answer: Answer, code: str) -> Answer | None:
        if code == SOURCE:
            return answer
        catalog = self._answers.get(code)
        if catalog is None:
            return None
        texts = {}
        for text in answer.texts():
            found = catalog.pgettext(answer.id, text)
            # gettext gives the id back for a missing entry; an entry that is the same in both languages is a name.
            if found == text and not self._has(catalog, answer.id, text):
                return None
            texts[text] = found

        def block(source: Block) -> Block:
            return texts[source] if isinstance(source, str) else tuple(texts[point] for point in source)

        return answer.model_copy(
            update={
                "question": texts[answer.question],
                "answer": tuple(block(source) for source in answer.answer),
                "links": tuple(link.model_copy(update={"title": texts[link.title]}) for link in answer.links),
                "authority": texts[answer.authority],
                "handoff": texts[answer.handoff] if answer.handoff else None,
            }
        )

    @staticmethod
    def _has(catalog: gettext.NullTranslations, context: str, text: str) -> bool:
        entries: dict[str, str] = getattr(catalog, "_catalog", {})
        return f"{context}\x04{text}" in entries

    def answer(self, answer: Answer, code: str) -> tuple[Answer, str]:
        """The answer in this language, or whole in the next best one; and the code of the language it is in."""
        language = self.service.language(code)
        for candidate in (language.code, *language.fallback, SOURCE):
            if translated := self._translated(answer, candidate):
                return translated, candidate
        return answer, SOURCE

    def review(self, answer: Answer, code: str) -> Review | None:
        """Who signed the translation of an answer off, or None while it is a draft."""
        return self.reviews.get(code, {}).get(answer.id)
