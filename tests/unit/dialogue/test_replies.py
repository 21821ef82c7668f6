"""What a session emits, as the client reads it: no field is left out on the way."""

from voicemesh.common.v1.audio_pb2 import Word

from mesh.durations import seconds, to_duration
from services.dialogue import model
from services.dialogue.replies import to_response

WORDS = (model.Word("next", 1.0, 1.25, 0.5), model.Word("Tuesday", 1.25, 1.75))


def said_by(speaker: str) -> list[Word]:
    return [
        Word(text="next", start=to_duration(1), end=to_duration(1.25), confidence=0.5, speaker=speaker),
        Word(text="Tuesday", start=to_duration(1.25), end=to_duration(1.75), speaker=speaker),
    ]


def test_a_transcript_has_its_words_speaker_and_its_stability() -> None:
    heard = model.Heard(0, "next Tuesday", False, 1.0, 1.75, words=WORDS, stability=0.5)
    transcript = to_response(model.Transcribed("c1", heard), 3).transcript
    assert list(transcript.words) == said_by("caller")
    assert transcript.stability == 0.5
    unknown = to_response(model.Transcribed("c1", model.Heard(0, "next", False, 1.0, 1.25)), 4).transcript
    assert not unknown.HasField("stability")


def test_the_agents_words_are_the_agents() -> None:
    audio = to_response(model.AgentAudio("a1", b"\0\0", 1.0, WORDS), 3).agent_audio
    assert list(audio.words) == said_by("agent")


def test_entities_have_their_places_where_they_were_spoken() -> None:
    spoken = model.Entity("date", "2026-11-24", "Tuesday", 5, 12, start=0.0, end=1.75)
    typed = model.Entity("date", "2026-11-24", "Tuesday", 5, 12)
    understanding = model.Understanding("next Tuesday", "inform", entities=(spoken, typed))
    first, second = to_response(model.Understood("c1", understanding, ()), 3).understanding.entities
    assert first.HasField("start"), "the beginning of the call is a place too"
    assert (seconds(first.start), seconds(first.end)) == (0.0, 1.75)
    assert not second.HasField("start")
    assert not second.HasField("end")
