"""Whether the caller has finished, by what was said and what is waited for."""

import pytest

from mesh.config import ConfigError
from services.dialogue.policy import Entity, Expectation, TurnTaking, Understanding
from services.dialogue.turns.barge_in import is_interruption
from services.dialogue.turns.endpointing import Ending, characters_in, ending, pause_needed
from services.dialogue.turns.habits import Habits, SpeechHabits, made_of, words_of

HABITS = SpeechHabits().of("clinic", "en-US")
COMPLETE, UNCERTAIN, UNFINISHED = Ending.COMPLETE, Ending.UNCERTAIN, Ending.UNFINISHED
YES_NO = Expectation(("affirm", "deny"), yes_no=True)
PHONE = Expectation(("inform",), ("phone",), characters=(10, 10))
ORDER = Expectation(("inform",), ("order_number",), characters=(5, 7))
DAY = Expectation(("inform",), ("date",))


def meaning(intent: str = "inform", confidence: float = 0.9, *types: str) -> Understanding:
    return Understanding("", intent, confidence, entities=tuple(Entity(kind, "x") for kind in types))


@pytest.mark.parametrize(
    ("text", "expectation", "understanding", "expected"),
    [
        ("I'd like to book a cleaning.", Expectation(), meaning("book_appointment"), COMPLETE),
        ("I'd like to come in on", Expectation(), meaning("book_appointment"), UNFINISHED),
        ("I'd like to book a cleaning,", Expectation(), meaning("book_appointment"), UNCERTAIN),
        ("I'd like to book a cleaning -", Expectation(), meaning("book_appointment"), UNFINISHED),
        ("No, that's all. Thank you, good-by.", Expectation(), meaning("goodbye"), COMPLETE),
        ("My number is", PHONE, meaning(), UNFINISHED),
        ("Well, um", DAY, meaning(), UNFINISHED),
        ("Yeah.", YES_NO, meaning("affirm"), COMPLETE),
        ("Yes, that's right.", YES_NO, meaning("affirm"), COMPLETE),
        ("No.", YES_NO, meaning("deny"), UNCERTAIN),
        ("No, I said Wednesday.", YES_NO, meaning("correct"), COMPLETE),
        ("Five five five", PHONE, meaning(), UNFINISHED),
        ("Five five five, oh one two three, four five six.", PHONE, meaning(), COMPLETE),
        ("B seven three", ORDER, meaning(), UNFINISHED),
        ("B seven three one two.", ORDER, meaning(), UNCERTAIN),
        ("B seven three one two four five.", ORDER, meaning(), COMPLETE),
        # No number was begun: the sentence is judged as any other.
        ("Can I speak to a person?", PHONE, meaning("human"), COMPLETE),
        ("Tuesday.", DAY, meaning("inform", 0.2, "date"), COMPLETE),
        ("The big one.", DAY, meaning("", 0.0), UNCERTAIN),
        ("Something else.", DAY, Understanding("", "inform", 0.9, out_of_scope=True), UNCERTAIN),
        ("", DAY, meaning(), UNCERTAIN),
    ],
)
def test_how_words_end(text: str, expectation: Expectation, understanding: Understanding, expected: Ending):
    assert ending(text, expectation, understanding, HABITS) is expected


def test_an_ambiguous_value_is_no_whole_answer():
    heard = Understanding("", "", None, entities=(Entity("date", "2026-11-24", alternatives=("2026-12-01",)),))
    assert ending("The twenty fourth or the first.", DAY, heard, HABITS) is UNCERTAIN


def test_the_pause_grows_with_doubt():
    taking = TurnTaking(0.2, 1.2, 0.06, 0.06)
    needed = [pause_needed(found, taking) for found in (COMPLETE, UNCERTAIN, UNFINISHED)]
    assert needed == [0.2, pytest.approx(0.45), 1.2]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("five five five", 3),
        ("double five, triple oh", 5),
        ("B as in Bravo", 1),
        ("B7312", 5),
        ("twenty one hundred", 5),
        ("nothing here", 0),
        ("the fifth", 0),
    ],
)
def test_digits_and_letters_are_counted(text: str, count: int):
    assert characters_in(words_of(text), HABITS) == count


@pytest.mark.parametrize(
    ("text", "confidence", "expectation", "question_heard", "expected"),
    [
        ("Wait, I need Thursday", 0.9, Expectation(), False, True),
        ("Uh-huh.", 0.9, Expectation(), False, False),
        ("Okay, right.", 0.9, Expectation(), False, False),
        ("Mm hmm. I see.", 0.9, Expectation(), False, False),
        ("Yeah", 0.9, YES_NO, True, True),
        # The question has not been asked yet: it is no answer.
        ("Yeah", 0.9, YES_NO, False, False),
        ("No", 0.9, YES_NO, True, True),
        ("No", 0.9, YES_NO, False, True),
        ("Stop", 0.8, Expectation(), False, True),
        # Recognisers hear words in coughs.
        ("Huh", 0.1, Expectation(), False, False),
        ("Stop", None, Expectation(), False, True),
        ("", None, Expectation(), False, False),
    ],
)
def test_what_interrupts_the_agent(text, confidence, expectation, question_heard, expected):
    found = is_interruption(text, confidence, habits=HABITS, expectation=expectation, question_heard=question_heard)
    assert found is expected


def test_phrases_of_several_words_are_matched_whole():
    assert made_of(words_of("Let me see, um"), HABITS.hesitations)
    assert not made_of(words_of("let me"), HABITS.hesitations)
    assert not made_of([], HABITS.hesitations)


def test_a_language_without_words_has_none():
    assert SpeechHabits().of("clinic", "tlh") == Habits()


def test_a_domain_adds_its_own_words(tmp_path):
    for folder, text in (("common", "unfinished: [the]\nfillers: [Wait.]"), ("clinic", "unfinished: [dr]")):
        (tmp_path / folder / "en").mkdir(parents=True)
        (tmp_path / folder / "en" / "turns.yaml").write_text(text)
    found = SpeechHabits(tmp_path).of("clinic", "en-GB")
    assert found.unfinished == {"the", "dr"}
    assert found.fillers == ("Wait.",)


@pytest.mark.parametrize("text", ["backchannels: [yes]", "unknown: [a]", "a: [", "- a"])
def test_a_wrong_file_is_named(tmp_path, text):
    (tmp_path / "common" / "en").mkdir(parents=True)
    (tmp_path / "common" / "en" / "turns.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"turns\.yaml"):
        SpeechHabits(tmp_path).of("clinic", "en")
