"""Every check finds its fault at its place, and nothing in a transcript that is in order."""

import dataclasses

import pytest
from fakes.spoken_words import said, transcript

from mesh.transcripts import Cut, Segment, Transcript, Word, check, clean, cut

GOOD = transcript(
    said("Good morning, Bright Smile Dental.", 0.0, "agent"),
    said("I'd like to see Dr. Miller at 5 p.m. on Monday.", 3.0, "caller"),
    said("Is that possible?", 8.0, "caller"),
    duration_s=20.0,
)


TOO_MUCH = "This is far too much for one second."


def found(given: Transcript) -> list[tuple[str, int, int | None]]:
    return [(finding.check, finding.segment, finding.word) for finding in check(given)]


def timed(text: str, *times: tuple[float | None, float | None], speaker: str = "") -> Segment:
    words = tuple(
        Word(text=word, start_s=start_s, end_s=end_s)
        for word, (start_s, end_s) in zip(text.split(), times, strict=True)
    )
    return Segment(words=words, start_s=0.0, end_s=5.0, speaker=speaker, text=text)


def test_nothing_is_wrong_with_a_good_transcript() -> None:
    assert check(GOOD) == ()
    assert check(cut(GOOD, Cut.SUBTITLES)) == ()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (transcript(said("hello there.")), [("casing", 1, 1)]),
        (transcript(said("Hello. how are you?")), [("casing", 1, 2)]),
        (transcript(said("Then i come.")), [("casing", 1, 2)]),
        (transcript(said("WE COME AT NOON.")), [("casing", 1, None)]),
        (transcript(said("Hello there")), [("punctuation", 1, 2)]),
        (transcript(said("Hello,, there.")), [("punctuation", 1, 1)]),
        (transcript(said("Hello , there.")), [("punctuation", 1, 2)]),
        (transcript(said("Hello there", 0.0, "caller"), said("Yes.", 2.0, "agent")), [("punctuation", 1, 2)]),
        (transcript(said("Cómo está?"), language="es-ES"), [("punctuation", 1, None)]),
        (transcript(said("Yes.", 0.0, "caller"), said("No.", 2.0)), [("speaker", 2, None)]),
        (transcript(said("Yes.", 0.0, "caller"), said("No.", 2.0, "Caller")), [("speaker", 2, None)]),
        (transcript(said("Yes.", 3.0), said("No.", 0.0)), [("times", 2, None), ("overlap", 2, None)]),
        (transcript(said("Yes."), said("No.", 9.0), duration_s=5.0), [("times", 2, None)]),
        (transcript(said("I am here now."), said("Yes.", 0.2)), [("overlap", 2, None)]),
        (transcript(said("I am here now.", 0.0, "agent"), said("Yes.", 0.2, "caller")), []),
        (transcript(Segment(words=(), start_s=0.0, end_s=1.0)), [("empty", 1, None)]),
        (transcript(timed("I come.", (0.0, 0.5), (None, None))), [("untimed", 1, 2)]),
        (transcript(timed("I come.", (0.0, 0.5), (0.9, 0.8))), [("times", 1, 2)]),
        (transcript(timed("I come now.", (0.0, 0.5), (0.9, 1.0), (0.4, 1.2))), [("times", 1, 3)]),
        (transcript(timed("I come.", (0.0, 0.5), (7.0, 7.5))), [("times", 1, 2)]),
        (transcript(dataclasses.replace(said("Yes."), end_s=0.0)), [("empty", 1, None)]),
    ],
)
def test_a_fault_and_its_place(given: Transcript, wanted: list[tuple[str, int, int | None]]) -> None:
    places = found(given)
    assert [place for place in places if place in wanted] == wanted
    assert {place[0] for place in places} == {place[0] for place in wanted}


def test_a_word_of_another_speaker() -> None:
    segment = timed("I come.", (0.0, 0.5), (0.6, 1.0), speaker="caller")
    words = (segment.words[0], dataclasses.replace(segment.words[1], speaker="agent"))
    assert found(transcript(dataclasses.replace(segment, words=words))) == [("speaker", 1, 2)]


def test_findings_say_where_and_what_to_do() -> None:
    (finding,) = check(transcript(said("Yes."), said("hello.", 4.0)))
    assert (finding.start_s, finding.message) == (4.0, 'the sentence begins with a small letter: "hello."')
    assert finding.remedy == "run with --clean"


def test_what_cleaning_is_said_to_mend_is_mended() -> None:
    messy = transcript(said("um i'd like , a visit"), said("NOW IF YOU CAN", 3.0))
    assert found(messy)
    assert check(clean(messy)[0]) == ()


def test_subtitles_that_can_not_be_read() -> None:
    fast = Segment(
        words=tuple(
            Word(text=text, start_s=0.0, end_s=1.0)
            for text in ["This", "is", "far", "too", "much", "for", "one", "second."]
        ),
        start_s=0.0,
        end_s=1.0,
        text=TOO_MUCH,
    )
    good = transcript(fast, duration_s=1.0)
    assert found(good) == []
    (finding,) = check(cut(good, Cut.SUBTITLES))
    assert (finding.check, finding.message) == ("subtitle", "36 characters a second are too many to read")
