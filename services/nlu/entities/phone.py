"""Phone numbers, dictated or written."""

import re
from collections.abc import Iterator

import phonenumbers

from services.nlu.entities.digits import UNIT, digits_of
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_NUMBER = re.compile(rf"(?<![\w$€£.])(?P<plus>\+ ?|plus )?\(?{UNIT}(?:(?:, | ?- ?|[). (/]{{1,2}}){UNIT})*")
_CUE = re.compile(
    r"\b(?:phone|mobile|cell|telephone|call me|call me back|reach me|my number|text me|dial)\b[^.?!]{0,25}$"
)
_LOCAL_DIGITS = 7
_SHORTEST, _LONGEST = 7, 15  # ITU-T E.164 allows 15


def read_phones(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find phone numbers; a value is E.164 ("+12125550123").

    Seven digits are completed with the domain's area code; where it has none the digits stand alone, for they have
    no international form.
    """
    for match in _NUMBER.finditer(text.canonical):
        digits = digits_of(match.group())
        if not _SHORTEST <= len(digits) <= _LONGEST:
            continue
        value, confidence = _normal(digits, context, international=match["plus"] is not None)
        if _CUE.search(text.canonical[: match.start()]):
            confidence = min(confidence + 0.2, 0.97)
        end = match.start() + len(match.group().rstrip(" ,.-("))
        yield Found("phone", match.start(), end, value, confidence)


def _normal(digits: str, context: Context, *, international: bool) -> tuple[str, float]:
    local = len(digits) == _LOCAL_DIGITS and not international
    if local and not context.area_code:
        return digits, 0.5
    full = context.area_code + digits if local else digits
    try:
        number = phonenumbers.parse(f"+{full}" if international else full, context.phone_region)
    except phonenumbers.NumberParseException:
        return digits, 0.3
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number):
        return value, 0.5 if phonenumbers.is_possible_number(number) else 0.3
    return value, 0.75 if local else 0.93
