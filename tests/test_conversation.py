"""Whole conversations with the running service: the ladder, context, every service intent, languages."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from guidance.knowledge import Knowledge
from tests.conftest import FULL, Person, Service

People = Callable[..., Person]

# One real question per topic and language.
QUESTIONS = {
    "fi": [
        ("Miten haen lapselle päiväkotipaikkaa?", "early_childhood_education/apply"),
        ("Mistä saan verokortin, aloitan uudessa työssä", "studying_and_working/tax_card"),
        ("Voinko saada toimeentulotukea, rahat ei riitä ruokaan", "social_services_and_benefits/social_assistance"),
        ("Miten varaan ajan hammaslääkärille?", "health_and_wellbeing/dental_care"),
        ("Mistä löydän vuokra-asunnon Espoosta?", "housing/find_rental"),
        ("Tarvitsen apua Kelan hakemuksen täyttämiseen", "form_filling/kela_forms"),
        ("Miten haen Suomen kansalaisuutta?", "dealing_with_authorities/citizenship"),
    ],
    "sv": [
        ("Hur ansöker jag om dagisplats för mitt barn?", "early_childhood_education/apply"),
        ("Var får jag ett skattekort?", "studying_and_working/tax_card"),
        ("Kan jag få utkomststöd, pengarna räcker inte", "social_services_and_benefits/social_assistance"),
        ("Hur bokar jag tid hos tandläkaren?", "health_and_wellbeing/dental_care"),
        ("Hur hittar jag en hyresbostad i Esbo?", "housing/find_rental"),
        ("Jag behöver hjälp att fylla i FPA:s ansökan", "form_filling/kela_forms"),
        ("Hur ansöker jag om finskt medborgarskap?", "dealing_with_authorities/citizenship"),
    ],
    "en": [
        ("How do I apply for a day care place for my daughter?", "early_childhood_education/apply"),
        ("Where do I get a tax card for my new job?", "studying_and_working/tax_card"),
        ("I have no money for food, can I get social assistance?", "social_services_and_benefits/social_assistance"),
        ("How can I book a dentist, my tooth hurts?", "health_and_wellbeing/dental_care"),
        ("How can I find a rental apartment in Espoo?", "housing/find_rental"),
        ("Can somebody help me to fill in the Kela application?", "form_filling/kela_forms"),
        ("How do I apply for Finnish citizenship?", "dealing_with_authorities/citizenship"),
    ],
    "ku": [
        ("Ez çawa dikarim ji bo zarokê xwe cihê kreşê bixwazim?", "early_childhood_education/apply"),
        ("Ez ji ku karta bacê (verokortti) distînim?", "studying_and_working/tax_card"),
        (
            "Pereyê min têrê nake, ez dikarim alîkariya civakî (toimeentulotuki) bistînim?",
            "social_services_and_benefits/social_assistance",
        ),
        ("Diranê min diêşe, ez çawa randevûya diransaz bistînim?", "health_and_wellbeing/dental_care"),
        ("Ez çawa dikarim li Espoo xaniyekî kirê bibînim?", "housing/find_rental"),
        ("Ji bo dagirtina forma Kela alîkarî ji min re lazim e", "form_filling/kela_forms"),
        ("Ez çawa dikarim hemwelatîbûna Fînlandayê bistînim?", "dealing_with_authorities/citizenship"),
    ],
    "ckb": [
        ("چۆن داوای شوێنی باخچەی ساوایان بۆ منداڵەکەم بکەم؟", "early_childhood_education/apply"),
        ("لە کوێ کارتی باج وەربگرم بۆ کارە نوێیەکەم؟", "studying_and_working/tax_card"),
        ("پارەم بۆ خواردن نییە، دەتوانم یارمەتی کۆمەڵایەتی وەربگرم؟", "social_services_and_benefits/social_assistance"),
        ("ددانم دێشێت، چۆن کاتی پزیشکی ددان بگرم؟", "health_and_wellbeing/dental_care"),
        ("چۆن خانووی کرێ لە ئێسپۆ بدۆزمەوە؟", "housing/find_rental"),
        ("یارمەتیم دەوێت بۆ پڕکردنەوەی فۆرمی کێلا", "form_filling/kela_forms"),
        ("چۆن داوای ڕەگەزنامەی فینلەندی بکەم؟", "dealing_with_authorities/citizenship"),
    ],
}


@pytest.mark.parametrize("language", FULL)
def test_a_question_of_every_topic_gets_its_curated_answer_in_the_persons_language(
    person: People, known: Knowledge, language: str
) -> None:
    someone = person(language)
    for text, question in QUESTIONS[language]:
        (reply,) = someone.say(text)
        assert (reply["type"], reply.get("id")) == ("answer", question), text
        assert reply["language"] == language
        shown, _code = known.translations.answer(known.answers[question], language)
        assert reply["question"] == shown.question
        assert reply["links"][0]["url"] == known.answers[question].links[0].url
        assert reply["translation"] == ("original" if language == "en" else "draft")


def test_the_card_says_what_is_known_of_its_age_and_review(person: People) -> None:
    (reply,) = person("en").press('/housing{"question": "find_rental"}')
    notes = {note["kind"]: note["text"] for note in reply["notes"]}
    assert "28 February 2025" in notes["expired"]
    assert "29 February 2024" in notes["checked"]
    assert "not checked" in notes["reviewed"]
    assert reply["checked"] == "2024-02-29"
    assert reply["reviewed"] is None


def test_a_draft_translation_says_so_and_carries_the_original(person: People, known: Knowledge) -> None:
    (reply,) = person("ckb").press('/housing{"question": "find_rental"}')
    assert "draft" in {note["kind"] for note in reply["notes"]}
    assert reply["original"]["question"] == known.answers["housing/find_rental"].question


def test_sure_of_the_topic_only_its_likeliest_questions_are_offered(person: People) -> None:
    someone = person("en")
    (reply,) = someone.press("/housing")
    assert reply["type"] == "choices"
    assert all(choice["payload"].startswith("/housing{") for choice in reply["choices"][:-1])
    (answer,) = someone.say("2")
    assert answer["type"] == "answer"
    assert answer["id"].startswith("housing/")


def test_a_choices_own_words_and_yes_select_it(person: People) -> None:
    someone = person("en")
    (reply,) = someone.press("/form_filling")
    (answer,) = someone.say(reply["choices"][0]["label"])
    assert answer["type"] == "answer"


def test_unsure_it_asks_once_and_then_offers_an_advisor(person: People) -> None:
    someone = person("en")
    (first,) = someone.say("qwe rty asd")
    assert first["type"] in ("choices", "notice")
    assert len([c for c in first["choices"] if c["payload"] != "/human_handoff"]) == 7
    if first["type"] == "choices":
        (second,) = someone.say("zxc vbn")
        assert second["type"] in ("handoff", "notice")


@pytest.mark.parametrize("language", FULL)
@pytest.mark.parametrize(
    "payload", ["/human_handoff", "/opening_hours", "/contact_details", "/service_languages", "/change_language"]
)
def test_buttons_for_the_service_itself_work_in_every_language(person: People, language: str, payload: str) -> None:
    someone = person(language, True)
    (reply,) = someone.press(payload)
    assert reply["type"] == {"/human_handoff": "handoff", "/change_language": "choices"}.get(payload, "notice")
    assert reply["language"] == language
    if payload in ("/human_handoff", "/contact_details"):
        assert "040 636 8097" in reply["text"]


SERVICE = {
    "greet": {"fi": "Moi!", "sv": "Hej hej", "en": "hello", "ku": "Silav", "ckb": "سڵاو"},
    "thank": {"fi": "kiitos paljon", "sv": "tack så mycket", "en": "thank you so much", "ku": "gelek spas", "ckb": "زۆر سوپاس"},
    "goodbye": {"fi": "hei hei, näkemiin", "sv": "hej då", "en": "goodbye", "ku": "bi xatirê te", "ckb": "خوات لەگەڵ"},
    "bot_challenge": {
        "fi": "Oletko sinä robotti vai ihminen?",
        "sv": "Är du en robot eller en människa?",
        "en": "are you a robot or a real human?",
        "ku": "Tu robot î an mirov î?",
        "ckb": "تۆ ڕۆبۆتی یان مرۆڤ؟",
    },
    "capabilities": {
        "fi": "Missä asioissa osaat auttaa?",
        "sv": "Vad kan du hjälpa mig med?",
        "en": "what can you do?",
        "ku": "Tu dikarî çi bikî?",
        "ckb": "دەتوانی چی بکەیت؟",
    },
    "opening_hours": {
        "fi": "Milloin neuvoja on paikalla?",
        "sv": "När är rådgivaren på plats?",
        "en": "when is an advisor there? what are your opening hours",
        "ku": "Şêwirmend kengî li wir e? saetên we çi ne?",
        "ckb": "ڕاوێژکار کەی لەوێیە؟ کاتی کارکردنتان چەندە؟",
    },
    "contact_details": {
        "fi": "Mikä on neuvonnan puhelinnumero?",
        "sv": "Vad har ni för telefonnummer till rådgivningen?",
        "en": "what is the phone number of your advice service?",
        "ku": "Hejmara telefona we ya şêwirmendiyê çi ye?",
        "ckb": "ژمارەی تەلەفۆنی ڕاوێژکاریتان چەندە؟",
    },
    "feedback": {
        "fi": "Vastauksesi oli väärin, huono palvelu",
        "sv": "Ditt svar var fel, dålig service",
        "en": "your answer is wrong, this bot is useless",
        "ku": "Bersiva te şaş e, ev xizmet ne baş e",
        "ckb": "وەڵامەکەت هەڵەیە، خزمەتگوزارییەکەت خراپە",
    },
    "application_status": {
        "fi": "Mikä on hakemukseni tilanne, olen odottanut Migrin päätöstä kuusi kuukautta",
        "sv": "Vad är läget med min ansökan, jag har väntat på beslutet i månader",
        "en": "What is the status of my application at Migri?",
        "ku": "Rewşa serlêdana min çi ye, biryara min hat?",
        "ckb": "داواکارییەکەم گەیشتووەتە کوێ؟ بڕیارەکەم دەرچووە؟",
    },
    "out_of_scope": {
        "fi": "Kuka voitti eilen jalkapallo-ottelun?",
        "sv": "Vem vann fotbollsmatchen igår?",
        "en": "who won the football match yesterday?",
        "ku": "Duh kê maça futbolê bir?",
        "ckb": "دوێنێ کێ یاری تۆپی پێی بردەوە؟",
    },
}
SAID = {
    "bot_challenge": "machine",
    "application_status": "cannot see your application",
    "out_of_scope": "cannot help with that",
    "opening_hours": "Opening hours",
    "contact_details": "Iso Omena",
}


@pytest.mark.parametrize("language", FULL)
@pytest.mark.parametrize("intent", SERVICE)
def test_each_service_intent_is_answered_in_the_persons_language(
    person: People, service: Service, known: Knowledge, intent: str, language: str
) -> None:
    someone = person(language, True)
    (reply,) = someone.say(SERVICE[intent][language])
    assert reply["type"] == "notice"
    assert reply["language"] == language
    assert _last_outcome(service) == "notice"
    if language == "en" and intent in SAID:
        assert SAID[intent] in reply["text"]


def _last_outcome(service: Service) -> Any:
    with closing(sqlite3.connect(service.folder / "neuvo.sqlite3")) as database:
        return database.execute("SELECT outcome FROM turns ORDER BY id DESC LIMIT 1").fetchone()[0]


INTERPRETED = [
    ("ar", "كيف يمكنني العثور على شقة للإيجار في إسبو؟"),
    ("ru", "Как мне найти квартиру в аренду в Эспоо?"),
    ("so", "Sidee baan guri kiro ah uga heli karaa Espoo?"),
    ("fa", "چطور می‌توانم در اسپو خانه اجاره‌ای پیدا کنم؟"),
    ("tr", "Espoo'da kiralık ev nasıl bulabilirim?"),
]


@pytest.mark.parametrize(("language", "text"), INTERPRETED)
def test_an_interpreted_language_gets_the_interpreter_offer_in_that_language(
    person: People, known: Knowledge, language: str, text: str
) -> None:
    (reply,) = person("en").say(text)
    assert (reply["type"], reply["reason"], reply["language"]) == ("handoff", "interpreter", language)
    offer = known.translations.catalog(language).gettext(
        "I cannot give full answers in your language yet. A human advisor can help you, with an interpreter."
    )
    assert known.translations.catalog(language).say(offer) in reply["text"]
    assert {"/request_callback", "language:en"} <= {choice["payload"] for choice in reply["choices"]}


def test_detection_beats_the_page_and_two_words_do_not_flip_it(person: People) -> None:
    someone = person("en")
    (reply,) = someone.say("Miten haen lapselle päiväkotipaikkaa Espoosta?")
    assert reply["language"] == "fi"
    (short,) = someone.say("thank you")
    assert short["language"] == "fi"


def test_two_sure_messages_in_another_language_offer_one_tap_to_switch(person: People) -> None:
    someone = person("fi", True)
    first = someone.say("How do I apply for a day care place for my son?")
    assert [reply["type"] for reply in first] == ["answer"]
    answer, offer = someone.say("What do I have to pay when I visit the doctor here?")
    assert answer["language"] == "fi"
    assert (offer["type"], offer["language"]) == ("choices", "en")
    (switched,) = someone.press(offer["choices"][0]["payload"])
    assert switched["language"] == "en"
    (reply,) = someone.say("Miten löydän vuokra-asunnon Espoosta?")
    assert reply["language"] == "en"  # their own choice stands


def test_a_slash_is_no_command(person: People) -> None:
    someone = person("en")
    someone.press('/early_childhood_education{"question": "apply"}')
    for text in ("/restart", "/", "///"):
        assert someone.say(text)[0]["type"] != "answer"
    (reply,) = someone.say("and how much does it cost?")
    assert reply["id"] == "early_childhood_education/fees"  # nothing was wiped


FOLLOW_UPS = {
    "fi": ["ja paljonko se maksaa?", "mitä se maksaa", "onko se ilmainen?", "paljonko siitä pitää maksaa"],
    "sv": ["och hur mycket kostar det?", "vad kostar det", "är det gratis?", "måste jag betala för det"],
    "en": ["and how much is it?", "what does it cost", "is it free?", "do I have to pay for that?"],
    "ku": ["û ew çend e?", "bihayê wê çi ye", "ew belaş e?", "divê ez ji bo wê pere bidim?"],
    "ckb": ["ئەی بە چەندە؟", "نرخەکەی چەندە", "خۆڕاییە؟", "دەبێت پارە بۆ ئەوە بدەم؟"],
}


@pytest.mark.parametrize("language", FULL)
def test_a_question_about_the_cost_is_read_in_the_topic_talked_about(person: People, language: str) -> None:
    for text in FOLLOW_UPS[language]:
        childhood = person(language, True)
        childhood.press('/early_childhood_education{"question": "apply"}')
        assert childhood.say(text)[0].get("id") == "early_childhood_education/fees", text
        health = person(language, True)
        health.press('/health_and_wellbeing{"question": "dental_care"}')
        assert health.say(text)[0].get("id") == "health_and_wellbeing/client_fees", text


def test_every_turn_leaves_one_row_without_its_text(person: People, service: Service) -> None:
    someone = person("en")
    someone.press('/housing{"question": "find_rental"}')
    with closing(sqlite3.connect(service.folder / "neuvo.sqlite3")) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(turns)")]
        row = database.execute(
            "SELECT channel, language, topic, question, level, outcome FROM turns ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert "text" not in columns
    assert row == ("web", "en", "housing", "housing/find_rental", "question", "answer")
