"""libespeak-ng itself: its audio, its marks, its limits."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from mesh.errors import ErrorReason, MeshError
from services.tts.config import TtsSettings
from services.tts.engines.espeak import EspeakSynthesizer, create
from services.tts.engines.espeak_library import Mark, espeak
from services.tts.engines.thread import Emit, StreamingThreads
from services.tts.model import Delivery


async def seconds_of(engine: EspeakSynthesizer, text: str, voice: str = "en-us", rate: float = 1.0) -> float:
    found = engine.find(voice)
    assert found is not None
    chunks = [chunk async for chunk in engine.synthesize(text, Delivery(found, rate))]
    return sum(chunk.samples.size for chunk in chunks) / found.sample_rate_hz


def test_the_library_stops_when_it_is_told_to() -> None:
    heard: list[np.ndarray] = []

    def twice(samples: np.ndarray, marks: list[Mark]) -> bool:
        heard.append(samples)
        return len(heard) < 2

    espeak().speak("A long sentence. " * 50, "en-us", words_per_minute=170, semitones=0, on_audio=twice)
    assert len(heard) == 2


def test_what_the_listener_raises_comes_out_and_the_next_text_is_spoken() -> None:
    def fail(samples: np.ndarray, marks: list[Mark]) -> bool:
        raise ValueError("no ear")

    with pytest.raises(ValueError, match="no ear"):
        espeak().speak("Hello.", "en-us", words_per_minute=170, semitones=0, on_audio=fail)
    sizes: list[int] = []
    espeak().speak(
        "Hello\0 there.", "en-us", words_per_minute=170, semitones=0,
        on_audio=lambda samples, _: (sizes.append(samples.size), True)[1],
    )  # fmt: skip
    assert 8_000 < sum(sizes) < 40_000


def test_a_voice_that_is_not_there_is_named() -> None:
    with pytest.raises(MeshError, match="no-such-voice") as refused:
        espeak().phonemes("Hello.", "no-such-voice")
    assert refused.value.reason == ErrorReason.ERROR_REASON_ENGINE_FAILED


def test_every_voice_of_the_list_can_speak() -> None:
    voices = espeak().voices()
    assert {"en-us", "en-gb", "fr-fr", "de"} <= {voice.name for voice in voices}
    # Their dictionaries are not in the package.
    assert not {"fo", "kaa", "xex"} & {voice.name for voice in voices}
    for voice in voices:
        assert espeak().phonemes("1 a Ꭳ", voice.name)


def test_phonemes() -> None:
    assert espeak().phonemes("Hello, Doctor Smith.", "en-us") == "həlˈoʊ dˈɑːktɚ smˈɪθ"  # noqa: RUF001


def test_words_are_marked_after_many_texts_in_phonemes() -> None:
    for _ in range(100):
        espeak().phonemes("Hello, Doctor Smith.", "en-us")
    marks: list[Mark] = []
    espeak().speak(
        "Hello.", "en-us", words_per_minute=170, semitones=0,
        on_audio=lambda _, found: (marks.extend(found), True)[1],
    )  # fmt: skip
    assert [(mark.character, mark.ends_clause) for mark in marks] == [(0, False), (5, True)]


def test_data_with_a_long_path_is_found(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60) / "espeak-ng-data"
    deep.parent.mkdir(parents=True)
    deep.symlink_to(espeakng_loader.get_data_path(), target_is_directory=True)
    script = (
        "import sys; from pathlib import Path; from services.tts.engines.espeak_library import EspeakLibrary;"
        "library = EspeakLibrary(Path(sys.argv[1]), Path(sys.argv[2]));"
        "print(library.phonemes('Hello.', 'en-gb'))"
    )
    arguments = [sys.executable, "-c", script, espeakng_loader.get_library_path(), str(deep)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "həlˈəʊ"  # noqa: RUF001


def test_data_that_is_none_is_refused(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from services.tts.engines.espeak_library import EspeakLibrary;"
        "EspeakLibrary(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    arguments = [sys.executable, "-c", script, espeakng_loader.get_library_path(), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "install espeakng-loader anew" in done.stderr


async def test_rates_are_kept_within_the_librarys_limits() -> None:
    async with create(TtsSettings()) as engine:
        usual = await seconds_of(engine, "The same words again.")
        assert await seconds_of(engine, "The same words again.", rate=0.25) > 1.5 * usual
        assert await seconds_of(engine, "The same words again.", rate=4.0) < 0.6 * usual


@pytest.mark.parametrize(
    ("voice", "text"), [("de", "Guten Tag, wie geht es?"), ("cmn", "你好。"), ("ar", "مرحبا"), ("ru", "Добрый день.")]
)
async def test_other_languages_have_words_too(voice: str, text: str) -> None:
    async with create(TtsSettings()) as engine:
        found = engine.find(voice)
        assert found is not None
        chunks = [chunk async for chunk in engine.synthesize(text, Delivery(found))]
    words = [word.text for chunk in chunks for word in chunk.words]
    assert words == [word.strip(",.?。") for word in text.split()]


async def test_many_at_once_share_the_library() -> None:
    async with create(TtsSettings()) as engine:
        alone = await seconds_of(engine, "How long does this take?")
        together = await asyncio.gather(*(seconds_of(engine, "How long does this take?") for _ in range(12)))
    assert together == pytest.approx([alone] * 12, rel=0.02)


async def test_a_closed_reader_stops_the_computation_and_a_full_line_refuses() -> None:
    threads: StreamingThreads[int] = StreamingThreads(1, 1, name="test")
    goes_on, stopped = threading.Event(), threading.Event()

    def count(emit: Emit[int]) -> None:
        number = 0
        while emit(number):
            goes_on.wait()
            number += 1
        stopped.set()

    def emit_seven(emit: Emit[int]) -> None:
        emit(7)

    first = threads.stream(count)
    assert await anext(first) == 0
    second = threads.stream(emit_seven)

    async def take() -> int:
        return await anext(second)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(take())
        await asyncio.sleep(0)  # it stands in line now
        with pytest.raises(MeshError) as refused:
            await anext(threads.stream(count))
        await first.aclose()
        goes_on.set()
    assert refused.value.reason == ErrorReason.ERROR_REASON_OVERLOADED
    assert waiting.result() == 7
    assert stopped.is_set()
    assert [item async for item in second] == []
    await threads.close()
