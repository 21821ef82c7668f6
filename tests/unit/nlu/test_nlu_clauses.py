import pytest

from services.nlu.clauses import MAX_CLAUSES, clauses


@pytest.mark.parametrize(
    ("text", "language", "parts"),
    [
        ("book a cleaning and tell me your prices", "en", ["book a cleaning", "tell me your prices"]),
        ("I'd like a cleaning. Also, what are your hours?", "en", ["I'd like a cleaning", "what are your hours?"]),
        ("yes and what does it cost", "en", ["yes", "what does it cost"]),
        ("where is my order, and by the way, when do you open", "en", ["where is my order", "when do you open"]),
        ("where\u2019s my order but I\u2019d like a refund", "en", ["where\u2019s my order", "I\u2019d like a refund"]),
        ("quiero una cita y también saber los precios", "es", ["quiero una cita", "saber los precios"]),
        ("quiero una cita, además cuánto cuesta", "es", ["quiero una cita", "cuánto cuesta"]),
        ("Ich komme morgen. Was kostet das?", "de", ["Ich komme morgen", "Was kostet das?"]),
    ],
)
def test_what_says_several_things_is_taken_apart(text: str, language: str, parts: list[str]) -> None:
    found = clauses(text, language)
    assert [clause.text for clause in found] == parts
    assert [text[clause.start_char : clause.end_char] for clause in found] == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "and",
        "a cleaning and whitening",
        "No thank you, goodbye.",
        "my name is Andy Sandler",
        "on Monday, no, Tuesday",
    ],
)
def test_what_is_one_piece_stays_whole(text: str) -> None:
    assert clauses(text, "en") == ()


def test_a_story_is_not_taken_apart() -> None:
    assert len(clauses(" and then ".join(["I went home"] * MAX_CLAUSES), "en")) == MAX_CLAUSES
    assert clauses(" and then ".join(["I went home"] * (MAX_CLAUSES + 1)), "en") == ()
