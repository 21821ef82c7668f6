"""Whether the caller has finished, by what was said and what is waited for."""

import pytest

from mesh.config import ConfigError
from services.dialogue.policy import Entity, Expectation, TurnTaking, Understanding
from services.dialogue.turns.barge_in import is_interruption
from services.dialogue.turns.endpointing import Ending, characters_in, ending, pause_needed
from services.dialogue.turns.habits import Habits, SpeechHabits, made_of, words_of

HABITS = SpeechHabits().of("clinic", "en-US")
WORDS_ALONE = HABITS.model_copy(update={"endings": {}})
"""What is known of a language without weights for its endings."""
COMPLETE, BRIEF, UNCERTAIN, DOUBTFUL, UNFINISHED = Ending
YES_NO = Expectation(("affirm", "deny"), yes_no=True)
PHONE = Expectation(("inform",), ("phone",), characters=(10, 10))
ORDER = Expectation(("inform",), ("order_number",), characters=(5, 7))
DAY = Expectation(("inform",), ("date",))
NAME = Expectation(("inform",), ("person_name",), words=2)
STORY = Expectation(("inform",), ("order_number",), text=True)
VALUES = {"order_number": "B7312AB", "person_name": "David"}


def meaning(intent: str = "inform", confidence: float = 0.9, *types: str) -> Understanding:
    return Understanding("", intent, confidence, entities=tuple(Entity(kind, VALUES.get(kind, "x")) for kind in types))


@pytest.mark.parametrize(
    ("text", "expectation", "understanding", "expected"),
    [
        ("I'd like to book a cleaning.", Expectation(), meaning("book_appointment"), COMPLETE),
        ("I'd like to come in on", Expectation(), meaning("book_appointment"), UNFINISHED),
        ("I'd like to book a cleaning,", Expectation(), meaning("book_appointment"), COMPLETE),
        ("I'd like to book a cleaning -", Expectation(), meaning("book_appointment"), UNFINISHED),
        ("No, that's all. Thank you, good-by.", Expectation(), meaning("goodbye"), COMPLETE),
        ("My number is", PHONE, meaning(), UNFINISHED),
        ("Well, um", DAY, meaning(), UNFINISHED),
        ("Yeah.", YES_NO, meaning("affirm"), BRIEF),
        ("Yes, yes.", DAY, meaning("affirm"), BRIEF),
        ("Yes", YES_NO, meaning("affirm"), UNCERTAIN),
        ("Yes,", YES_NO, meaning("affirm"), UNCERTAIN),
        ("Yes, that's right.", YES_NO, meaning("affirm"), COMPLETE),
        ("No.", YES_NO, meaning("deny"), UNCERTAIN),
        ("No, I said Wednesday.", YES_NO, meaning("correct"), COMPLETE),
        ("Five five five", PHONE, meaning(), UNFINISHED),
        ("Five five five, oh one two three, four five six.", PHONE, meaning(), COMPLETE),
        ("B seven three", ORDER, meaning(), UNFINISHED),
        ("B seven three one two.", ORDER, meaning(), UNCERTAIN),
        ("B seven three one two four five.", ORDER, meaning(), COMPLETE),
        # What the recogniser wrote is no letter, what was understood is.
        ("Be seven three one two.", ORDER, meaning("inform", 0.9, "order_number"), COMPLETE),
        ("The ordinary numbers,", PHONE, meaning("inform"), UNFINISHED),
        ("The odd in our members.", PHONE, meaning("", 0.0), DOUBTFUL),
        ("I don't have the number here.", PHONE, meaning("deny"), COMPLETE),
        # No number was begun: the sentence is judged as any other.
        ("Can I speak to a person?", PHONE, meaning("human"), COMPLETE),
        ("Tuesday.", DAY, meaning("inform", 0.2, "date"), COMPLETE),
        ("The big one.", DAY, meaning("", 0.0), UNCERTAIN),
        ("Something else.", DAY, Understanding("", "inform", 0.9, out_of_scope=True), UNCERTAIN),
        ("", DAY, meaning(), UNCERTAIN),
        ("Hello.", Expectation(), meaning("greet"), UNCERTAIN),
        ("It is not.", Expectation(), meaning("deny"), UNFINISHED),
        # The value that was asked for is not there yet.
        ("The other way.", DAY, meaning("inform"), DOUBTFUL),
        ("My name is David.", NAME, meaning("inform", 0.9, "person_name"), UNCERTAIN),
        ("It came in pieces.", STORY, meaning("", 0.0), COMPLETE),
        ("It came in pieces and", STORY, meaning("", 0.0), UNFINISHED),
    ],
)
def test_how_words_end(text: str, expectation: Expectation, understanding: Understanding, expected: Ending):
    assert ending(text, expectation, understanding, WORDS_ALONE) is expected


