"""What `neuvo check` looks at, and how the catalogs are kept up to date."""

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from bot import widget
from bot.channels.texts import texts
from bot.evaluation import ExampleError, read_examples
from guidance import checks
from guidance.answers import read_answers
from guidance.content import CONTENT, ROOT, TRANSLATIONS, ContentError, read_document
from guidance.knowledge import knowledge
from guidance.languages import read_service
from guidance.translations import ANSWERS, DESK, DESK_LANGUAGES, MESSAGES, SOURCE

NEARLY = 0.8
"""Character trigrams two messages may share (Jaccard) before one counts as the other with a word changed."""

TRAINING = ROOT / "data" / "nlu"
HELD_OUT = ROOT / "tests" / "nlu"
DEVELOPMENT = ROOT / "data" / "development"

QUESTIONS_AT_LEAST = {"fi": 15, "sv": 15, "en": 15, "ku": 25, "ckb": 25}
SERVICE_AT_LEAST, OUT_OF_SCOPE_AT_LEAST, HELD_OUT_AT_LEAST = 20, 120, 2

Example = tuple[str, str, str]
"""Where a training example is (file:line), its intent, its text."""


def _pybabel(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "babel.messages.frontend", "--quiet", *arguments], cwd=ROOT, check=True)


def _extract(domain: str, target: Path) -> None:
    _pybabel("extract", "-F", f"translations/{domain}.cfg", "-o", str(target), "--project=Neuvo", "--no-wrap", ".")


def templates(folder: Path) -> dict[str, Catalog]:
    """The catalogs' templates by domain, freshly extracted into a folder."""
    found = {}
    for domain in (ANSWERS, MESSAGES, DESK):
        target = folder / f"{domain}.pot"
        _extract(domain, target)
        with target.open("rb") as file:
            found[domain] = read_po(file, domain=domain)
    return found


def update_catalogs(tell: Callable[[str], None]) -> None:
    """Extract, update every language's catalogs (new languages get theirs), compile."""
    folder = ROOT / "var" / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    service = read_service()
    for domain in templates(folder):
        for language in service.languages:
            if language.code == SOURCE:
                continue
            if domain == DESK and language.code not in DESK_LANGUAGES:
                continue
            path = TRANSLATIONS / language.code / "LC_MESSAGES" / f"{domain}.po"
            if not path.exists() and domain == ANSWERS and language not in service.full():
                continue
            verb = "update" if path.exists() else "init"
            options = ["--no-fuzzy-matching", "--ignore-obsolete"] if path.exists() else []
            _pybabel(
                verb,
                "-D",
                domain,
                "-i",
                str(folder / f"{domain}.pot"),
                "-o",
                str(path),
                "-l",
                language.code,
                "-w",
                "100",
                *options,
            )
            _pybabel("compile", "-D", domain, "-i", str(path), "-o", str(path.with_suffix(".mo")), "-l", language.code)
            tell(f"{path.relative_to(ROOT)}: up to date")


def training_examples(language: str) -> list[Example]:
    """The training examples of a language.

    Raises:
        ContentError: a file is not in Rasa's NLU format.
    """
    found = []
    for path in sorted((TRAINING / language).glob("*.yml")):
        document = read_document(path)
        for block in document.get("nlu") or []:
            if not isinstance(block.get("examples"), str):
                raise ContentError(
                    f"{path}:{block.lc.line + 1}: {block.get('intent')}: `examples: |` with lines that begin with - is missing"
                )
            first = block.lc.value("examples")[0] + 2
            for number, line in enumerate(block["examples"].splitlines()):
                if not line.startswith("- ") or not line[2:].strip():
                    raise ContentError(f"{path}:{first + number}: an example is a line that begins with `- `: {line!r}")
                found.append((f"{path.relative_to(ROOT)}:{first + number}", str(block["intent"]), line[2:].strip()))
    return found


def _trigrams(text: str) -> frozenset[str]:
    text = f"  {re.sub(r'\W+', ' ', text.casefold()).strip()} "
    return frozenset(text[start : start + 3] for start in range(len(text) - 2))


