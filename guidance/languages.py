"""The languages Neuvo knows and the service's own details, as content/service.yml lists them."""

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from guidance.content import CONTENT, ContentError, Entry, read


class Tier(StrEnum):
    """What a language gets: everything, or an advisor with an interpreter (and emergencies)."""

    FULL = "full"
    INTERPRETED = "interpreted"


class Language(Entry):
    """One language. `code` is CLDR's, `name` the language's own name for itself."""

    code: str
    name: str
    greeting: str
    locale: str = ""
    direction: Literal["ltr", "rtl"]
    tier: Tier
    fallback: tuple[str, ...] = ()
    identifier: tuple[str, ...]
    day: str
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()

    @property
    def dates(self) -> str:
        """The CLDR locale in which dates are written."""
        return self.locale or self.code


class Interpreter(Entry):
    """The interpreter service that advisors call. For the desk alone: nothing of it is shown to the public."""

    phone: str | None
    cost_code: str | None


class Service(Entry):
    """The advice service: what it is called, where it is, which languages it serves."""

    status: Literal["pilot", "live"]
    name: str
    phone: str | None
    place: str | None
    advisor_languages: tuple[str, ...]
    interpreter: Interpreter
    languages: tuple[Language, ...]

    @field_validator("languages")
    @classmethod
    def _known_fallbacks(cls, languages: tuple[Language, ...]) -> tuple[Language, ...]:
        codes = [language.code for language in languages]
        for language in languages:
            if unknown := set(language.fallback) - set(codes):
                raise ValueError(f"language {language.code} falls back to {unknown.pop()!r}, which is not listed")
        if len(set(codes)) != len(codes):
            raise ValueError("a language is listed twice")
        return languages

    @cached_property
    def by_code(self) -> dict[str, Language]:
        """The languages by their CLDR code."""
        return {language.code: language for language in self.languages}

    def language(self, code: str | None) -> Language:
        """The language of this code; English for an unknown one (`sv-FI` counts as `sv`, `kmr` as `ku`)."""
        tag = (code or "").replace("_", "-").split("-")[0].lower()
        return self.by_code.get({"kmr": "ku"}.get(tag, tag)) or self.by_code["en"]

    def full(self) -> tuple[Language, ...]:
        """The languages that get everything."""
        return tuple(language for language in self.languages if language.tier is Tier.FULL)


def read_service(path: Path = CONTENT / "service.yml") -> Service:
    """The service's details from `path`.

    Raises:
        ContentError: the file is missing or a field of it is wrong.
    """
    service = read(path, Service)
    if "en" not in service.by_code:
        raise ContentError(f"{path}: languages: English (en), the language the answers are written in, must be listed")
    return service
