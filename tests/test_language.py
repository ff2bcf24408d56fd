"""Which language a person writes, and when the conversation's language changes."""

import pytest

from bot.language import LanguageDetector, preferred

SENTENCES = [
    ("fi", "Miten haen lapselleni päiväkotipaikkaa Espoosta?"),
    ("fi", "moi mä tarviin apua vuokra-asunnon kaa"),
    ("sv", "Hur söker jag dagisplats till mitt barn i Esbo?"),
    ("en", "How do I apply for a day care place for my son?"),
    ("ku", "Ez çawa dikarim ji bo zarokê xwe cihekî kreşê bixwazim?"),
    ("ku", "ez cawa dikarim ji bo zaroke xwe cihe krese bixwazim"),
    ("ckb", "چۆن دەتوانم شوێنی باخچەی منداڵان بۆ منداڵەکەم داوا بکەم؟"),
    ("ckb", "جون دةتوانم داواي خانوو بكةم لة ئيسبو"),
    ("ar", "كيف أقدم طلبا لحضانة طفلي في إسبو؟"),
    ("fa", "چطور می‌توانم برای فرزندم مهدکودک ثبت نام کنم؟"),
    ("ru", "Как записать ребёнка в детский сад?"),
    ("uk", "Як записати дитину до дитячого садка?"),
    ("so", "Sideen ugu codsan karaa ilmahayga xannaanada carruurta?"),
    ("et", "Kuidas ma saan oma lapsele lasteaiakohta taotleda?"),
    ("tr", "Çocuğum için kreşe nasıl başvurabilirim?"),
    ("zh", "我怎么给孩子申请日托?"),
    ("th", "ฉันจะสมัครสถานรับเลี้ยงเด็กได้อย่างไร"),
    ("ti", "ንውላደይ መዋእለ ህጻናት ከመይ ገይረ ከመልክት እኽእል?"),
]


@pytest.mark.parametrize(("language", "text"), SENTENCES)
def test_a_sentence_is_surely_in_its_language(detector: LanguageDetector, language: str, text: str) -> None:
    found = detector.detect(text, "en" if language != "en" else "fi")
    assert (found.language, found.sure) == (language, True)


@pytest.mark.parametrize("text", ["moi", "ok", "kela", "Kela Migri", "112", "???", "🙂", ""])
def test_one_or_two_words_are_never_sure(detector: LanguageDetector, text: str) -> None:
    assert not detector.detect(text, "ckb").sure


def test_where_there_is_nothing_to_read_the_language_stays(detector: LanguageDetector) -> None:
    assert detector.detect("0401234567", "so").language == "so"


@pytest.mark.parametrize(
    ("header", "language"),
    [("sv-FI,sv;q=0.9,en;q=0.8", "sv"), ("de, EN-GB;q=0.5", "en"), ("EN", "en"), ("de,fr", None), ("*", None), ("", None)],
)
def test_the_first_of_a_browsers_languages_that_is_known_is_preferred(header: str, language: str | None) -> None:
    assert preferred(header, ["fi", "sv", "en"]) == language
