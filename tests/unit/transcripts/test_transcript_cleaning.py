"""What a clean-up takes out and what it leaves, and that the words as heard are kept."""

import pytest
from fakes.spoken_words import any_transcripts, said, transcript
from hypothesis import given, settings

from mesh.transcripts import Cut, Transcript, clean, cut

ENGLISH = [
    ("Um, I'd like a cleaning.", "I'd like a cleaning."),
    ("I want, uh, a cleaning.", "I want, a cleaning."),
    ("I'd like that, um.", "I'd like that."),
    ("Is it today, uh?", "Is it today?"),
    ("It was, like, yesterday, you know, at noon.", "It was yesterday at noon."),
    ("I like it. You know him.", "I like it. You know him."),
    ("I mean, I can't.", "I can't."),
    ("w- want a a visit", "Want a visit."),
    ("I- I'd like th-the s- same", "I'd like the same."),
    ("I want to, I want to book the the next visit", "I want to book the next visit."),
    ("very very good, no no, bye bye", "Very very good, no no, bye bye."),
    ("I had had that that day", "I had had that that day."),
    ("five five five, double double seven", "Five five five, double double seven."),
    ("B B seven three", "B B seven three."),
    ("Mm-hmm.", "Mm-hmm."),
    ("see you tomorrow, tomorrow", "See you tomorrow, tomorrow."),
    ("i think i'm free on monday", "I think I'm free on Monday."),
    ("on the 5th of may i may come in march 5", "On the 5th of May I may come in March 5."),
    ("HELLO I WANT A VISIT", "Hello I want a visit."),
    ("Dr. miller is at 5 p.m. today", "Dr. miller is at 5 p.m. today."),
    ("hello . what time is it", "Hello. What time is it?"),
    ("when can i come", "When can I come?"),
    ("what i want is a visit", "What I want is a visit."),
    ("do it now", "Do it now."),
    ("do you have time", "Do you have time?"),
    ("jane@example.com is my address", "jane@example.com is my address."),
    ("  hello   there ,friend", "Hello there ,friend."),
]
SPANISH = [
    ("eh, quiero una una cita el lunes", "Quiero una cita el lunes."),
    ("este, o sea, mañana", "Mañana."),
    ("este día no puedo", "Este día no puedo."),
    ("cómo se llama", "¿Cómo se llama?"),
    ("¿eh, cuánto cuesta?", "¿Cuánto cuesta?"),
    ("el el sr. garcía viene", "El sr. garcía viene."),
    ("sí sí, muy muy bien", "Sí sí, muy muy bien."),
]


@pytest.mark.parametrize(("heard", "written"), ENGLISH)
def test_english(heard: str, written: str) -> None:
    (segment,) = clean(transcript(said(heard)))[0].segments
    assert segment.text == written


@pytest.mark.parametrize(("heard", "written"), SPANISH)
def test_spanish(heard: str, written: str) -> None:
    (segment,) = clean(transcript(said(heard), language="es-MX"))[0].segments
    assert segment.text == written


def test_a_language_that_is_not_known_only_gets_ends_and_capitals() -> None:
    (segment,) = clean(transcript(said("um das das ist gut"), language="de-DE"))[0].segments
    assert segment.text == "Um das ist gut."


def test_the_words_as_heard_are_kept_with_what_stands_for_them() -> None:
    cleaned, changes = clean(transcript(said("Um, i i want that")))
    (segment,) = cleaned.segments
    assert [(word.text, [heard.text for heard in word.as_heard]) for word in segment.words] == [
        ("I", ["Um,", "i", "i"]),
        ("want", ["want"]),
        ("that.", ["that"]),
    ]
    assert [(change.kinds, change.heard, change.written) for change in changes] == [
        (("casing", "filler", "repeat"), "Um, i i", "I"),
        (("sentence_end",), "that", "that."),
    ]
    assert segment.words[0].start_s == said("Um, i i").words[2].start_s


def test_a_segment_of_fillers_is_removed_and_kept_beside() -> None:
    cleaned, changes = clean(transcript(said("Um, uh."), said("Hello.", 2.0)))
    assert [segment.text for segment in cleaned.segments] == ["Hello."]
    assert [segment.text for segment in cleaned.removed] == ["Um, uh."]
    assert [change.heard for change in changes] == ["Um, uh."]


def test_a_sentence_goes_on_in_the_same_speakers_next_segment() -> None:
    parts = (said("I'd like a cleaning on", 0.0, "caller"), said("tuesday morning", 2.0, "caller"))
    assert [segment.text for segment in clean(transcript(*parts))[0].segments] == [
        "I'd like a cleaning on",
        "Tuesday morning.",
    ]
    parts = (said("I'd like a cleaning", 0.0, "caller"), said("on tuesday", 2.0, "agent"))
    assert [segment.text for segment in clean(transcript(*parts))[0].segments] == [
        "I'd like a cleaning.",
        "On Tuesday.",
    ]


def test_pauses_end_sentences_where_nothing_is_punctuated() -> None:
    segment = said("my name is sarah i want a visit", pauses={4: 1.0})
    assert clean(transcript(segment))[0].segments[0].text == "My name is sarah. I want a visit."


@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_no_word_that_was_heard_is_lost_whatever_is_cut_afterwards(found: Transcript) -> None:
    cleaned, _ = clean(found)
    for result in (cleaned, cut(cleaned, Cut.SUBTITLES)):
        for speaker in ("", "caller", "agent"):
            heard = [word for segment in found.segments if segment.speaker == speaker for word in segment.words]
            kept = [
                word
                for segment in (*result.segments, *result.removed)
                if segment.speaker == speaker
                for written in segment.words
                for word in written.as_heard
            ]
            assert sorted(map(repr, kept)) == sorted(map(repr, heard))


@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_cleaning_what_is_clean_removes_no_segment(found: Transcript) -> None:
    once, _ = clean(found)
    twice, _ = clean(once)
    assert len(twice.segments) == len(once.segments)
    assert all(segment.text.strip() for segment in twice.segments)
