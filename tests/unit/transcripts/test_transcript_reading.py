"""Transcripts from the documents of the other commands."""

from typing import Any

import pytest

from mesh.transcripts import UnreadableTranscriptError, Word, read_documents

ASR = {
    "files": [
        {
            "file": "a.wav",
            "duration_s": 4.0,
            "text": "Hello there.",
            "transcripts": [
                {
                    "text": "Hello there.",
                    "start_s": 0.5,
                    "end_s": 1.5,
                    "confidence": 0.9,
                    "language": "en-US",
                    "words": [
                        {"text": "Hello", "start_s": 0.5, "end_s": 0.9, "confidence": 0.8},
                        {"text": "there.", "start_s": 0.9, "end_s": 1.5, "confidence": None},
                    ],
                }
            ],
        }
    ]
}
CALL = {
    "recording": "b.wav",
    "files": {"agent": "var/b-agent.wav", "call": "var/b-call.wav"},
    "language": "es-ES",
    "duration_s": 9.0,
    "greeting_turns": [{"text": "Buenos días.", "first_audio_s": 0.1, "duration_s": 1.0, "interrupted": False}],
    "turns": [
        {
            "text": "Hola.",
            "start_s": 2.0,
            "end_s": 2.6,
            "words": [{"text": "Hola.", "start": 2.0, "end": 2.6, "confidence": 0.9}],
            "agent_turns": [
                {
                    "text": "¿Qué día?",
                    "first_audio_s": 3.0,
                    "duration_s": 1.5,
                    "words": [{"text": "¿Qué", "start": 3.0, "end": 3.6}, {"text": "día?", "start": 3.6, "end": 4.5}],
                }
            ],
        },
        {"text": "", "start_s": 6.0, "end_s": 6.2, "words": [], "agent_turns": [{"text": "¿Hola?"}]},
    ],
}


def test_what_asr_prints() -> None:
    (found,) = read_documents(ASR, "x.json")
    assert (found.source, found.language, found.duration_s) == ("a.wav", "en-US", 4.0)
    (segment,) = found.segments
    assert segment.words[0] == Word(text="Hello", start_s=0.5, end_s=0.9, confidence=0.8)
    assert (segment.text, segment.speaker) == ("Hello there.", "")


def test_what_call_prints() -> None:
    (found,) = read_documents(CALL, "x.json")
    assert (found.source, found.language, found.duration_s) == ("b.wav", "es-ES", 9.0)
    assert [(each.speaker, each.text, each.start_s, each.end_s) for each in found.segments] == [
        ("agent", "Buenos días.", 0.1, 1.1),
        ("caller", "Hola.", 2.0, 2.6),
        ("agent", "¿Qué día?", 3.0, 4.5),
        ("agent", "¿Hola?", 6.2, 6.2),
    ]
    assert found.segments[1].words[0].start_s == 2.0
    assert [word.start_s for word in found.segments[0].words] == [None, None]
    assert [word.start_s for word in found.segments[2].words] == [3.0, 3.6]


def test_the_text_says_what_is_written_and_the_words_when() -> None:
    words = [
        {"text": text, "start_s": at, "end_s": at + 0.5}
        for at, text in enumerate(["well", "sarah", "miller", "called"])
    ]
    segment = {"text": "Sarah Miller, D.D.S., called.", "start_s": 0.0, "end_s": 4.0, "words": words}
    (found,) = read_documents({"segments": [segment]}, "x.json")
    assert [(word.text, word.start_s) for word in found.segments[0].words] == [
        ("Sarah", 1.0),
        ("Miller,", 2.0),
        ("D.D.S.,", None),
        ("called.", 3.0),
    ]
    assert found.source == "x.json"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, 'none of "files"'),
        ([], 'none of "files"'),
        ({"segments": [{"text": "x", "start_s": 0}]}, "segments.0.end_s: field required"),
        ({"segments": [{"text": "x", "start_s": "soon", "end_s": 1}]}, "segments.0.start_s: input should be"),
        ({"segments": [{"text": "x", "start_s": 0, "end_s": float("nan")}]}, "segments.0.end_s"),
        ({"files": [{"file": "a.wav"}]}, "files.0"),
        ({"turns": [{"text": "x"}]}, "turns.0.start_s"),
        ({"turns": 3}, "turns: input should be"),
    ],
)
def test_what_is_no_transcript(document: Any, says: str) -> None:
    with pytest.raises(UnreadableTranscriptError, match=says.replace(".", r"\.")):
        read_documents(document, "x.json")
