"""Speech on disk: whole or not at all, and never more than allowed."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs
from unit.tts.fake_engine import VOICE

from services.tts.cache.disk import DiskCache
from services.tts.cache.memory import Speech, SpeechKey, speech_key
from services.tts.model import Delivery, SpeechChunk, WordTime

KEY = speech_key("Grüß Gott, hello.", Delivery(VOICE))
SPEECH = (
    SpeechChunk(np.linspace(-1, 1, 700, dtype=np.float32), (WordTime("Grüß", 0.0, 1 / 3), WordTime("Gott", 0.4, 0.5))),
    SpeechChunk(np.zeros(0, np.float32)),
    SpeechChunk(np.linspace(1, 0.1, 300, dtype=np.float32), (WordTime("hello", 0.6, 0.7),)),
)
LIMIT = 1_000_000


def key(text: str) -> SpeechKey:
    return replace(KEY, text=text)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def assert_same(one: Speech | None, other: Speech) -> None:
    assert one is not None
    assert [chunk.words for chunk in one] == [chunk.words for chunk in other]
    for mine, theirs in zip(one, other, strict=True):
        assert mine.samples.dtype == np.float32
        assert np.array_equal(mine.samples, theirs.samples)
        assert mine.cached


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet there"
    assert DiskCache(folder, LIMIT).load(KEY) is None
    assert DiskCache(folder, LIMIT).store(KEY, SPEECH)
    cache = DiskCache(folder, LIMIT)
    assert_same(cache.load(KEY), SPEECH)
    assert cache.load(key("other")) is None
    assert len(files(folder)) == 1
    # The text is not to be read in the folder's names.
    assert "hello" not in files(folder)[0].name


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content[:40] + b"?" + content[41:],
    ],
)
def test_a_damaged_file_is_thrown_away_and_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    DiskCache(tmp_path, LIMIT).store(KEY, SPEECH)
    (path,) = files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    cache = DiskCache(tmp_path, LIMIT)
    with capture_logs() as logs:
        assert cache.load(KEY) is None
    assert [(entry["event"], entry["file"]) for entry in logs] == [("tts.cache_file_damaged", path.name)]
    assert files(tmp_path) == []
    assert cache.store(KEY, SPEECH)
    assert_same(cache.load(KEY), SPEECH)


def test_a_file_under_anothers_name_is_damaged_too(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, LIMIT)
    cache.store(KEY, SPEECH)
    (first,) = files(tmp_path)
    cache.store(key("other"), SPEECH)
    (other,) = set(files(tmp_path)) - {first}
    other.write_bytes(first.read_bytes())
    assert cache.load(key("other")) is None
    assert_same(cache.load(KEY), SPEECH)


def test_room_is_made_of_what_this_process_did_not_use_the_oldest_first(tmp_path: Path) -> None:
    before = DiskCache(tmp_path, LIMIT)
    for age, text in enumerate("abcd"):
        before.store(key(text), SPEECH)
        (newest,) = (path for path in files(tmp_path) if path.stat().st_mtime > 1_000_000)
        os.utime(newest, (1_000 - age, 1_000 - age))
    size = files(tmp_path)[0].stat().st_size
    cache = DiskCache(tmp_path, 4 * size)
    assert cache.load(key("d")) is not None  # the oldest of all
    assert cache.store(key("e"), SPEECH)
    assert cache.store(key("f"), SPEECH)
    left = DiskCache(tmp_path, 4 * size)
    assert [left.load(key(text)) is not None for text in "abcdef"] == [True, False, False, True, True, True]


def test_when_all_is_in_use_nothing_more_is_written(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 9_000)
    assert [cache.store(key(text), SPEECH) for text in "abcd"] == [True, True, False, False]
    assert cache.store(key("a"), SPEECH)
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 9_000
    assert not DiskCache(tmp_path, 100).store(key("e"), SPEECH)
    assert not files(tmp_path)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, LIMIT)
    cache.store(KEY, SPEECH)
    (path,) = files(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        cache.store(KEY, SPEECH)
    assert files(tmp_path) == [path]


def test_a_folder_that_cannot_be_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        DiskCache(tmp_path / "file", LIMIT).store(KEY, SPEECH)
    with pytest.raises(OSError, match="file"):
        DiskCache(tmp_path / "file", LIMIT).load(KEY)
