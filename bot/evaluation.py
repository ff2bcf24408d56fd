"""How well the model understands labelled messages: figures per language, the worst errors, a picture."""

import json
import os
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.progress import track

from bot.language import SURE_WORDS, LanguageDetector, words
from bot.settings import Settings
from guidance.answers import TOPICS, read_answers
from guidance.content import ROOT
from guidance.languages import read_service

LONG = SURE_WORDS + 1
"""Words from which a message's language is expected to be known."""
URGENT = ("emergency", "crisis")
WORST = 30


class ExampleError(Exception):
    """A labelled message is wrong; the message names the file and the line."""


@dataclass(frozen=True)
class Example:
    """A labelled message: `label` is `topic/question`, a topic, or a service intent; `persona` who is imagined to write it."""

    text: str
    language: str
    label: str
    persona: str | None = None

    @property
    def intent(self) -> str:
        """The topic or service intent."""
        return self.label.partition("/")[0]


@dataclass(frozen=True)
class Result:
    """An example and what the model said of it."""

    example: Example
    intent: str
    question: str
    level: str
    urgent: str | None
    confidence: float
    language: str

    @property
    def understood_as(self) -> str:
        """The question, for a topic; else the service intent."""
        return self.question if self.intent in TOPICS else self.intent

    @property
    def topic_right(self) -> bool:
        """Whether the topic, or service intent, is right."""
        return self.intent == self.example.intent or (self.example.label in URGENT and self.urgent is not None)

    @property
    def right(self) -> bool:
        """Whether the whole label is right."""
        if "/" in self.example.label:
            return self.intent in TOPICS and self.question == self.example.label
        return self.topic_right


def read_examples(path: Path) -> list[Example]:
    """The labelled messages of a file, one JSON object a line.

    Raises:
        ExampleError: the file cannot be read, or a line is malformed; nothing has run then.
    """
    service = read_service()
    questions = set(read_answers())
    labels = questions | set(TOPICS) | _service_intents()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ExampleError(f"{path}: cannot be read: {error}") from None
    examples = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise ExampleError(f"{path}:{number}: not JSON: {error}") from None
        if (
            not isinstance(entry, dict)
            or not {"text", "lang", "label"} <= set(entry) <= {"text", "lang", "label", "persona"}
            or not all(isinstance(v, str) for v in entry.values())
        ):
            raise ExampleError(
                f'{path}:{number}: a line is {{"text": "…", "lang": "…", "label": "…"}}, perhaps with "persona", all strings'
            )
        if not entry["text"].strip():
            raise ExampleError(f"{path}:{number}: text is empty")
        if entry["lang"] not in service.by_code:
            raise ExampleError(f"{path}:{number}: lang {entry['lang']!r} is not in content/service.yml")
        if entry["label"] not in labels:
            raise ExampleError(f"{path}:{number}: label {entry['label']!r} is no question, topic or service intent")
        examples.append(Example(entry["text"], entry["lang"], entry["label"], entry.get("persona")))
    if not examples:
        raise ExampleError(f"{path}: has no messages")
    return examples


def _service_intents() -> set[str]:
    from guidance.content import read_document

    return {str(intent) for intent in read_document(ROOT / "domain.yml")["intents"]} - set(TOPICS) - {"follow_up"}


