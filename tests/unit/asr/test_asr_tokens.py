"""From tokens to words with confidences."""

from __future__ import annotations

import pytest

from services.asr.tokens import Token, Vocabulary, mean_confidence, split_words

SPACE = "\u2581"


def tokens(*pieces: tuple[str, float]) -> list[Token]:
    return [Token(text.encode(), probability) for text, probability in pieces]


def test_pieces_join_to_words_at_the_spaces() -> None:
    words = split_words(tokens((f"{SPACE}clean", 0.9), ("ing", 0.8), (f"{SPACE}it", 1.0), (".", 0.1)))
    assert [word.text for word in words] == ["cleaning", "it."]


def test_a_word_is_as_sure_as_its_worst_part_and_punctuation_does_not_count() -> None:
    (one, other) = split_words(
        tokens((f"{SPACE}T", 1.0), ("ues", 0.25), ("day", 1.0), (",", 0.01), (f"{SPACE}at", 1.0))
    )
    assert one.confidence == pytest.approx(0.125)
    assert other.confidence == 1.0


def test_a_letter_of_several_bytes_is_put_together_from_its_bytes() -> None:
    word = [Token(f"{SPACE}caf".encode(), 0.9), Token(b"\xc3", 0.9), Token(b"\xa9", 0.9)]
    assert [w.text for w in split_words(word)] == ["caf\u00e9"]


def test_a_sentence_is_as_sure_as_its_words_on_average() -> None:
    assert mean_confidence(split_words(tokens((f"{SPACE}a", 1.0), (f"{SPACE}b", 0.0001)))) == pytest.approx(0.001)
    assert mean_confidence([]) is None


def vocabulary(*pieces: str) -> bytes:
    rows = [b"<unk>", b"<s>", b"</s>", *(bytes([n]) for n in range(256)), *(p.encode() for p in pieces)]
    return b"".join(bytes([len(row)]) + row for row in rows)


def test_a_text_is_cut_into_the_pieces_merged_first() -> None:
    book = Vocabulary(vocabulary(f"{SPACE}t", "he", f"{SPACE}the", SPACE, "t", "h", "e", "n"))
    assert [book.pieces[n].decode() for n in book.encode("the then")] == [f"{SPACE}the", f"{SPACE}the", "n"]


def test_what_no_piece_covers_is_spelt_in_bytes() -> None:
    book = Vocabulary(vocabulary(SPACE))
    assert [book.pieces[n] for n in book.encode("\u00e9")] == [SPACE.encode(), b"\xc3", b"\xa9"]


def test_long_pieces_have_a_length_of_two_bytes() -> None:
    long = b"x" * 300
    data = bytes([300 % 128 + 128, 300 // 128]) + long
    assert Vocabulary(data).pieces == [long]


def test_a_file_cut_short_is_noticed() -> None:
    with pytest.raises(ValueError, match="ends within a piece"):
        Vocabulary(b"\x05ab")
