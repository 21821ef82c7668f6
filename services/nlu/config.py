"""What the understanding service can be told."""

from pathlib import Path

from pydantic import Field

from mesh.config import ServiceSettings


class NluSettings(ServiceSettings):
    """Settings of the understanding service."""

    nlu_engine: str = Field("minilm", description="the engine: minilm, rules, or one that is installed")
    nlu_workers: int = Field(2, ge=1, le=64, description="texts parsed at the same time")
    nlu_max_waiting: int = Field(256, ge=0, description="texts that may wait for a worker; more are refused")
    domains_dir: Path | None = Field(None, description="folder of the domains; unset: those of the project")
