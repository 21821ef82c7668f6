"""Spanish, as it is spoken in Latin America."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from services.dialogue.flow.spoken.forms import SpokenForms
from services.dialogue.flow.spoken.values import hundredths

if TYPE_CHECKING:
    from collections.abc import Sequence

_WEEKDAYS: Final = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_MONTHS: Final = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio",
    "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
)  # fmt: skip
_ORDINALS: Final = (
    "primero", "segundo", "tercero", "cuarto", "quinto", "sexto", "séptimo", "octavo", "noveno", "décimo",
)  # fmt: skip
_CURRENCIES: Final = {
    "USD": ("un dólar", "dólares", "un centavo", "centavos"),
    "EUR": ("un euro", "euros", "un céntimo", "céntimos"),
    "GBP": ("una libra", "libras", "un penique", "peniques"),
    "MXN": ("un peso", "pesos", "un centavo", "centavos"),
    "ARS": ("un peso argentino", "pesos argentinos", "un centavo", "centavos"),
    "CLP": ("un peso chileno", "pesos chilenos", "un centavo", "centavos"),
    "COP": ("un peso colombiano", "pesos colombianos", "un centavo", "centavos"),
    "CUP": ("un peso cubano", "pesos cubanos", "un centavo", "centavos"),
    "DOP": ("un peso dominicano", "pesos dominicanos", "un centavo", "centavos"),
    "UYU": ("un peso uruguayo", "pesos uruguayos", "un centavo", "centavos"),
}
_QUARTERS: Final = {15: "cuarto", 30: "media"}
# Before the same sound "o" becomes "u" and "y" becomes "e"; "ocho" and "once" are written 8 and 11.
_LIKE_O: Final = re.compile(r"h?[oó]|(?:8|11)(?!\d)|8\d", re.IGNORECASE)
_LIKE_I: Final = re.compile(r"h?[ií](?![aeo])", re.IGNORECASE)


class Spanish(SpokenForms):
    """Spanish spoken forms.

    Days and times come with their article, so that "para", "es" and "a" may stand before them: "para el jueves 26 de
    noviembre a las 10 de la mañana".
    """

    tag = "es"

    def weekday(self, value: str) -> str:
        """ISO date to "jueves"."""
        return _WEEKDAYS[dt.date.fromisoformat(value).weekday()]

    def weekdays(self, value: str) -> str:
        """ISO date to "jueves", "sábados"."""
        name = self.weekday(value)
        return name if name.endswith("s") else f"{name}s"

    def day(self, value: str) -> str:
        """ISO date to "el jueves 26 de noviembre"."""
        date = dt.date.fromisoformat(value)
        number = _ORDINALS[0] if date.day == 1 else date.day
        return f"el {_WEEKDAYS[date.weekday()]} {number} de {_MONTHS[date.month - 1]}"

    def ordinal(self, number: int) -> str:
        """A number to "primero", "décimo"; above ten people say the number itself."""
        return _ORDINALS[number - 1] if 1 <= number <= len(_ORDINALS) else str(number)

    def clock(self, value: str) -> str:
        """ISO time to "las 10 de la mañana", "las 3 y media de la tarde", "mediodía"."""
        time = dt.time.fromisoformat(value)
        if (time.hour, time.minute) in {(0, 0), (12, 0)}:
            return "mediodía" if time.hour else "medianoche"
        hour = (time.hour - 1) % 12 + 1
        minutes = f" y {_QUARTERS.get(time.minute, time.minute)}" if time.minute else ""
        return f"{'la' if hour == 1 else 'las'} {hour}{minutes} {_part(time.hour)}"

    def money(self, value: str) -> str:
        """A decimal with its currency to words: "49.90 USD" to "49 dólares con 90 centavos"."""
        amount, _, currency = value.partition(" ")
        total = hundredths(amount)
        if currency not in _CURRENCIES or total is None:
            return value
        one, many, cent, cents = _CURRENCIES[currency]
        whole, rest = divmod(total, 100)
        words = one if whole == 1 else f"{whole} {many}"
        small = cent if rest == 1 else f"{rest} {cents}"
        if not rest:
            return words
        return f"{words} con {small}" if whole else small

    def email(self, value: str) -> str:
        """An e-mail address to "sara arroba example punto com"."""
        signs = {"@": "arroba", ".": "punto", "_": "guion bajo", "-": "guion", "+": "más"}
        return re.sub(r"[@._+-]", lambda match: f" {signs[match[0]]} ", value)

    def either(self, values: Sequence[str]) -> str:
        """Values to "a, b o c"; "o" is "u" before the same sound."""
        return _join(values, "o", "u", _LIKE_O)

    def listed(self, values: Sequence[str]) -> str:
        """Values to "a, b y c"; "y" is "e" before the same sound."""
        return _join(values, "y", "e", _LIKE_I)


def _part(hour: int) -> str:
    if hour < 1 or hour >= 19:
        return "de la noche"
    if hour < 6:
        return "de la madrugada"
    return "de la mañana" if hour < 12 else "de la tarde"


def _join(values: Sequence[str], word: str, before_like: str, like: re.Pattern[str]) -> str:
    if len(values) < 2:
        return "".join(values)
    joint = before_like if like.match(values[-1]) else word
    return f"{', '.join(values[:-1])} {joint} {values[-1]}"
