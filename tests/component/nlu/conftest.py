from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.nlu.config import NluSettings
from services.nlu.encoder.cache import prepare
from services.nlu.engines import minilm, rules
from services.nlu.engines.shared import ScoringEngine


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    prepare(folder)
    return folder


@pytest.fixture(scope="session")
def nlu_settings(cache_dir: Path) -> NluSettings:
    return NluSettings(cache_dir=cache_dir)


@pytest.fixture(scope="session")
def minilm_engine(nlu_settings: NluSettings) -> ScoringEngine:
    return minilm.create(nlu_settings)


@pytest.fixture(scope="session")
def rules_engine(nlu_settings: NluSettings) -> ScoringEngine:
    return rules.create(nlu_settings)


@pytest.fixture
def reference() -> datetime:
    """A Friday."""
    return datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("America/New_York"))
