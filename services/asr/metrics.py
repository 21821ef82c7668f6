"""What the recogniser counts."""

from prometheus_client import Counter, Gauge, Histogram

STREAMS = Gauge("voicemesh_asr_streams", "Recognition streams in progress.")
AUDIO_SECONDS = Counter("voicemesh_asr_audio_seconds", "Audio taken in, in seconds.")
UTTERANCES = Counter("voicemesh_asr_utterances", "Utterances ended.")
DECODE_SECONDS = Histogram(
    "voicemesh_asr_decode_seconds",
    "Time computed for a transcript, by kind: partial, final (speculative ones too).",
    ["kind"],
    buckets=(0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0),
)
VAD_BATCH = Histogram(
    "voicemesh_asr_vad_batch",
    "Streams that shared a run of the voice activity detector.",
    buckets=(1, 2, 4, 8, 16, 32, 64),
)
FINAL_WAIT_SECONDS = Histogram(
    "voicemesh_asr_final_wait_seconds",
    "Time a final or speculative transcript waited for a thread.",
    buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
)
SPECULATIONS = Counter(
    "voicemesh_asr_speculations", "Transcripts computed in advance, by what became of them.", ["outcome"]
)
PARTIALS_SKIPPED = Counter(
    "voicemesh_asr_partials_skipped", "Partial transcripts left out because the machine was busy."
)
