"""The catalogs: whole answers or none, fallbacks that are said, numbers that can be read right to left."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from guidance.content import ContentError
from guidance.knowledge import Knowledge
from guidance.languages import read_service
from guidance.opening_hours import DeskState
from guidance.translations import LTR_ISOLATE, POP_ISOLATE, Translations, isolate
from tests.conftest import FULL

HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.mark.parametrize("language", FULL)
def test_every_answer_is_whole_in_every_full_language(known: Knowledge, language: str) -> None:
    for answer in known.answers.values():
        shown, code = known.translations.answer(answer, language)
        assert code == language, answer.id
        if language != "en":
            assert shown.question != answer.question
            assert len(shown.texts()) == len(answer.texts())


def _folder(tmp_path: Path, answers: dict[str, str]) -> Path:
    """Catalogs in which only Finnish has answers, these."""
    for language in ("fi", "sv", "ku", "ckb"):
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        for domain in ("answers", "messages"):
            catalog = Catalog(locale=language)
            if (language, domain) == ("fi", "answers"):
                for source, translation in answers.items():
                    catalog.add(source, translation, context="housing/find_rental")
            with (folder / f"{domain}.mo").open("wb") as file:
                write_mo(file, catalog)
    (tmp_path / "reviewed.yml").write_text("fi:\n  housing/find_rental: {by: Test Person, on: 2026-01-01}\n")
    return tmp_path


def test_a_half_translated_answer_is_shown_whole_in_the_next_language(known: Knowledge, tmp_path: Path) -> None:
    answer = known.answers["housing/find_rental"]
    half = {text: f"suomeksi {text}" for text in answer.texts()[:-1]}
    translations = Translations(read_service(), _folder(tmp_path, half))
    assert translations.answer(answer, "fi") == (answer, "en")


def test_a_name_that_stays_the_same_counts_as_translated(known: Knowledge, tmp_path: Path) -> None:
    answer = known.answers["housing/find_rental"]
    whole = {text: text if text == answer.authority else f"suomeksi {text}" for text in answer.texts()}
    translations = Translations(read_service(), _folder(tmp_path, whole))
    shown, code = translations.answer(answer, "fi")
    assert (code, shown.authority) == ("fi", answer.authority)
    assert translations.answer(answer, "sv")[1] == "en"  # Swedish falls back to English first
    review = translations.review(answer, "fi")
    assert review is not None
    assert review.by == "Test Person"
    assert translations.review(answer, "ku") is None


def test_catalogs_that_are_not_compiled_are_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "reviewed.yml").write_text("{}")
    with pytest.raises(ContentError, match="make translations"):
        Translations(read_service(), tmp_path)


@pytest.mark.parametrize(
    "run", ["040 636 8097", "112", "10:00–16:00", "Kela", "+358 40 123 4567", "espoo.fi", "3 540", "päätös", "(Työmarkkinatori)"]
)
def test_numbers_and_latin_words_are_isolated_in_right_to_left_text(run: str) -> None:
    assert isolate(f"ژمارە {run} ە") == f"ژمارە {LTR_ISOLATE}{run}{POP_ISOLATE} ە"


def test_left_to_right_languages_are_left_alone(known: Knowledge) -> None:
    assert known.translations.catalog("ku").say("Kela 112") == "Kela 112"
    assert known.translations.catalog("ckb").say("Kela 112") == f"{LTR_ISOLATE}Kela 112{POP_ISOLATE}"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HELSINKI)


def test_opening_hours_are_told_in_words_of_every_language(known: Knowledge) -> None:
    friday = moment("2026-12-04T13:00")
    state = known.hours.at(friday)
    said = {language.code: known.wording(language.code).desk(state, friday) for language in known.service.languages}
    assert len(set(said.values())) == len(said)  # every language has its own sentence
    assert all("10:00" in text for text in said.values())  # the 24-hour clock, in Latin digits
    assert "maanantaina 7. joulukuuta" in said["fi"]
    assert "måndag 7 december" in said["sv"]
    assert "Monday 7 December" in said["en"]
    assert "duşem" in said["ku"]
    assert "دووشەممە" in said["ckb"]


def test_today_and_tomorrow_are_called_so(known: Knowledge) -> None:
    english = known.wording("en")
    early, late = moment("2026-12-01T08:00"), moment("2026-12-01T17:00")
    assert "today at 10:00" in english.desk(known.hours.at(early), early)
    assert "tomorrow at 10:00" in english.desk(known.hours.at(late), late)
    noon = moment("2026-12-01T12:00")
    assert english.desk(known.hours.at(noon), noon) == "Advisors are here now, until 16:00."


def test_the_week_is_told_in_one_line(known: Knowledge) -> None:
    assert known.wording("en").week() == "Mon–Thu 10:00–16:00 · Fri 09:00–12:00"


@pytest.mark.parametrize("language", FULL)
def test_every_text_reads_well_without_a_phone(known: Knowledge, language: str) -> None:
    now = moment("2026-12-01T12:00")
    silent = known.service.model_copy(update={"phone": None, "place": None})
    wording = known.wording(language)
    wording.service = silent
    for text in (wording.reach(known.hours.at(now), now), wording.away(known.hours.at(now), now)):
        assert "None" not in text
        assert "040" not in text
        assert text.strip()


def test_a_service_that_never_opens_says_only_that_nobody_is_there(known: Knowledge) -> None:
    now = moment("2026-12-01T12:00")
    assert known.wording("en").desk(DeskState(open=False), now) == "No advisor is here right now."


def test_what_is_said_in_danger_exists_in_every_language(known: Knowledge) -> None:
    for language in known.service.languages:
        if language.code == "en":
            continue
        catalog = known.translations.catalog(language.code)
        for text in (*known.urgent.emergency.text, *known.urgent.crisis.text):
            assert catalog.pgettext("urgent", text) != text, (language.code, text)
