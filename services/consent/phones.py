"""Telephone numbers in one form, so that one person's number is found however it was written."""

import phonenumbers


def normalise(phone: str) -> str:
    """Return an international number as E.164; "+44 (0)7911 123456" and "+447911123456" become the same.

    A number that no network has assigned is accepted, one that can't be a number of its country is not.

    Raises:
        ValueError: saying what is wrong.
    """
    try:
        number = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(f"{error}; give it as E.164, for example +15550123456") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueError(
            f"it has too few or too many digits for its country (+{number.country_code}); "
            "give it as E.164, for example +15550123456"
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