def test_an_ambiguous_value_is_no_whole_answer():
    heard = Understanding("", "", None, entities=(Entity("date", "2026-11-24", alternatives=("2026-12-01",)),))
    assert ending("The twenty fourth or the first.", DAY, heard, HABITS) is UNCERTAIN


def test_the_pause_grows_with_doubt():
    taking = TurnTaking(0.2, 1.2, 0.06, 0.06)
    needed = [pause_needed(found, taking) for found in Ending]
    assert needed == [0.2, pytest.approx(0.3), pytest.approx(0.5), pytest.approx(0.6), 1.2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'd like to book.", DOUBTFUL),
        ("I'd like to book a cleaning.", COMPLETE),
        ("I got the wrong.", DOUBTFUL),
        ("You sent me the wrong item.", COMPLETE),
        ("And when can I reach?", DOUBTFUL),
        ("When are you open on Friday?", COMPLETE),
        ("It was three weeks.", UNCERTAIN),
    ],
)
def test_last_words_tell_whether_more_follows(text, expected):
    assert ending(text, Expectation(), meaning("opening_hours"), HABITS) is expected


def test_a_value_that_was_asked_for_is_whole_whatever_its_words():
    assert ending("The next thirsty.", DAY, meaning("inform", 0.9, "date"), HABITS) is COMPLETE


def test_half_a_word_may_go_on():
    heard = meaning("opening_hours")
    assert ending("When are you open today?", Expectation(), heard, HABITS, last_word=0.9) is COMPLETE
    assert ending("When are you open today?", Expectation(), heard, HABITS, last_word=0.3) is UNCERTAIN
    # Digits of a number are counted instead.
    number = "Five five five, oh one two three, four five six."
    assert ending(number, PHONE, meaning(), HABITS, last_word=0.3) is COMPLETE


def test_an_answer_that_ends_the_call_is_in_no_hurry():
    heard = meaning("goodbye")
    assert ending("No, I don't want it.", Expectation(), heard, WORDS_ALONE) is COMPLETE
    assert ending("No, I don't want it.", Expectation(), heard, WORDS_ALONE, closing=True) is UNCERTAIN
    # The last word has been said.
    assert ending("No, thank you.", Expectation(), heard, WORDS_ALONE) is UNCERTAIN
    assert ending("No, thank you.", Expectation(), heard, WORDS_ALONE, closing=True) is COMPLETE
    assert ending("That's all and", Expectation(), heard, HABITS, closing=True) is UNFINISHED


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
        ("Don't hurt.", 0.45, Expectation(), False, False),
        ("Star, star, star, star", 0.45, Expectation(), False, False),
        ("No, I won't.", 0.4, Expectation(), False, True),
        ("And then make an end.", 0.3, Expectation(), False, False),
        ("", None, Expectation(), False, False),
    ],
)
def test_what_interrupts_the_agent(text, confidence, expectation, question_heard, expected):
    found = is_interruption(text, confidence, habits=HABITS, expectation=expectation, question_heard=question_heard)
    assert found is expected


@pytest.mark.parametrize(("confidence", "expected"), [(0.3, True), (0.1, False), (None, True)])
def test_words_that_follow_at_once_need_be_less_clear(confidence, expected):
    heard = {"habits": HABITS, "expectation": Expectation(), "question_heard": False}
    assert is_interruption("Won't you?", confidence, goes_on=True, **heard) is expected
    assert is_interruption("Uh-huh.", confidence, goes_on=True, **heard) is False


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


def test_wrong_weights_are_named(tmp_path):
    (tmp_path / "common" / "en").mkdir(parents=True)
    (tmp_path / "common" / "en" / "endings.tsv").write_text("the\t-2.5\nthe end\tlikely\n")
    with pytest.raises(ConfigError, match=r"endings\.tsv:2"):
        SpeechHabits(tmp_path).of("clinic", "en")


@pytest.mark.parametrize("text", ["backchannels: [yes]", "unknown: [a]", "a: [", "- a"])
def test_a_wrong_file_is_named(tmp_path, text):
    (tmp_path / "common" / "en").mkdir(parents=True)
    (tmp_path / "common" / "en" / "turns.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"turns\.yaml"):
        SpeechHabits(tmp_path).of("clinic", "en")
