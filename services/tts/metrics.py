"""What text to speech counts."""

from prometheus_client import Counter, Gauge, Histogram

UTTERANCES = Counter(
    "voicemesh_tts_utterances", "Utterances by how they ended: spoken, cancelled, dropped.", ["engine", "outcome"]
)
CHARACTERS = Counter("voicemesh_tts_characters", "Characters spoken, by the engine or from the cache.", ["engine"])
AUDIO_SECONDS = Counter("voicemesh_tts_audio_seconds", "Seconds of audio sent.", ["engine"])
FIRST_AUDIO_SECONDS = Histogram(
    "voicemesh_tts_first_audio_seconds",
    "Time from an utterance's first text to its first audio.",
    ["engine"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
CACHE_SENTENCES = Counter(
    "voicemesh_tts_cache_sentences",
    "Sentences by what the cache had of them: hit; miss (fixed, not there yet); passed (not fixed: never kept).",
    ["engine", "result"],
)
CACHE_BYTES = Gauge("voicemesh_tts_cache_bytes", "Bytes of speech that the cache holds in memory.")