class _Neighbours:
    """Finds, among the texts added so far, one that is nearly the same."""

    def __init__(self) -> None:
        self._texts: list[tuple[str, frozenset[str]]] = []
        self._by_trigram: dict[str, list[int]] = {}

    def nearest(self, text: str) -> str | None:
        """Where a text stands that is nearly `text`, or None."""
        trigrams = _trigrams(text)
        # A near one shares at least NEARLY of these trigrams, so also one of the few rarest: those are looked up.
        differing = len(trigrams) - math.ceil(NEARLY * len(trigrams))
        rarest = sorted(trigrams, key=lambda trigram: len(self._by_trigram.get(trigram, ())))[: differing + 1]
        for index in {index for trigram in rarest for index in self._by_trigram.get(trigram, ())}:
            where, other = self._texts[index]
            if len(trigrams & other) / len(trigrams | other) >= NEARLY:
                return where
        return None

    def add(self, where: str, text: str) -> None:
        """Remember a text."""
        trigrams = _trigrams(text)
        for trigram in trigrams:
            self._by_trigram.setdefault(trigram, []).append(len(self._texts))
        self._texts.append((where, trigrams))


def _counts(language: str, examples: list[Example], questions: set[str], service_intents: set[str]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for _where, intent, _text in examples:
        counts[intent] = counts.get(intent, 0) + 1
    wanted = dict.fromkeys(questions, QUESTIONS_AT_LEAST[language]) | dict.fromkeys(service_intents, SERVICE_AT_LEAST)
    wanted["out_of_scope"] = OUT_OF_SCOPE_AT_LEAST
    for intent, least in sorted(wanted.items()):
        if counts.get(intent, 0) < least:
            yield f"data/nlu/{language}: {intent}: {counts.get(intent, 0)} examples; at least {least} are needed"


def nlu() -> Iterator[str]:
    """Findings in the training data and the held-out examples.

    Raises:
        ContentError: a file cannot be read at all.
    """
    questions = set(read_answers())
    domain = read_document(ROOT / "domain.yml")
    topics = {question.partition("/")[0] for question in questions}
    service_intents = {str(intent) for intent in domain["intents"]} - topics - {"follow_up"}
    for language in read_service().languages:
        examples = training_examples(language.code)
        neighbours = _Neighbours()
        for where, intent, text in examples:
            if intent not in questions | service_intents and not intent.startswith("follow_up/"):
                yield f"{where}: there is no question or service intent {intent!r}"
            if other := neighbours.nearest(text):
                yield f"{where}: nearly repeats {other}: {text[:60]!r}"
            neighbours.add(where, text)
        if language.code in QUESTIONS_AT_LEAST:
            yield from _counts(language.code, examples, questions, service_intents)
        for folder in (HELD_OUT, DEVELOPMENT, HELD_OUT / "interpreted"):
            path = folder / f"{language.code}.jsonl"
            if path.exists():
                yield from _never_trained_on(path, neighbours, questions if language.code in QUESTIONS_AT_LEAST else set())


def _never_trained_on(path: Path, neighbours: _Neighbours, questions: set[str]) -> Iterator[str]:
    """Findings in a file of labelled messages that the model must not have been trained on."""
    try:
        messages = read_examples(path)
    except ExampleError as error:
        yield str(error)
        return
    counts = dict.fromkeys(questions, 0)
    for number, example in enumerate(messages, 1):
        counts[example.label] = counts.get(example.label, 0) + 1
        if other := neighbours.nearest(example.text):
            yield f"{path.relative_to(ROOT)}:{number}: nearly repeats the training example {other}: {example.text[:60]!r}"
    for question in sorted(questions):
        if counts[question] < HELD_OUT_AT_LEAST:
            yield f"{path.relative_to(ROOT)}: {question}: {counts[question]} messages of at least {HELD_OUT_AT_LEAST}"


def chat() -> Iterator[str]:
    """Whether the web chat has become too heavy for a phone with prepaid data, in any language."""
    known, at = knowledge(), datetime.now(UTC)
    for language in known.service.languages:
        words = json.dumps(texts(known, language.code, known.hours.at(at), at), ensure_ascii=False).encode()
        if (size := widget.size(words)) > widget.LIMIT:
            yield f"bot/widget: with the words of {language.code} it has {size} bytes gzipped; at most {widget.LIMIT} are allowed"


def findings() -> Iterator[str]:
    """Everything that is wrong in content, translations and training data.

    Raises:
        ContentError: a file cannot be read at all.
    """
    yield from checks.content(CONTENT)
    folder = ROOT / "var" / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    yield from checks.translations(templates(folder))
    yield from nlu()
    yield from chat()
