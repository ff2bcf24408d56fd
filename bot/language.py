"""Which language a person writes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from babel import negotiate_locale
from heliport import Identifier

from guidance.languages import Service, Tier

FULL_PRIOR = 0.35
"""How much nearer a full language is taken to be than an interpreted one (in the identifier's own scale)."""
OWN_PRIOR = 0.5
"""How much nearer the language of the conversation so far is taken to be, in the same scale."""
SURE_MARGIN = 0.5
"""How far the next language must be for a message to be surely in the nearest."""
SURE_WORDS = 3
"""Shorter messages are never sure: one or two words may belong to any language ("moi", "kela")."""
UNKNOWN = 6.9
"""The identifier's score of a language whose letters do not occur in the text; lower is nearer."""

_WORD = re.compile(r"[^\W\d_]+")
_SPACELESS = re.compile(r"[\u0e00-\u0e7f\u3400-\u9fff]")


def preferred(accept_language: str, codes: Iterable[str]) -> str | None:
    """The first of a browser's languages (the header Accept-Language, best first) that is among these codes; None if none is."""
    wanted = [part.split(";")[0].strip().lower() for part in accept_language.split(",")]
    return negotiate_locale(filter(None, wanted), codes, sep="-")


@dataclass(frozen=True)
class Detected:
    """A language, and whether the message is long and clear enough to be sure of it."""

    language: str
    sure: bool


def words(text: str) -> int:
    """How many words a text has; Thai and Chinese, written without spaces, count three letters as a word."""
    return len(_WORD.findall(_SPACELESS.sub(" ", text))) + len(_SPACELESS.findall(text)) // 3


class LanguageDetector:
    """HeLI-OTS (University of Helsinki), limited to the languages of content/service.yml."""

    def __init__(self, service: Service) -> None:
        self._identifier = Identifier()
        self._codes = {known: language.code for language in service.languages for known in language.identifier}
        self._full = {language.code for language in service.languages if language.tier is Tier.FULL}

    def detect(self, text: str, so_far: str) -> Detected:
        """The language of `text` in a conversation that was held in `so_far` until now."""
        if not _WORD.search(text):
            return Detected(so_far, False)
        scores: dict[str, float] = {}
        for known, score in self._identifier.identify_topk_with_score(text, 1000):
            code = self._codes.get(str(known))
            if code and score < UNKNOWN:
                scores[code] = min(score, scores.get(code, score))
        if not scores:
            return Detected(so_far, False)

        def distance(code: str) -> float:
            return scores[code] - (FULL_PRIOR if code in self._full else 0) - (OWN_PRIOR if code == so_far else 0)

        nearest, *others = sorted(scores, key=distance)
        margin = distance(others[0]) - distance(nearest) if others else SURE_MARGIN
        return Detected(nearest, words(text) >= SURE_WORDS and margin >= SURE_MARGIN)
