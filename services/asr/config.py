"""Settings of the recogniser; a field `asr_engine` is read from VOICEMESH_ASR_ENGINE."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotation at run time

from pydantic import Field

from mesh.config import ServiceSettings


class AsrSettings(ServiceSettings):
    """What the recogniser can be told."""

    asr_engine: str = Field("moonshine", description="name of the engine, an entry point of voicemesh.asr.engines")
    asr_workers: int = Field(2, ge=1, le=64, description="decodes that run at once")
    asr_threads: int = Field(1, ge=1, le=64, description="threads within one decode")
    asr_vad_workers: int = Field(1, ge=1, le=16, description="threads of the voice activity detector")
    asr_vad_threads: int = Field(1, ge=1, le=16, description="threads within one run of the detector")
    asr_max_streams: int = Field(64, ge=1, description="streams at once; one more is refused with OVERLOADED")
    asr_admit_wait_s: float = Field(
        0.25, gt=0, description="mean wait of final transcripts above which new streams are refused with OVERLOADED"
    )
    asr_speculate_after_s: float = Field(0.1, gt=0, description="silence after which a turn is decoded in advance")
    asr_silence_s: float = Field(0.48, gt=0, description="silence after which an utterance is over")
    asr_max_utterance_s: float = Field(20.0, gt=1, le=60, description="longest utterance; it is cut there")
    asr_silence_timeout_s: float = Field(60.0, gt=0, description="silence after which a stream ends")
    asr_partial_every_s: float = Field(0.35, gt=0, description="new speech between partial transcripts")
    asr_partial_share: float = Field(
        0.25, gt=0, le=1, description="share of the time that partial transcripts may take"
    )
    asr_model: str = Field("", description="id of a pulled model, for example whisper/small; empty: the engine's own")
    asr_model_dir: Path | None = Field(None, description="folder of a model; goes before asr_model")
    asr_whisper_device: str = Field("cpu", description="cpu, cuda or auto")
    asr_whisper_compute_type: str = Field("int8", description="CTranslate2 compute type, for example int8 or float16")
