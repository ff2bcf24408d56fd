"""How well the trained model understands messages it has never seen, by people who never saw its training data."""

from typing import Any

import httpx
import pytest

from bot.evaluation import URGENT, Report, evaluate, read_examples
from bot.settings import Settings
from guidance.content import ROOT
from tests.conftest import FULL, Service

HELD_OUT = ROOT / "tests" / "nlu"


def settings(service: Service) -> Settings:
    return Settings(
        var=service.folder,
        database_url="",
        port=service.port,
        rasa_port=service.rasa_port,
        actions_port=service.actions_port,
        secret="",
        rasa_token=(service.folder / "rasa_token").read_text(),
        production=False,
    )


@pytest.fixture(scope="module")
def reports(service: Service) -> dict[str, Report]:
    """The held-out messages of every full language, run through the model once."""
    return {language: evaluate(read_examples(HELD_OUT / f"{language}.jsonl"), settings(service)) for language in FULL}


@pytest.mark.parametrize("language", FULL)
def test_topic_and_question_are_right_on_messages_never_seen(reports: dict[str, Report], language: str) -> None:
    figures = reports[language].figures()["overall"]
    assert figures["topic_accuracy"] >= 0.95, reports[language].text()
    assert figures["question_accuracy"] >= 0.92, reports[language].text()


@pytest.mark.parametrize("language", FULL)
def test_no_emergency_and_no_crisis_is_missed(reports: dict[str, Report], language: str) -> None:
    figures = reports[language].figures()["overall"]
    assert figures["urgent_messages"] >= 19
    assert figures["missed_urgent"] == []


AFTERWARDS = {
    "fi": "ja vielä: mistä saan verokortin uuteen työhön?",
    "sv": "och en sak till: var får jag ett skattekort?",
    "en": "and one more thing: where do I get a tax card for my new job?",
    "ku": "û tiştek din: ez ji ku karta bacê distînim?",
    "ckb": "شتێکی تریش: لە کوێ کارتی باج وەربگرم؟",
}


@pytest.mark.parametrize("language", FULL)
def test_danger_is_not_missed_for_what_is_said_after_it(service: Service, language: str) -> None:
    # Several messages may be read together: an emergency among them must not be thinned out by the others.
    dangers = [example.text for example in read_examples(HELD_OUT / f"{language}.jsonl") if example.label in URGENT]
    missed = [text for text in dangers if not parse(service, f"{text}\n{AFTERWARDS[language]}").get("urgent")]
    assert missed == []


def test_few_messages_out_of_scope_get_an_answer(reports: dict[str, Report]) -> None:
    # Over all languages. The goal is 0.03; most of these messages sound like a topic ("day care in Turku").
    together = Report([result for report in reports.values() for result in report.results])
    assert together.figures()["overall"]["false_answers_to_out_of_scope"] <= 0.06


@pytest.fixture(scope="module")
def interpreted(service: Service) -> Report:
    """The held-out messages of all interpreted languages."""
    paths = sorted((HELD_OUT / "interpreted").glob("*.jsonl"))
    assert len(paths) == 20
    return evaluate([example for path in paths for example in read_examples(path)], settings(service))


def test_danger_is_recognised_in_the_interpreted_languages(interpreted: Report) -> None:
    assert interpreted.figures()["overall"]["missed_urgent"] == []


def test_the_topic_is_right_in_the_interpreted_languages(interpreted: Report) -> None:
    assert interpreted.figures()["overall"]["topic_accuracy"] >= 0.85, interpreted.text()


def parse(service: Service, text: str) -> dict[str, Any]:
    token = (service.folder / "rasa_token").read_text()
    address = f"http://127.0.0.1:{service.rasa_port}/model/parse"
    result: dict[str, Any] = httpx.post(address, params={"token": token}, json={"text": text}, timeout=30).json()
    return result


def test_the_result_keeps_rasas_own_format(service: Service) -> None:
    result = parse(service, "How do I find a rental home in Espoo?")
    assert result["intent"]["name"] == "housing"
    assert 0 < result["intent"]["confidence"] <= 1
    assert result["intent_ranking"][0] == result["intent"]
    selected = result["response_selector"]["default"]
    assert selected["response"]["intent_response_key"] == "housing/find_rental"
    assert selected["ranking"][0] == selected["response"]
    assert selected["level"] == "question"
    assert "urgent" not in result


@pytest.mark.parametrize("text", ["???", "🙂🙂", "…", "!!!"])
def test_where_there_is_nothing_to_read_the_model_is_unsure(service: Service, text: str) -> None:
    result = parse(service, text)
    assert result["response_selector"]["default"]["level"] == "unsure"
    assert "urgent" not in result


def test_spelling_without_marks_and_other_keyboards_are_the_same_to_the_model(service: Service) -> None:
    for careful, careless in [
        ("Ez çawa dikarim xaniyekî kirê bibînim?", "ez cawa dikarim xaniyeki kire bibinim"),
        ("چۆن خانووی کرێ بدۆزمەوە لە ئێسپۆ", "چون خانووي كري بدوزمەوە لە ئیسپو"),
        ("Mistä löydän vuokra-asunnon?", "mista loydan vuokra-asunnon"),
    ]:
        first, second = parse(service, careful), parse(service, careless)
        keys = [r["response_selector"]["default"]["response"]["intent_response_key"] for r in (first, second)]
        assert keys[0] == keys[1] == "housing/find_rental"
