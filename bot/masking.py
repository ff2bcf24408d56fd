"""Finnish personal identity codes never get past this module."""

import re
import unicodedata

from stdnum.exceptions import ValidationError
from stdnum.fi import hetu

MASK = "••••••-••••"

# Six digits (the birthday), the century sign, three digits and a check character, with spaces or dashes of any kind between.
# The century signs: the Finnish Digital and Population Data Services Agency, reform of the personal identity code, 2023.
_GAP = r"[\s\u00ad\u200b-\u200f\u2066-\u2069]*"
_DASH = r"[-\u2010-\u2015\u2212\u2043\u30fc\ufe58\ufe63\uff0d~_./]"
_DIGIT = r"\d"
_SIGN = rf"(?:{_DASH}|[+A-FU-Ya-fu-y])"
_BIRTHDAY = (
    _GAP.join([_DIGIT] * 2) + rf"{_GAP}[./]?{_GAP}" + _GAP.join([_DIGIT] * 2) + rf"{_GAP}[./]?{_GAP}" + _GAP.join([_DIGIT] * 2)
)
_NUMBER = _GAP.join([_DIGIT] * 3)
_CODE = re.compile(
    rf"(?<!\d)(?P<birthday>{_BIRTHDAY}){_GAP}(?P<sign>{_SIGN})?{_GAP}(?P<number>{_NUMBER})"
    rf"{_GAP}(?:{_DASH})?{_GAP}(?P<check>[0-9A-Za-z])(?![0-9A-Za-z])"
)


def _digits(text: str) -> str:
    """The digits of a text, other scripts' digits as 0-9."""
    return "".join(str(unicodedata.digit(character)) for character in text if character.isdigit())


def _valid(birthday: str, sign: str, number: str, check: str) -> bool:
    try:
        hetu.validate(f"{birthday}{sign}{number}{check}", allow_temporary=True)
    except ValidationError:
        return False
    return True


def _replacement(match: re.Match[str]) -> str:
    birthday, number = _digits(match["birthday"]), _digits(match["number"])
    if not (1 <= int(birthday[:2]) <= 31 and 1 <= int(birthday[2:4]) <= 12):
        return match[0]
    like_a_phone = birthday[:2] in ("04", "05") and match["check"].isdigit()
    if match["sign"] and not like_a_phone:
        # A slip of the finger in the check character does not make it less of a code.
        return MASK
    if like_a_phone and not match["sign"]:
        return match[0]  # Finnish mobile numbers have ten digits that begin so, and people ask to be called back
    return MASK if _valid(birthday, "-", number, match["check"].upper()) else match[0]


def mask(text: str) -> str:
    """The text with every Finnish personal identity code replaced: what comes out may be stored, sent on and logged."""
    return _CODE.sub(_replacement, text)
