"""Finnish personal identity codes never get past bot/masking.py."""

import pytest

from bot.masking import MASK, mask

# 131052-308T is the example of the Digital and Population Data Services Agency; the others are built from it.
WRITTEN_AS = [
    "131052-308T",
    "131052-308t",
    "131052 - 308T",
    "131052–308T",
    "131052−308 T",
    "131052_308T",
    "131052A308T",
    "131052y308t",
    "13.10.52-308T",
    "13 10 52 - 308 T",
    "131052308T",
    "131052-308A",  # a slip in the check character
    "١٣١٠٥٢-٣٠٨T",
    "۱۳۱۰۵۲-۳۰۸T",
    "१३१०५२-३०८T",
    "131052\u200b-\u200b308T",
]


@pytest.mark.parametrize("code", WRITTEN_AS)
def test_a_code_is_masked_however_it_is_written(code: str) -> None:
    assert mask(f"minun hetu on {code}, auta") == f"minun hetu on {MASK}, auta"
    assert mask(code) == MASK


def test_a_code_stuck_to_a_word_is_masked() -> None:
    assert MASK in mask("hetu131052-308T")
    assert MASK in mask("hetu:131052-308T.")


def test_every_code_of_a_message_is_masked() -> None:
    assert mask("131052-308T ja lapsi 010116A959M") == f"{MASK} ja lapsi {MASK}"


@pytest.mark.parametrize(
    "text",
    [
        "040 512 3456",
        "0405123456",
        "+358 40 512 3456",
        "0401234567",
        "112",
        "116117",
        "12.5.2026 kello 10:00",
        "2026-11-30",
        "3540,50 €",
        "FI21 1234 5600 0007 85",
        "02150 Espoo",
        "I was born 13.10.1952",
    ],
)
def test_phones_dates_and_amounts_are_left_alone(text: str) -> None:
    assert mask(text) == text
