"""What is written can be read back: JSON by the package, SRT and WebVTT by strict little readers."""

import html
import json
import re

import pytest
from fakes.spoken_words import any_transcripts, said, transcript
from hypothesis import given, settings

from mesh.transcripts import Cut, Format, Segment, Transcript, clean, cut, read_documents, render

_CLOCK = r"(\d{2,}):([0-5]\d):([0-5]\d)%s(\d{3})"


def cues(text: str, point: str) -> list[tuple[int, int, str]]:
    """First and last millisecond and text of the cues of a file, which must be well formed to the last line break."""
    clock = _CLOCK % re.escape(point)
    found = []
    for number, block in enumerate(text.split("\n\n"), start=1):
        lines = block.rstrip("\n").split("\n")
        if point == ",":
            assert lines.pop(0) == str(number)
        times = re.fullmatch(f"{clock} --> {clock}", lines[0])
        assert times is not None, lines
        parts = [int(part) for part in times.groups()]
        first, last = (((h * 60 + m) * 60 + s) * 1_000 + ms for h, m, s, ms in (parts[:4], parts[4:]))
        assert lines[1:]
        assert all(line.strip() and "-->" not in line for line in lines[1:])
        found.append((first, last, "\n".join(lines[1:])))
    return found


def shown(found: Transcript) -> list[Segment]:
    said_something = (segment for segment in found.segments if segment.text.strip())
    return sorted(said_something, key=lambda segment: segment.start_s)


@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_srt_reads_back(found: Transcript) -> None:
    subtitles = cut(found, Cut.SUBTITLES)
    text = render(subtitles, Format.SRT)
    assert [cue[2] for cue in (cues(text, ",") if text else [])] == [segment.text for segment in shown(subtitles)]
    if text:
        assert text.endswith("\n")
        read = cues(text, ",")
        assert all(first < last for first, last, _ in read)
        assert [first for first, _, _ in read] == sorted(first for first, _, _ in read)


@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_vtt_reads_back(found: Transcript) -> None:
    subtitles = cut(found, Cut.SUBTITLES)
    head, _, body = render(subtitles, Format.VTT).partition("\n\n")
    assert head.strip() == "WEBVTT"
    read = [(html.unescape(re.sub(r"<v [^>]*>", "", text))) for _, _, text in (cues(body, ".") if body else [])]
    assert read == [segment.text for segment in shown(subtitles)]


@settings(deadline=None, max_examples=30)
@given(found=any_transcripts)
def test_json_reads_back(found: Transcript) -> None:
    for each in (clean(found)[0], cut(found, Cut.SUBTITLES), found):
        document = json.loads(render(each, Format.JSON))
        (again,) = read_documents(document, "other")
        assert json.loads(render(again, Format.JSON)) == document


def test_the_times_and_the_speakers() -> None:
    found = transcript(
        Segment(words=said("A < B & C").words, start_s=3_661.0015, end_s=3_662.5, speaker="caller", text="A < B & C")
    )
    assert render(found, Format.SRT) == "1\n01:01:01,002 --> 01:01:02,500\nA < B & C\n"
    assert render(found, Format.VTT) == ("WEBVTT\n\n01:01:01.002 --> 01:01:02.500\n<v caller>A &lt; B &amp; C\n")
    assert render(found, Format.TEXT) == "caller: A < B & C\n"


@pytest.mark.parametrize(("form", "wanted"), [(Format.SRT, ""), (Format.VTT, "WEBVTT\n"), (Format.TEXT, "")])
def test_a_transcript_without_words(form: Format, wanted: str) -> None:
    assert render(transcript(), form) == wanted


def test_what_was_heard_stands_beside_what_is_written() -> None:
    cleaned, _ = clean(transcript(said("Um, i want that.")))
    (segment,) = json.loads(render(cleaned, Format.JSON))["segments"]
    assert (segment["text"], segment["heard"]) == ("I want that.", "Um, i want that.")
    assert [word["text"] for word in segment["words"][0]["heard"]] == ["Um,", "i"]
    assert "heard" not in segment["words"][1]
