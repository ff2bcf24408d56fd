"""The content files, their checks and the extractor."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from ruamel.yaml import YAML

from guidance import checks
from guidance.answers import TOPICS, read_answers, read_urgent
from guidance.content import CONTENT, ContentError, first_day, year_after
from guidance.extractor import extract
from guidance.knowledge import Knowledge
from guidance.languages import read_service

ANSWER = """\
- id: housing/find_rental
  question: How do I find a home?
  answer:
  - Look online, since 2024.
  - - See the flat.
    - Call 029 151 2221.
  links:
  - title: Espoon Asunnot
    url: https://www.espoonasunnot.fi/en/applicants
  authority: City of Espoo
  next: []
  handoff: You may lose your home.
  checked: 2024-02-29
  reviewed: null
  valid_until: 2025-02-28
"""


@pytest.fixture
def answers(tmp_path: Path) -> Callable[[str], Path]:
    """A folder of answers whose housing file has this text; the other topics are empty."""

    def make(housing: str) -> Path:
        for topic in TOPICS:
            (tmp_path / f"{topic}.yml").write_text(housing if topic == "housing" else "[]")
        return tmp_path

    return make


def test_all_64_questions_have_an_answer_with_a_source() -> None:
    found = read_answers()
    assert len(found) == 64
    assert {answer.topic for answer in found.values()} == set(TOPICS)
    assert all(answer.links and answer.authority for answer in found.values())


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("question: How", "questoin: How", r"housing.yml:2.*questoin"),
        ("url: https://www", "url: http://www", r"housing.yml:9: housing/find_rental › links › 0 › url.*https"),
        ("next: []", "next: [housing/nothing]", r"there is no question 'housing/nothing'"),
        ("checked: 2024-02-29", "checked: last year", r"housing.yml:13.*checked"),
        ("- id: housing/find_rental", "- id: health/find_rental", r"must begin with housing/"),
        ("  answer:", "  answer: [", r"housing.yml:\d+: this is not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_field(answers: Callable[[str], Path], old: str, new: str, error: str) -> None:
    with pytest.raises(ContentError, match=error):
        read_answers(answers(ANSWER.replace(old, new)))


def test_an_answer_without_a_source_is_refused(answers: Callable[[str], Path]) -> None:
    without = ANSWER[: ANSWER.index("  links:")] + "  links: []\n" + ANSWER[ANSWER.index("  authority:") :]
    with pytest.raises(ContentError, match="needs at least one source"):
        read_answers(answers(without))


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("checked: 2024-02-29", "checked: 2031-01-01", "is in the future"),
        ("valid_until: 2025-02-28", "valid_until: 2026-02-28", "must be no later than a year after"),
        ("valid_until: 2025-02-28", "valid_until: null", "is missing"),
        ("Call 029 151 2221.", "Call 0406368097.", "belongs in service.yml alone"),
    ],
)
def test_check_finds_dates_and_numbers_that_cannot_be(tmp_path: Path, old: str, new: str, finding: str) -> None:
    for name in ("service.yml", "opening_hours.yml", "urgent.yml"):
        (tmp_path / name).write_text((CONTENT / name).read_text())
    (tmp_path / "answers").mkdir()
    for topic in TOPICS:
        text = ANSWER.replace(old, new) if topic == "housing" else "[]"
        (tmp_path / "answers" / f"{topic}.yml").write_text(text)
    assert any(finding in found for found in checks.content(tmp_path, date(2026, 11, 24)))


def test_the_projects_own_content_has_no_findings() -> None:
    assert list(checks.content()) == []


def test_partial_dates_are_kept_as_they_are_and_never_completed() -> None:
    assert first_day("2025") == date(2025, 1, 1)
    assert first_day("2025-12") == date(2025, 12, 1)
    assert year_after("2024-02-29") == date(2025, 2, 28)
    with pytest.raises(ValueError, match="not a date"):
        first_day("spring 2025")


def test_no_number_that_must_not_be_used_is_in_any_answer() -> None:
    banned = ["09 816 34500", "09 8162 2800", "09 816 42439", "09 10023", "040 636 8097", "020 6344"]
    texts = "".join(path.read_text() for path in (CONTENT / "answers").glob("*.yml")) + (CONTENT / "urgent.yml").read_text()
    squeezed = texts.replace(" ", "")
    assert [number for number in banned if number.replace(" ", "") in squeezed] == []


def test_urgent_lines_are_all_used_and_112_comes_first(known: Knowledge) -> None:
    urgent = read_urgent()
    assert {line.id for line in urgent.lines} == {*urgent.emergency.lines, *urgent.crisis.lines}
    assert urgent.lines_for("emergency")[0].number == urgent.lines_for("crisis")[0].number == "112"


def test_the_extractor_gives_one_entry_a_paragraph_and_a_point_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "housing.yml"
    path.write_text(ANSWER)
    with path.open("rb") as file:
        found = [(line, message) for line, _function, message, _comments in extract(file, {}, [], {})]
    context = "housing/find_rental"
    assert found == [
        (2, (context, "How do I find a home?")),
        (4, (context, "Look online, since 2024.")),
        (5, (context, "See the flat.")),
        (6, (context, "Call 029 151 2221.")),
        (8, (context, "Espoon Asunnot")),
        (10, (context, "City of Espoo")),
        (12, (context, "You may lose your home.")),
    ]


def test_the_extractor_reads_what_is_said_in_danger() -> None:
    with (CONTENT / "urgent.yml").open("rb") as file:
        contexts = {message[0] for _line, _function, message, _comments in extract(file, {}, [], {})}
    assert contexts == {"urgent"}


@pytest.mark.parametrize(
    ("english", "translation", "problem"),
    [
        ("Pay 3,540 euros in 2025.", "Maksa 3 540 euroa vuonna 2025.", None),
        ("Open 10:00-16:00.", "Avoinna 10.00–16.00.", None),
        ("Call 029 151 2221.", "Soita 029 151 2221.", None),
        ("Call 029 151 2221.", "Soita 029 151 2212.", "numbers"),
        ("Within 30 days.", "Kuukauden kuluessa.", "numbers"),
        ("Opens at {time}.", "Avataan {tiem}.", "placeholders"),
        ("See espoo.fi.", "Katso espo.fi.", "addresses"),
        ("Call 112.", "پەیوەندی بە ١١٢ بکە.", None),
    ],
)
def test_a_translation_must_keep_every_number_address_and_placeholder(
    english: str, translation: str, problem: str | None
) -> None:
    found = checks.compare(english, translation)
    assert (found is None) if problem is None else (found is not None and found.startswith(problem))


def _catalog(*entries: tuple[str, str], fuzzy: bool = False) -> Catalog:
    catalog = Catalog(locale="fi")
    for source, translation in entries:
        catalog.add(source, translation, context="housing/find_rental", locations=[("content/answers/housing.yml", 1)])
        catalog.get(source, "housing/find_rental").flags |= {"fuzzy"} if fuzzy else set()
    return catalog


@pytest.mark.parametrize(
    ("entries", "fuzzy", "finding"),
    [
        ([], False, "is not in the catalog"),
        ([("Call 112.", "")], False, "is not translated"),
        ([("Call 112.", "Soita 112.")], True, "is fuzzy"),
        ([("Call 112.", "Soita 113.")], False, "numbers differ"),
    ],
)
def test_check_finds_what_is_wrong_in_a_catalog(
    tmp_path: Path, entries: list[tuple[str, str]], fuzzy: bool, finding: str
) -> None:
    folder = tmp_path / "fi" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    for domain in ("answers", "messages"):
        with (folder / f"{domain}.po").open("wb") as file:
            write_po(file, _catalog(*entries, fuzzy=fuzzy))
    service = read_service()
    finnish = service.model_copy(update={"languages": tuple(lang for lang in service.languages if lang.code in ("fi", "en"))})
    templates = {"answers": _catalog(("Call 112.", "")), "messages": Catalog()}
    assert any(finding in found for found in checks.translations(templates, tmp_path, finnish))


def test_production_content_can_be_told_from_the_pilots() -> None:
    document = YAML().load((CONTENT / "service.yml").read_text())
    assert document["status"] in ("pilot", "live")
