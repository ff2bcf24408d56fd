"""What `make check` finds wrong in the content and its translations, each finding with where it is and what to do."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from guidance.answers import Answer, read_answers, read_urgent
from guidance.content import CONTENT, TRANSLATIONS, first_day, year_after
from guidance.languages import Service, read_service
from guidance.opening_hours import read_opening_hours
from guidance.translations import ANSWERS, DESK, DESK_LANGUAGES, MESSAGES, SOURCE

FOR_EVERYBODY = (
    "content/urgent.yml",
    "content/phrases.yml",
    "guidance/wording.py",
    "bot/callback.py",
    "bot/conversation.py",
    "bot/channels/texts.py",
)
"""The files whose texts must exist in every language, interpreted ones included."""

_PLACEHOLDER = re.compile(r"\{\w*\}")
_URL = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:fi|com|org|eu)\b")
_THOUSANDS = re.compile(r"(?<=\d)[.,' \u00a0\u202f](?=\d{3}(?!\d))")
_DIGITS = {ord(digit): str(value) for zero in "٠۰०০๐" for value, digit in enumerate(chr(ord(zero) + n) for n in range(10))}


def facts(text: str) -> tuple[list[str], list[str], list[str]]:
    """The placeholders, addresses and numbers of a text, sorted, in a form that can be compared across languages.

    Thousands separators are left out, and a number is a run of digits: 3,540 and 3 540, 10:00 and 10.00 are the same.
    """
    text = text.translate(_DIGITS)
    placeholders = sorted(_PLACEHOLDER.findall(text))
    text = _PLACEHOLDER.sub(" ", text)
    urls = sorted(url.rstrip(".,;:)") for url in _URL.findall(text))
    numbers = sorted(re.findall(r"\d+", _THOUSANDS.sub("", _URL.sub(" ", text))))
    return placeholders, urls, numbers


def compare(source: str, translation: str) -> str | None:
    """What a translation lost or changed of its source: a placeholder, an address, a number. None when nothing."""
    for name, ours, theirs in zip(("placeholders", "addresses", "numbers"), facts(source), facts(translation), strict=True):
        if ours != theirs:
            return f"{name} differ: {' '.join(ours)!r} in English, {' '.join(theirs)!r} here"
    return None


def _dates(answer: Answer, path: Path, today: date) -> Iterator[str]:
    where = f"{path}: {answer.id}"
    if answer.checked is not None and first_day(answer.checked) > today:
        yield f"{where}: checked: {answer.checked} is in the future"
    if answer.reviewed is not None and answer.reviewed.on > today:
        yield f"{where}: reviewed: {answer.reviewed.on} is in the future"
    if answer.valid_until is None:
        if answer.checked is not None:
            yield f"{where}: valid_until: is missing; it is a year after `checked`, or the end of the year of a yearly amount"
    else:
        year_end = (answer.valid_until.month, answer.valid_until.day) == (12, 31)
        if not year_end and (answer.checked is None or answer.valid_until > year_after(answer.checked)):
            yield f"{where}: valid_until: must be no later than a year after `checked`, or the 31 December of a yearly amount"


def content(folder: Path = CONTENT, today: date | None = None) -> Iterator[str]:
    """Findings in the content files.

    Raises:
        ContentError: a file cannot be read at all.
    """
    today = today or date.today()
    read_service(folder / "service.yml")
    read_opening_hours(folder / "opening_hours.yml")
    for line in read_urgent(folder / "urgent.yml").lines:
        if line.checked is not None and first_day(line.checked) > today:
            yield f"{folder / 'urgent.yml'}: {line.id}: checked: {line.checked} is in the future"
    phone = read_service(folder / "service.yml").phone
    for answer in read_answers(folder / "answers").values():
        path = folder / "answers" / f"{answer.topic}.yml"
        yield from _dates(answer, path, today)
        for text in answer.texts():
            if phone and phone.replace(" ", "") in text.replace(" ", ""):
                yield f"{path}: {answer.id}: repeats the service's phone number, which belongs in service.yml alone"


def _entries(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _catalog(folder: Path, code: str, domain: str) -> tuple[Path, Catalog | None]:
    path = folder / code / "LC_MESSAGES" / f"{domain}.po"
    if not path.exists():
        return path, None
    with path.open("rb") as file:
        return path, read_po(file, locale=code, domain=domain)


def _wanted(message: Message, service: Service, code: str, domain: str) -> bool:
    """Whether this language must have this message."""
    if domain == DESK:
        return code in DESK_LANGUAGES
    if service.language(code) in service.full():
        return True
    return domain == MESSAGES and any(file in FOR_EVERYBODY for file, _line in message.locations)


def translations(templates: dict[str, Catalog], folder: Path = TRANSLATIONS, service: Service | None = None) -> Iterator[str]:
    """Findings in the catalogs, held against the templates (by domain) freshly extracted from content and code."""
    service = service or read_service()
    for language in service.languages:
        if language.code == SOURCE:
            continue
        for domain in (ANSWERS, MESSAGES, DESK):
            wanted = [m for m in _entries(templates[domain]) if _wanted(m, service, language.code, domain)]
            path, catalog = _catalog(folder, language.code, domain)
            if catalog is None:
                if wanted:
                    yield f"{path}: is missing; run `make translations`"
                continue
            for message in wanted:
                entry = catalog.get(message.id, message.context)
                where = f"{path}:{entry.lineno if entry else 1}: {message.context or 'message'}: {str(message.id)[:60]!r}"
                if entry is None:
                    yield f"{where} is not in the catalog; run `make translations`"
                elif not entry.string:
                    yield f"{where} is not translated"
                elif entry.fuzzy:
                    yield f"{where} is fuzzy: check the translation and remove the flag"
            for entry in _entries(catalog):
                if entry.string and not entry.fuzzy and (problem := compare(str(entry.id), str(entry.string))):
                    yield f"{path}:{entry.lineno}: {entry.context or 'message'}: {str(entry.id)[:60]!r}: {problem}"
