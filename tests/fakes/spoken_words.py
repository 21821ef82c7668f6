"""Transcripts for tests: words that follow each other as in speech, and any words at any times."""

from hypothesis import strategies as st

from mesh.transcripts import Segment, Transcript, Word

LETTER_S = 0.06
GAP_S = 0.04


def said(text: str, start_s: float = 0.0, speaker: str = "", pauses: dict[int, float] | None = None) -> Segment:
    """A segment whose words take 60 ms a letter; `pauses` are seconds of silence before the word of that index."""
    words = []
    at_s = start_s
    for index, written in enumerate(text.split()):
        at_s += (pauses or {}).get(index, 0.0)
        end_s = at_s + LETTER_S * len(written)
        words.append(Word(text=written, start_s=round(at_s, 3), end_s=round(end_s, 3), confidence=0.9))
        at_s = end_s + GAP_S
    return Segment(words=tuple(words), start_s=start_s, end_s=words[-1].end_s or 0.0, speaker=speaker, text=text)


def transcript(*segments: Segment, language: str = "en-US", duration_s: float | None = None) -> Transcript:
    return Transcript(source="call.wav", segments=segments, language=language, duration_s=duration_s)


_VOCABULARY = """
um uh I I'd the the, a cleaning on Tuesday, at ten. five five oh 10:30 Sarah Miller Dr. de la th-the w- want want very
like, you know, , . ? yes. no HELLO may 5 B 7 -- … (really?) jane@example.com
Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft
"""
_WRITTEN = st.sampled_from(_VOCABULARY.split())
_TIMES = st.none() | st.floats(-1.0, 60.0).map(lambda seconds: round(seconds, 2))


@st.composite
def _words(draw: st.DrawFn) -> Word:
    return Word(text=draw(_WRITTEN), start_s=draw(_TIMES), end_s=draw(_TIMES))


@st.composite
def _segments(draw: st.DrawFn) -> Segment:
    words = tuple(draw(st.lists(_words(), max_size=30)))
    start_s = round(draw(st.floats(0.0, 60.0)), 2)
    return Segment(
        words=words,
        start_s=start_s,
        end_s=round(start_s + draw(st.floats(0.0, 20.0)), 2),
        speaker=draw(st.sampled_from(["", "caller", "agent"])),
        text=" ".join(word.text for word in words),
    )


any_transcripts = st.builds(
    lambda segments, language: transcript(*segments, language=language),
    st.lists(_segments(), max_size=5),
    st.sampled_from(["en-US", "es-ES", "de"]),
)
"""Transcripts with words missing, out of order, without times and out of the audio."""
