"""Emergencies and crises: answered at once, whatever else is going on, in every language."""

from collections.abc import Callable

import pytest

from guidance.knowledge import Knowledge
from tests.conftest import FULL, Person, Service

People = Callable[..., Person]

EMERGENCIES = {
    "fi": "Apua, keittiössä palaa!",
    "sv": "Hjälp, det brinner i köket!",
    "en": "My husband is not breathing, help",
    "ku": "Alîkarî! Mala me dişewite, agir heye",
    "ckb": "فریام کەون ماڵەکەمان ئاگری گرتووە",
    "ar": "النجدة هناك حريق في بيتنا",
    "ru": "Помогите, у нас в квартире пожар",
    "so": "I caawi, guriga dab ayaa ka kacay",
    "et": "Appi, meil on korteris tulekahju",
    "uk": "Допоможіть, у нас у квартирі пожежа",
    "fa": "کمک کنید خانه ما آتش گرفته",
    "sq": "Ndihmë, ka zjarr në shtëpi",
    "zh": "救命,我家着火了",
    "tr": "İmdat, evde yangın var",
    "vi": "Cứu với, nhà tôi đang cháy",
    "es": "Ayuda, hay un incendio en mi casa",
    "fr": "Au secours, il y a le feu chez moi",
    "bn": "বাঁচান, আমাদের ঘরে আগুন লেগেছে",
    "hi": "मदद करो, हमारे घर में आग लग गई है",
    "ur": "مدد کریں ہمارے گھر میں آگ لگ گئی ہے",
    "ne": "बचाउनुहोस्, हाम्रो घरमा आगो लागेको छ",
    "th": "ช่วยด้วย ไฟไหม้บ้าน",
    "ti": "ሓግዙና ገዛና ሓዊ ተወሊዑ ኣሎ",
    "de": "Hilfe, es brennt in unserer Wohnung",
    "pl": "Pomocy, w naszym mieszkaniu jest pożar",
}


@pytest.mark.parametrize("language", EMERGENCIES)
def test_an_emergency_is_answered_at_once_in_all_25_languages(person: People, known: Knowledge, language: str) -> None:
    someone = person(language)
    reply = someone.say(EMERGENCIES[language])[0]
    assert (reply["type"], reply["kind"]) == ("urgent", "emergency")
    assert reply["language"] == language
    assert reply["lines"][0]["number"] == "112"
    said = known.translations.catalog(language)
    assert reply["text"].splitlines()[0] == said.say(said.pgettext("urgent", known.urgent.emergency.text[0]))


CRISES = {
    "fi": "Mieheni hakkaa minua ja pelkään hänen tappavan minut",
    "sv": "Min man slår mig och jag är rädd för honom",
    "en": "I do not want to live any more",
    "ku": "Mêrê min li min dixe û ez ditirsim",
    "ckb": "مێردەکەم لێم دەدات و دەترسم بمکوژێت",
}


@pytest.mark.parametrize("language", FULL)
def test_a_crisis_is_answered_with_crisis_lines(person: People, language: str) -> None:
    reply = person(language).say(CRISES[language])[0]
    assert (reply["type"], reply["kind"]) == ("urgent", "crisis")
    assert "080 005 005" in {line["number"] for line in reply["lines"]}


@pytest.mark.parametrize("mode", ["bot", "waiting", "advisor"])
def test_an_emergency_is_seen_in_every_mode(person: People, service: Service, mode: str) -> None:
    someone = person("en")
    someone.say("hello")
    service.set_mode(someone.id, mode)
    replies = someone.say("help, my child swallowed pills and is unconscious")
    assert [reply["type"] for reply in replies] == ["urgent"]