@contextmanager
def rasa_server(settings: Settings) -> Iterator[httpx.Client]:
    """The running Rasa server, or one started for the time being."""
    with httpx.Client(base_url=settings.rasa_url, params={"token": settings.rasa_token}, timeout=60) as client:
        try:
            client.get("/status").raise_for_status()
            yield client
            return
        except httpx.HTTPError:
            pass
        log = settings.var / "log" / "evaluate-rasa.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            server = subprocess.Popen(
                [
                    str(ROOT / "nlu/.venv/bin/python"), "-W", "ignore", "-m", "nlu", "run", "--enable-api",
                    "--interface", "127.0.0.1", "--port", str(settings.rasa_port), "--auth-token", settings.rasa_token,
                    "--model", str(settings.var / "models/neuvo.tar.gz"),
                ],
                cwd=ROOT,
                env={
                    **os.environ,
                    "LOG_LEVEL": "WARNING",
                    "RASA_TELEMETRY_ENABLED": "false",
                    "NEUVO_ACTIONS_PORT": str(settings.actions_port),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        try:
            for _second in range(180):
                if server.poll() is not None:
                    raise ExampleError(f"Rasa did not start; see {log}")
                try:
                    client.get("/status").raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(1)
            yield client
        finally:
            server.terminate()
            server.wait(20)


LENGTHS = ("1-4 words", "5-15 words", "16-30 words", "over 30 words")


def _length(text: str) -> str:
    count = words(text)
    return LENGTHS[0 if count < 5 else 1 if count < 16 else 2 if count < 31 else 3]


class Report:
    """What came of the examples."""

    def __init__(self, results: list[Result]) -> None:
        self.results = results

    @staticmethod
    def _share(parts: list[bool]) -> float | None:
        return round(sum(parts) / len(parts), 4) if parts else None

    def _figures(self, results: list[Result]) -> dict[str, Any]:
        topical = [r for r in results if r.example.intent in TOPICS]
        questions = [r for r in topical if "/" in r.example.label]
        service = [r for r in results if r.example.intent not in TOPICS]
        out_of_scope = [r for r in service if r.example.label == "out_of_scope"]
        urgent = [r for r in service if r.example.label in URGENT]
        long = [r for r in results if words(r.example.text) >= LONG]
        short = [r for r in results if words(r.example.text) < LONG]
        return {
            "messages": len(results),
            "topic_accuracy": self._share([r.topic_right for r in topical]),
            "question_accuracy": self._share([r.right for r in questions]),
            "answered": self._share([r.level == "question" for r in questions]),
            "answered_wrong": self._share([r.level == "question" and not r.right for r in questions]),
            "service_accuracy": self._share([r.right for r in service if r.example.label != "out_of_scope"]),
            "false_answers_to_out_of_scope": self._share([r.intent in TOPICS and r.level == "question" for r in out_of_scope]),
            "missed_urgent": [r.example.text for r in urgent if r.urgent is None],
            "urgent_messages": len(urgent),
            "false_alarms": self._share([r.urgent is not None for r in results if r.example.label not in URGENT]),
            "language_accuracy": self._share([r.language == r.example.language for r in long]),
            "language_accuracy_short": self._share([r.language == r.example.language for r in short]),
            "calibration_error": self._calibration(questions),
        }

    @staticmethod
    def _calibration(results: list[Result]) -> float | None:
        """Expected calibration error over ten bins: how far confidence and accuracy are apart on average."""
        if not results:
            return None
        bins: dict[int, list[Result]] = defaultdict(list)
        for result in results:
            bins[min(int(result.confidence * 10), 9)].append(result)
        gap = sum(abs(sum(r.confidence for r in group) - sum(r.right for r in group)) for group in bins.values())
        return round(gap / len(results), 4)

    def figures(self) -> dict[str, Any]:
        """All figures, per language and overall."""
        by_language: dict[str, list[Result]] = defaultdict(list)
        for result in self.results:
            by_language[result.example.language].append(result)
        by_persona: dict[str, list[Result]] = defaultdict(list)
        by_length: dict[str, list[Result]] = defaultdict(list)
        for result in self.results:
            if result.example.persona:
                by_persona[result.example.persona].append(result)
            by_length[_length(result.example.text)].append(result)
        return {
            "personas": {name: self._accuracies(results) for name, results in sorted(by_persona.items())},
            "lengths": {name: self._accuracies(by_length[name]) for name in LENGTHS if name in by_length},
            "languages": {code: self._figures(results) for code, results in by_language.items()},
            "overall": self._figures(self.results),
            "confusions": [
                {"label": label, "understood_as": said, "count": count}
                for (label, said), count in self._confusions().most_common(20)
            ],
            "worst": [
                {"text": r.example.text, "lang": r.example.language, "label": r.example.label, "understood_as": r.understood_as,
                 "confidence": round(r.confidence, 3), "level": r.level}
                for r in self._worst()
            ],
        }  # fmt: skip

    def _accuracies(self, results: list[Result]) -> dict[str, Any]:
        figures = self._figures(results)
        return {name: figures[name] for name in ("messages", "topic_accuracy", "question_accuracy", "answered_wrong")}

    def _confusions(self) -> Counter[tuple[str, str]]:
        return Counter((r.example.label, r.understood_as) for r in self.results if not r.right)

    def _worst(self) -> list[Result]:
        return sorted((r for r in self.results if not r.right), key=lambda r: -r.confidence)[:WORST]

    def text(self) -> str:
        """The figures as text."""
        figures = self.figures()
        columns = {**figures["languages"], "overall": figures["overall"]}
        lines = [f"{'':32}" + "".join(f"{name:>9}" for name in columns)]
        for name in figures["overall"]:
            cells = []
            for column in columns.values():
                value = column[name]
                if isinstance(value, list):
                    value = len(value)
                cells.append("-" if value is None else f"{value:.1%}" if isinstance(value, float) else str(value))
            lines.append(f"{name.replace('_', ' '):32}" + "".join(f"{cell:>9}" for cell in cells))
        for title in ("personas", "lengths"):
            lines += ["", f"{'by ' + title[:-1]:32}{'messages':>9}{'topic':>9}{'question':>9}{'wrong':>9}"]
            for name, part in figures[title].items():
                cells = [f"{part['messages']}", *("-" if part[k] is None else f"{part[k]:.1%}" for k in list(part)[1:])]
                lines.append(f"{name:32}" + "".join(f"{cell:>9}" for cell in cells))
        lines += ["", "missed emergencies and crises:", *(f"  {text}" for text in figures["overall"]["missed_urgent"])]
        lines += ["", "most frequent confusions:"]
        lines += [f"  {c['count']:3}  {c['label']} → {c['understood_as']}" for c in figures["confusions"]]
        lines += ["", f"the {WORST} worst errors:"]
        lines += [
            f"  {w['confidence']:.2f} {w['level']:8} [{w['lang']}] {w['label']} → {w['understood_as']}: {w['text']}"
            for w in figures["worst"]
        ]
        return "\n".join(lines)


def _language(detector: LanguageDetector, example: Example) -> str:
    """The language seen: of a long message without knowing the page's, of a short one as on a page in its own language."""
    if words(example.text) >= LONG:
        return detector.detect(example.text, "en").language
    detected = detector.detect(example.text, example.language)
    return detected.language if detected.sure else example.language


def evaluate(examples: list[Example], settings: Settings) -> Report:
    """Run the examples through the model, as the server does.

    Raises:
        ExampleError: Rasa could not be started.
    """
    detector = LanguageDetector(read_service())
    results = []
    with rasa_server(settings) as client:
        for example in track(examples, description="messages", transient=True):
            response = client.post("/model/parse", json={"text": example.text.lstrip("/ ") or "…"})
            response.raise_for_status()
            parsed = response.json()
            selector = parsed["response_selector"]["default"]
            intent = parsed["intent"]["name"]
            topical = intent in TOPICS
            results.append(
                Result(
                    example,
                    intent,
                    selector["response"]["intent_response_key"],
                    selector["level"],
                    parsed.get("urgent"),
                    selector["response"]["confidence"] if topical else parsed["intent"]["confidence"],
                    _language(detector, example),
                )
            )
    return Report(results)


def draw(report: Report, path: Path) -> None:
    """Draw the confusion matrix of topics and service intents as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = sorted(
        {r.example.intent for r in report.results} | {r.intent for r in report.results}, key=lambda n: (n not in TOPICS, n)
    )
    counts = [[0] * len(names) for _name in names]
    for result in report.results:
        counts[names.index(result.example.intent)][names.index(result.intent)] += 1
    shares = [[count / (sum(row) or 1) for count in row] for row in counts]
    figure, axes = pyplot.subplots(figsize=(12, 11))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("understood as")
    axes.set_ylabel("label")
    for row, values in enumerate(counts):
        for column, count in enumerate(values):
            if count:
                color = "white" if shares[row][column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=color)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
