"""How values are read aloud in Spanish."""

import pytest

from services.dialogue.flow.spoken import Spanish, spoken_forms
from services.dialogue.flow.templates import sentences

SPANISH = Spanish()


@pytest.mark.parametrize(
    ("form", "value", "words"),
    [
        ("day", "2026-11-26", "el jueves 26 de noviembre"),
        ("day", "2026-12-01", "el martes primero de diciembre"),
        ("day", "2027-01-31", "el domingo 31 de enero"),
        ("weekday", "2026-11-25", "miércoles"),
        ("weekdays", "2026-11-25", "miércoles"),
        ("weekdays", "2026-11-21", "sábados"),
        ("weekdays", "2026-11-22", "domingos"),
        ("clock", "10:00", "las 10 de la mañana"),
        ("clock", "13:00", "la 1 de la tarde"),
        ("clock", "01:20", "la 1 y 20 de la madrugada"),
        ("clock", "00:00", "medianoche"),
        ("clock", "00:15", "las 12 y cuarto de la noche"),
        ("clock", "12:00", "mediodía"),
        ("clock", "12:05", "las 12 y 5 de la tarde"),
        ("clock", "15:30", "las 3 y media de la tarde"),
        ("clock", "18:45", "las 6 y 45 de la tarde"),
        ("clock", "20:00", "las 8 de la noche"),
        ("spell", "A4512", "A 4 5 1 2"),
        ("phone", "+15550123456", "1 5 5 5, 0 1 2, 3 4 5 6"),
        ("money", "49.90 USD", "49 dólares con 90 centavos"),
        ("money", "1 USD", "un dólar"),
        ("money", "1.01 GBP", "una libra con un penique"),
        ("money", "90.00 EUR", "90 euros"),
        ("money", "0.50 MXN", "50 centavos"),
        ("money", "1200.00 ARS", "1200 pesos argentinos"),
        ("money", "1.00 COP", "un peso colombiano"),
        ("money", "5 XYZ", "5 XYZ"),
        ("money", "-5 USD", "-5 USD"),
        ("money", "NaN USD", "NaN USD"),
        ("money", "mucho", "mucho"),
        ("email", "ana_p-r@example.com", "ana guion bajo p guion r arroba example punto com"),
        ("first_name", "María José López", "María"),
    ],
)
def test_spoken_form(form: str, value: str, words: str) -> None:
    assert SPANISH.filters()[form](value) == words


@pytest.mark.parametrize(("number", "words"), [(1, "primero"), (7, "séptimo"), (10, "décimo"), (11, "11"), (0, "0")])
def test_ordinals(number: int, words: str) -> None:
    assert SPANISH.ordinal(number) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], ""),
        (["a"], "a"),
        (["una limpieza", "un empaste"], "una limpieza o un empaste"),
        (["plata", "oro"], "plata u oro"),
        (["7", "8"], "7 u 8"),
        (["10", "11"], "10 u 11"),
        (["100", "110"], "100 o 110"),
        (["vaso", "hielo"], "vaso o hielo"),
        (["pluma", "hojas"], "pluma u hojas"),
        (["lunes", "martes", "jueves"], "lunes, martes o jueves"),
    ],
)
def test_or(values: list[str], words: str) -> None:
    assert SPANISH.either(values) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", "b", "c"], "a, b y c"),
        (["Ana", "Inés"], "Ana e Inés"),
        (["aguja", "hilo"], "aguja e hilo"),
        (["agua", "hielo"], "agua y hielo"),
        (["flor", "hierba"], "flor y hierba"),
    ],
)
def test_and(values: list[str], words: str) -> None:
    assert SPANISH.listed(values) == words


@pytest.mark.parametrize("tag", ["es", "es-MX", "ES-419"])
def test_every_spanish_is_spoken(tag: str) -> None:
    assert isinstance(spoken_forms(tag), Spanish)


def test_the_first_letter_behind_an_opening_mark_is_a_capital() -> None:
    assert sentences("gracias, Ana. ¿qué día? ¡listo!") == ("Gracias, Ana.", "¿Qué día?", "¡Listo!")
