"""Filling the cache at the start."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from structlog.testing import capture_logs
from unit.tts.fake_engine import VOICE, FakeSynthesizer

from mesh.errors import ErrorReason, MeshError
from services.tts.cache.disk import DiskCache
from services.tts.cache.fixed import FixedSentences
from services.tts.cache.memory import MemoryCache, speech_key
from services.tts.cache.synthesizer import CachedSynthesizer
from services.tts.cache.warming import Warmer, spoken_as_asked
from services.tts.model import Delivery

TEXTS = ["One moment.", "Which day suits you?", "Goodbye."]
LIMIT = 10_000_000


def cached(engine: FakeSynthesizer, texts: dict[str, list[str]] | None = None, limit: int = LIMIT) -> CachedSynthesizer:
    return CachedSynthesizer(engine, MemoryCache(limit), FixedSentences(texts or {"en": TEXTS}))


def disk(folder: Path) -> DiskCache:
    return DiskCache(folder, LIMIT)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def warm(speaker: CachedSynthesizer, kept_on: DiskCache | None) -> dict[str, object]:
    with capture_logs() as logs:
        await Warmer(speaker, kept_on, spoken_as_asked(speaker, "")).run()
    return {entry["event"]: entry for entry in logs}


async def test_the_first_start_makes_all_and_the_next_makes_none(tmp_path: Path) -> None:
    first = FakeSynthesizer()
    speaker = cached(first)
    told = await warm(speaker, disk(tmp_path))
    assert first.texts == TEXTS
    assert told == {
        "tts.cache_warm": {"event": "tts.cache_warm", "log_level": "info", "sentences": 3, "loaded": 0, "made": 3}
    }
    second = FakeSynthesizer()
    speaker_again = cached(second)
    told = await warm(speaker_again, disk(tmp_path))
    assert second.texts == []
    assert told["tts.cache_warm"] == {
        "event": "tts.cache_warm", "log_level": "info", "sentences": 3, "loaded": 3, "made": 0,
    }  # fmt: skip
    for text in TEXTS:
        key = speech_key(text, Delivery(VOICE))
        one, other = speaker.memory.get(key), speaker_again.memory.get(key)
        assert one is not None
        assert other is not None
        assert all(np.array_equal(a.samples, b.samples) for a, b in zip(one, other, strict=True))
        assert [chunk.words for chunk in one] == [chunk.words for chunk in other]


async def test_what_a_call_has_made_is_not_made_again_but_written(tmp_path: Path) -> None:
    engine = FakeSynthesizer()
    speaker = cached(engine)
    async for _ in speaker.synthesize(TEXTS[1], Delivery(VOICE)):
        pass
    await warm(speaker, disk(tmp_path))
    assert engine.texts == [TEXTS[1], TEXTS[0], TEXTS[2]]
    assert len(files(tmp_path)) == 3


async def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    await warm(cached(FakeSynthesizer()), disk(tmp_path))
    damaged = files(tmp_path)[0]
    damaged.write_bytes(damaged.read_bytes()[:-7])
    engine = FakeSynthesizer()
    told = await warm(cached(engine), disk(tmp_path))
    assert set(told) == {"tts.cache_file_damaged", "tts.cache_warm"}
    assert len(engine.texts) == 1
    third = FakeSynthesizer()
    await warm(cached(third), disk(tmp_path))
    assert third.texts == []


async def test_a_voice_of_unknown_revision_leaves_nothing_on_disk(tmp_path: Path) -> None:
    engine = FakeSynthesizer()
    engine.voices = (replace(VOICE, revision=""),)
    speaker = cached(engine)
    await warm(speaker, disk(tmp_path))
    assert engine.texts == TEXTS
    assert speaker.memory.get(speech_key(TEXTS[0], Delivery(engine.voices[0]))) is not None
    assert files(tmp_path) == []


async def test_without_a_disk_all_is_made() -> None:
    engine = FakeSynthesizer()
    await warm(cached(engine), None)
    assert engine.texts == TEXTS


async def test_it_stops_when_the_memory_is_full(tmp_path: Path) -> None:
    engine = FakeSynthesizer()
    speaker = cached(engine, {"en": ["One.", "Two.", "Three."]}, limit=70_000)  # two seconds of 32,000 bytes
    told = await warm(speaker, disk(tmp_path))
    assert set(told) == {"tts.cache_full", "tts.cache_warm"}
    assert engine.texts == ["One.", "Two.", "Three."]
    kept = [speaker.memory.get(speech_key(text, Delivery(VOICE))) is not None for text in engine.texts]
    assert kept == [True, True, False]
    assert len(files(tmp_path)) == 2


async def test_a_disk_that_fails_is_named_and_memory_is_filled(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    engine = FakeSynthesizer()
    speaker = cached(engine)
    told = await warm(speaker, disk(tmp_path / "file"))
    assert set(told) == {"tts.cache_disk_failed", "tts.cache_warm"}
    assert all(speaker.memory.get(speech_key(text, Delivery(VOICE))) for text in TEXTS)


async def test_an_engine_that_fails_is_named() -> None:
    engine = FakeSynthesizer()
    engine.failure = MeshError(ErrorReason.ERROR_REASON_ENGINE_FAILED, "broken; try another engine")
    told = await warm(cached(engine), None)
    assert set(told) == {"tts.cache_engine_failed", "tts.cache_warm"}
    assert engine.texts == TEXTS[:1]


async def test_a_language_without_a_voice_is_left_out() -> None:
    engine = FakeSynthesizer()
    told = await warm(cached(engine, {"de": ["Einen Moment."], "en": TEXTS}), None)
    assert set(told) == {"tts.cache_language_left_out", "tts.cache_warm"}
    assert engine.texts == TEXTS
