"""What the service can be told."""

from pathlib import Path

from pydantic import Field

from mesh.config import ServiceSettings


class TtsSettings(ServiceSettings):
    """Settings of text to speech; a field `tts_engine` is read from VOICEMESH_TTS_ENGINE."""

    tts_engine: str = Field("espeak", description="entry point in the group voicemesh.tts.engines")
    tts_voice: str = Field("", description="voice to take where a client names none and it speaks the language")
    domains_dir: Path | None = Field(None, description="folder of the domains; unset: those of the project")
    tts_cache_mb: int = Field(64, ge=0, description="megabytes of fixed sentences' speech in memory; 0: none is kept")
    tts_cache_disk_mb: int = Field(64, ge=0, description="megabytes of it in CACHE_DIR/tts; 0: none")
    tts_piper_voices: Path | None = Field(
        None, description="folder of Piper voices (NAME.onnx beside NAME.onnx.json); default CACHE_DIR/piper"
    )
    tts_piper_threads: int = Field(1, ge=1, description="threads onnxruntime takes for one sentence")
    tts_piper_workers: int = Field(2, ge=1, description="sentences Piper computes at once")
    tts_max_waiting: int = Field(64, ge=0, description="sentences of all streams that may wait for the engine")
    tts_max_pending_characters: int = Field(
        20_000, ge=5_000, description="characters of one stream that may wait to be spoken"
    )
    tts_max_open_utterances: int = Field(32, ge=1, description="utterances of one stream begun and not ended")
    tts_max_unary_bytes: int = Field(3_900_000, ge=1, description="largest audio a unary answer carries")
