"""The splitter: where it cuts, and that pieces make no difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tts.sentences import MAX_CHARACTERS, SentenceSplitter


def split(text: str, *, language: str = "en") -> list[str]:
    splitter = SentenceSplitter(language)
    return [sentence.strip() for sentence in splitter.feed(text) + splitter.flush()]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("Dr. Smith is in. Mrs. Lee is not.", ["Dr. Smith is in.", "Mrs. Lee is not."]),
        ("It costs 3.30 euros. Really.", ["It costs 3.30 euros.", "Really."]),
        ("Come at 10 a.m. on Friday. Bye.", ["Come at 10 a.m. on Friday.", "Bye."]),
        ("Come at 10 a.m. We open then.", ["Come at 10 a.m.", "We open then."]),
        ("At 10:30. Good.", ["At 10:30.", "Good."]),
        ("See No. 5 there. No. That is all.", ["See No. 5 there.", "No.", "That is all."]),
        ("J. S. Bach wrote it. So did I. Yes.", ["J. S. Bach wrote it.", "So did I.", "Yes."]),
        ("Well... yes. Well... Yes.", ["Well... yes.", "Well...", "Yes."]),
        ('He said "no." She said (yes!) Done', ['He said "no."', "She said (yes!)", "Done"]),
        ("one line\nanother line", ["one line", "another line"]),
        ("Mail a.b@example.com now. Ok.", ["Mail a.b@example.com now.", "Ok."]),
        ("你好。再见！", ["你好。", "再见！"]),  # noqa: RUF001
        ("no end", ["no end"]),
        ("", []),
        ("It costs $1,234 for you, it does.", ["It costs $1,234 for you, it does."]),
        (
            "I can offer you Tuesday at ten in the morning, or Thursday at four.",
            ["I can offer you Tuesday at ten in the morning,", "or Thursday at four."],
        ),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_ordinals_of_german_do_not_end_a_sentence() -> None:
    assert split("Am 24. November. Gut.", language="de-DE") == ["Am 24. November.", "Gut."]
    assert split("On November 24. Good.") == ["On November 24.", "Good."]


def test_a_sentence_is_given_out_as_soon_as_it_is_whole() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("Hello the") == []
    assert splitter.feed("re. ") == ["Hello there. "]
    assert splitter.feed("Come at 10 a.m. ") == []
    assert splitter.held == len("Come at 10 a.m. ")
    assert splitter.feed("W") == ["Come at 10 a.m. "]
    assert splitter.flush() == ["W"]
    assert splitter.flush() == []


def test_the_first_clause_comes_sooner_than_later_ones() -> None:
    clause = "this is a clause of about forty characters, "
    sentences = split("Yes. " + clause * 5)
    assert sentences[0] == "Yes."
    assert sentences[1] == (clause * 4).strip()
    assert split(clause * 2) == [clause.strip()] * 2


def test_endless_text_is_cut_at_white_space() -> None:
    words = "word " * 200
    parts = split(words)
    assert all(len(part) <= MAX_CHARACTERS for part in parts)
    assert " ".join(parts) == words.strip()
    assert [len(part) for part in split("x" * 700)] == [MAX_CHARACTERS, MAX_CHARACTERS, 100]


TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*" .,!?…\n;:\"')”。", "Dr.", "a.m.", "3.30", "No. ", "... ", "I", " A", "x" * 90, ". ", ", "]),
        st.text(max_size=12),
    ),
    max_size=60,
).map("".join)


@given(TEXTS, st.data())
def test_pieces_make_no_difference_and_nothing_is_lost(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    whole = SentenceSplitter()
    expected = whole.feed(text) + whole.flush()
    splitter = SentenceSplitter()
    sentences = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        sentences += splitter.feed(text[start:end])
        assert splitter.held <= MAX_CHARACTERS
    sentences += splitter.flush()
    assert sentences == expected
    assert "".join(sentences) == text
    assert all(0 < len(sentence) <= MAX_CHARACTERS for sentence in sentences)
