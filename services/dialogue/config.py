"""What the dialogue service can be told, all by environment variables of the prefix VOICEMESH_."""

from pathlib import Path

from pydantic import Field, SecretStr

from mesh.config import ServiceSettings


class DialogueSettings(ServiceSettings):
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
    dialogue_max_sessions: int = Field(100, ge=1, description="sessions at once; one more is OVERLOADED")
    dialogue_session_limit_s: float = Field(3600, gt=0, description="longest session")
    dialogue_silence_s: float = Field(8.0, gt=0, description="silence of a speaking caller before a prompt")
    dialogue_text_silence_s: float = Field(120.0, gt=0, description="silence of a typing caller before a prompt")
    dialogue_start_limit_s: float = Field(10.0, gt=0, description="time a client has to send StartSession")
    dialogue_forward_ms: int = Field(40, ge=10, le=200, description="audio is forwarded in pieces of this length")
    dialogue_speculate_ms: int = Field(150, ge=50, le=2000, description="silence before a turn is prepared")
    dialogue_endpoint_ms: int = Field(480, ge=100, le=3000, description="silence that ends a turn")
    dialogue_consent_timeout_s: float = Field(2.0, gt=0, description="an answer later than this is a no")
    dialogue_lease_s: float = Field(30.0, gt=0, description="a session not renewed for so long lost its process")
