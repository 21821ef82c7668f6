"""What the dialogue service can be told, all by environment variables of the prefix VOICEMESH_."""

import os
from pathlib import Path

from pydantic import Field, SecretStr

from mesh.content import ContentSettings

_CALLS_PER_CORE = 20
"""What one machine carries with all services on it (docs/performance.md)."""


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class DialogueSettings(ContentSettings):
    """Settings of the dialogue service; targets are lists `host:port@region,...`."""

    asr_target: str = Field(min_length=1, description="instances of the ASR service")
    nlu_target: str = Field(min_length=1, description="instances of the NLU service")
    tts_target: str = Field(min_length=1, description="instances of the TTS service")
    crm_target: str = Field(min_length=1, description="instances of the CRM gateway")
    consent_target: str = Field(min_length=1, description="instances of the consent service")

    nats_url: str = Field(min_length=1, description="nats://host:port of the broker; it may come later")
    dialogue_database_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL; empty: SQLite in the state folder"
    )
    domains_dir: Path | None = Field(None, description="folder of the domains; unset: those of the project")
    dialogue_max_sessions: int = Field(
        default_factory=lambda: _CALLS_PER_CORE * _cores(),
        ge=1,
        description="sessions at once; one more is OVERLOADED; unset: 20 for each core",
    )
    dialogue_session_limit_s: float = Field(3600, gt=0, description="longest session")
    dialogue_silence_s: float = Field(8.0, gt=0, description="silence of a speaking caller before a prompt")
    dialogue_text_silence_s: float = Field(120.0, gt=0, description="silence of a typing caller before a prompt")
    dialogue_start_limit_s: float = Field(10.0, gt=0, description="time a client has to send StartSession")
    dialogue_forward_ms: int = Field(40, ge=10, le=200, description="audio is forwarded in pieces of this length")
    dialogue_forward_busy_ms: int = Field(80, ge=10, le=200, description="the same while there are many sessions")
    dialogue_speculate_ms: int = Field(100, ge=50, le=2000, description="silence before an answer is prepared")
    dialogue_shortest_pause_ms: int = Field(200, ge=50, le=5000, description="silence that ends a whole sentence")
    dialogue_longest_pause_ms: int = Field(1200, ge=50, le=5000, description="silence that ends any words")
    dialogue_barge_in_speaking_ms: int = Field(60, ge=0, le=5000, description="speech that pauses the agent's voice")
    dialogue_barge_in_thinking_ms: int = Field(60, ge=0, le=5000, description="speech that holds an answer back")
    dialogue_repair_ms: int = Field(1000, ge=0, le=5000, description="words so soon after a turn belong to it")
    dialogue_filler_ms: int = Field(800, ge=50, le=20_000, description="an answer that takes longer gets a filler")
    dialogue_action_timeout_s: float = Field(
        5.0, gt=0, le=60, description="an action that says nothing else has failed after so long"
    )
    dialogue_crm_language: str = Field(
        "", pattern=r"^([a-z]{2,3})?$", description="calls' summaries are translated into it; empty: never"
    )
    dialogue_flow_reload_s: float = Field(2.0, ge=0, description="changed flow files are looked for so often; 0: never")
    dialogue_policy: str = Field("flow", min_length=1, description="flow, llm, ctranslate2, or an installed one")
    dialogue_llm_url: str = Field("", description="base of an OpenAI-compatible API, https://host/v1")
    dialogue_llm_model: str = Field("", description="the model's name there")
    dialogue_llm_api_key: SecretStr = Field(SecretStr(""), description="sent as a bearer token; empty: none")
    dialogue_llm_folder: Path | None = Field(None, description="folder of a local model in CTranslate2's format")
    dialogue_llm_threads: int = Field(0, ge=0, description="of a local model; 0: its own choice")
    dialogue_llm_first_token_s: float = Field(2.0, gt=0, le=60, description="an answer that begins later is the flows'")
    dialogue_llm_answer_s: float = Field(15.0, gt=0, le=120, description="an answer that ends later is cut short")
    dialogue_llm_max_tokens: int = Field(200, ge=16, le=2000, description="length of an answer")
    dialogue_llm_temperature: float = Field(0.3, ge=0, le=2, description="0: always the likeliest word")
    dialogue_summariser: str = Field("facts", min_length=1, description="facts, or an installed one: calls' summaries")
    dialogue_resume_s: float = Field(30.0, ge=0, description="a dropped connection can be resumed so long; 0: never")
    dialogue_keys_ms: int = Field(2000, ge=100, le=20_000, description="pause that ends an answer in telephone keys")
    dialogue_consent_timeout_s: float = Field(2.0, gt=0, description="an answer later than this is a no")
    dialogue_early_events: bool = Field(
        True, description="publish what calls are about to become while they are on (docs/events.md)"
    )
    dialogue_urgent_intents: str = Field(
        "emergency,human", description="intents that make an early EscalationSuspected, separated by commas"
    )
    dialogue_lease_s: float = Field(30.0, gt=0, description="a session not renewed for so long lost its process")
    dialogue_keep_transcripts: bool = Field(True, description="whether redacted transcripts go to the content store")
    dialogue_keep_audio: bool = Field(False, description="whether what callers' turns sound like goes there too")
    dialogue_transcript_days: int = Field(90, ge=1, description="days after which transcripts and turns' texts go")
    dialogue_audio_days: int = Field(30, ge=1, description="days after which recordings go")
    dialogue_access_days: int = Field(730, ge=1, description="days after which the log of accesses goes")
    dialogue_sweep_s: float = Field(3600.0, gt=0, description="seconds between looks for what is too old")
