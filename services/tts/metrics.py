"""What text to speech counts."""

from prometheus_client import Counter, Histogram

UTTERANCES = Counter(
    "voicemesh_tts_utterances", "Utterances by how they ended: spoken, cancelled, dropped.", ["engine", "outcome"]
)
CHARACTERS = Counter("voicemesh_tts_characters", "Characters given to the engine.", ["engine"])
AUDIO_SECONDS = Counter("voicemesh_tts_audio_seconds", "Seconds of audio sent.", ["engine"])
FIRST_AUDIO_SECONDS = Histogram(
    "voicemesh_tts_first_audio_seconds",
    "Time from an utterance's first text to its first audio.",
    ["engine"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
