"""Lines, subtitles and paragraphs: where they break, and that no word is lost or doubled."""

import collections

import pytest
from fakes.spoken_words import any_transcripts, said, transcript
from hypothesis import given, settings

from mesh.transcripts import Cut, Transcript, cut
from mesh.transcripts.cutting import LINE_CHARACTERS
from mesh.transcripts.subtitles import CHARACTERS_A_SECOND, GAP_S, MAX_S, MIN_S
from mesh.transcripts.subtitles import LINE_CHARACTERS as SUBTITLE_CHARACTERS


def texts(found: Transcript, how: Cut) -> list[str]:
    return [segment.text for segment in cut(found, how).segments]


@pytest.mark.parametrize("how", Cut)
@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_no_word_is_lost_or_doubled_and_time_never_goes_back(how: Cut, found: Transcript) -> None:
    result = cut(found, how)
    before = collections.Counter((segment.speaker, word) for segment in found.segments for word in segment.words)
    after = collections.Counter((segment.speaker, word) for segment in result.segments for word in segment.words)
    assert after == before
    assert all(segment.text.split() == [word.text for word in segment.words] for segment in result.segments)
    if how is Cut.UTTERANCES:
        return
    starts = [segment.start_s for segment in result.segments]
    assert starts == sorted(starts)
    assert all(segment.end_s >= segment.start_s for segment in result.segments)
    assert all(segment.words for segment in result.segments)


@pytest.mark.parametrize("how", [Cut.LINES, Cut.SUBTITLES, Cut.PARAGRAPHS])
@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_the_words_of_a_speaker_stay_in_order(how: Cut, found: Transcript) -> None:
    again = cut(cut(found, how), how)
    for speaker in ("", "caller", "agent"):
        spoken = [word for segment in cut(found, how).segments if segment.speaker == speaker for word in segment.words]
        ordered = sorted((each for each in found.segments if each.speaker == speaker), key=lambda each: each.start_s)
        assert spoken == [word for segment in ordered for word in segment.words]
        assert spoken == [word for each in again.segments if each.speaker == speaker for word in each.words]


@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_subtitles_keep_to_two_lines_of_42_characters_and_seven_seconds(found: Transcript) -> None:
    for segment in cut(found, Cut.SUBTITLES).segments:
        lines = segment.text.split("\n")
        assert len(lines) <= 2
        assert all(len(line) <= SUBTITLE_CHARACTERS or " " not in line for line in lines)
        assert segment.end_s - segment.start_s <= MAX_S + 1e-9


BOOKING = (
    "I'd like a cleaning on Tuesday at half past ten in the morning, if that is possible at all, and my name is "
    "Sarah Miller. The order number is B seven three one two, and I paid one hundred and five dollars for it."
)


def test_subtitles_break_at_punctuation_and_never_inside_a_number_or_a_name() -> None:
    found = texts(transcript(said(BOOKING)), Cut.SUBTITLES)
    assert all(text[-1] in ".," for text in found)
    lines = [line for text in found for line in text.split("\n")]
    for whole in ("half past ten", "Sarah Miller.", "B seven three one two,", "one hundred and five dollars"):
        assert any(whole in line for line in lines), (whole, lines)
    assert not any(line.split()[-1] in {"a", "the", "is", "my", "and"} for line in lines)


def test_a_number_longer_than_a_line_is_broken_all_the_same() -> None:
    number = " ".join(["seven"] * 30)
    found = texts(transcript(said(number)), Cut.SUBTITLES)
    assert " ".join(found).split() == number.split()


def test_a_subtitle_stands_long_enough_where_there_is_room() -> None:
    found = transcript(said("Yes.", 1.0), said("No, thanks.", 20.0), duration_s=20.7)
    first, last = cut(found, Cut.SUBTITLES).segments
    assert first.end_s - first.start_s == pytest.approx(MIN_S)
    assert last.end_s == 20.7  # not longer than the audio
    fast = said("This is said so fast that nobody can read it.", 0.0)
    (shown,) = cut(transcript(fast), Cut.SUBTITLES).segments
    assert shown.end_s >= len(shown.text) / CHARACTERS_A_SECOND


def test_a_subtitle_gives_way_to_the_next_one() -> None:
    found = transcript(said("Is that all right?", 0.0, "agent"), said("Yes.", 1.1, "caller"))
    first, second = cut(found, Cut.SUBTITLES).segments
    assert first.end_s == pytest.approx(second.start_s - GAP_S)


def test_lines_come_as_the_words_come_and_are_never_taken_back() -> None:
    words = said(BOOKING + " Thank you.").words
    whole = [line.split() for line in texts(transcript(said(BOOKING + " Thank you.")), Cut.LINES)]
    assert len(whole) > 3
    for count in range(1, len(words)):
        begun = said(" ".join(word.text for word in words[:count]))
        so_far = [line.split() for line in texts(transcript(begun), Cut.LINES)]
        assert so_far[:-1] == whole[: len(so_far) - 1]
        assert so_far[-1] == whole[len(so_far) - 1][: len(so_far[-1])]
    assert all(len(" ".join(line)) <= LINE_CHARACTERS for line in whole)


def test_paragraphs_end_with_the_speaker_and_at_long_pauses() -> None:
    found = transcript(
        said("Good morning.", 0.0, "agent"),
        said("I want a visit.", 2.0, "caller"),
        said("On Monday.", 3.2, "caller"),
        said("Are you there?", 9.0, "caller"),
        said("Yes.", 10.0, "agent"),
    )
    assert texts(found, Cut.PARAGRAPHS) == [
        "Good morning.",
        "I want a visit. On Monday.",
        "Are you there?",
        "Yes.",
    ]


def test_long_monologues_are_divided_with_a_sentence() -> None:
    found = transcript(said(" ".join(["This is a sentence of some length."] * 40)))
    paragraphs = texts(found, Cut.PARAGRAPHS)
    assert len(paragraphs) > 1
    assert all(paragraph.endswith("length.") for paragraph in paragraphs)


def test_words_without_times_are_placed_by_their_letters() -> None:
    segment = said("one two. three four.", 0.0)
    blank = segment.__class__(
        words=tuple(word.__class__(text=word.text) for word in segment.words),
        start_s=10.0,
        end_s=12.0,
        text=segment.text,
    )
    first, second = cut(transcript(blank), Cut.LINES).segments
    assert (first.start_s, second.end_s) == (10.0, 12.0)
    assert first.end_s == second.start_s == pytest.approx(10.0 + 2.0 * 9 / 21)
