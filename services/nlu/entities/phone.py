"""Phone numbers, dictated or written."""

import re
from collections.abc import Iterator

import phonenumbers

from services.nlu.entities.digits import Dictation
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_LOCAL_DIGITS = 7
_SHORTEST, _LONGEST = 7, 15  # ITU-T E.164 allows 15


class PhoneReader:
    """Finds phone numbers; a value is E.164 ("+12125550123"), an extension stands behind it (";ext=12", RFC 3966).

    Seven digits are completed with the domain's area code; where it has none the digits stand alone, for they have
    no international form.
    """

    def __init__(
        self, dictation: Dictation, *, plus: str, cue: str, extension: str = "(?!)", joint: str = "(?!)"
    ) -> None:
        r"""Say how numbers are told.

        Args:
            dictation: how digits are dictated.
            plus: the word for the sign before a country's code.
            cue: pattern of words that ask for or announce a phone number: "phone|my number".
            joint: pattern of words between parts of a number: "then".
            extension: pattern of words before an extension: "extension|ext".
        """
        self._dictation = dictation
        unit = dictation.unit
        self._number = re.compile(
            rf"(?<![\w$€£.])(?P<plus>\+ ?|{plus} )?\(?{unit}(?:(?:, | ?- ?|,? (?:{joint}) |[). (/]{{1,2}}){unit})*"
        )
        self._extension = re.compile(rf",? (?:{extension})\.?(?: number)? (?P<chain>{dictation.chain})")
        self._cue = re.compile(rf"\b(?:{cue})\b[^.?!]{{0,25}}$")

    def __call__(self, text: SpokenText, context: Context) -> Iterator[Found]:
        """Find phone numbers."""
        for match in self._number.finditer(text.canonical):
            digits = self._dictation.digits(match.group())
            start, end = text.source(match.start(), match.end())
            if match.group().isdigit() and not any(letter.isdigit() for letter in text.raw[start:end]):
                continue  # "a million"
            if not _SHORTEST <= len(digits) <= _LONGEST:
                continue
            value, confidence = e164(digits, context, international=match["plus"] is not None)
            if self._cue.search(text.canonical[: match.start()]):
                confidence = min(max(confidence + 0.2, 0.62), 0.97)
            end = match.start() + len(match.group().rstrip(" ,.-("))
            extension = self._extension.match(text.canonical, end)
            if extension:
                value += f";ext={self._dictation.digits(extension['chain'])}"
                end = extension.end()
            yield Found("phone", match.start(), end, value, confidence)


def e164(digits: str, context: Context, *, international: bool) -> tuple[str, float]:
    """Return digits as an international number where they can be one, and how likely that is right."""
    local = len(digits) == _LOCAL_DIGITS and not international
    if local and not context.area_code:
        return digits, 0.62
    full = context.area_code + digits if local else digits
    if digits.startswith("00") and not international:  # how most of the world dials a country's code
        international, full = True, digits[2:]
    try:
        number = phonenumbers.parse(f"+{full}" if international else full, context.phone_region)
    except phonenumbers.NumberParseException:
        return digits, 0.3
    value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number):
        return (value, 0.5) if phonenumbers.is_possible_number(number) else (digits, 0.3)
    return value, 0.75 if local else 0.93
