"""The Piper engine with small models of the real shape."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import onnx
import pytest
from component.tts.piper_models import HOP, RATE, make_voice
from component.tts.tts_client import config, configure, say, text
from onnx import TensorProto, helper
from structlog.testing import capture_logs
from voicemesh.tts.v1 import tts_service_pb2 as pb
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.config import ConfigError
from mesh.errors import MeshError
from mesh.testing import serve
from services.tts.app import build
from services.tts.config import TtsSettings
from services.tts.engines.piper import PiperSynthesizer, create
from services.tts.model import Delivery, WordTime

NAME = "en_US-tiny-low"
FRAME_S = HOP / RATE


@contextlib.asynccontextmanager
async def engine(folder: Path) -> AsyncIterator[PiperSynthesizer]:
    async with create(TtsSettings(tts_engine="piper", tts_piper_voices=folder)) as synthesizer:
        yield synthesizer


async def speak(
    synthesizer: PiperSynthesizer, said: str, *, voice: str = NAME, rate: float = 1.0, semitones: float = 0.0
) -> tuple[np.ndarray, list[WordTime]]:
    found = synthesizer.find(voice)
    assert found is not None
    chunks = [chunk async for chunk in synthesizer.synthesize(said, Delivery(found, rate, semitones))]
    return np.concatenate([chunk.samples for chunk in chunks]), [w for chunk in chunks for w in chunk.words]


def sounds(audio: np.ndarray) -> list[tuple[float, float]]:
    """Return the stretches that sound, in seconds; a silence of a frame ends one."""
    loud = np.flatnonzero(np.abs(audio) > 1e-3)
    breaks = np.flatnonzero(np.diff(loud) > HOP)
    starts = np.concatenate(([loud[0]], loud[breaks + 1]))
    ends = np.concatenate((loud[breaks], [loud[-1]]))
    return list(zip((starts / RATE).tolist(), (ends / RATE).tolist(), strict=True))


def frequency(audio: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(audio))) * RATE / audio.size)


async def test_the_models_durations_give_the_words_exactly(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME)
    async with engine(tmp_path) as piper:
        audio, words = await speak(piper, "Hello, big cats run fast.")
    assert [word.text for word in words] == ["Hello", "big", "cats", "run", "fast"]
    spans = [(word.start_s, word.end_s) for word in words]
    assert np.asarray(spans) == pytest.approx(np.asarray(sounds(audio)), abs=FRAME_S)


async def test_joined_and_divided_words_keep_their_names(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME)
    async with engine(tmp_path) as piper:
        _, words = await speak(piper, "One of the best of 1985, Dr. Lee.")
    assert [word.text for word in words] == ["One", "of", "the", "best", "of", "1985", "Dr", "Lee"]
    for one, other in itertools.pairwise(words):
        assert one.start_s < one.end_s <= other.start_s
    # "1985" takes longer than "of", by its sounds.
    assert words[5].end_s - words[5].start_s > 3 * (words[4].end_s - words[4].start_s)


async def test_without_durations_the_times_are_estimated_within_the_sound(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME, durations=False)
    async with engine(tmp_path) as piper:
        audio, words = await speak(piper, "Hello, big cats run fast.")
    truth = sounds(audio)
    assert [word.text for word in words] == ["Hello", "big", "cats", "run", "fast"]
    assert words[0].start_s == pytest.approx(truth[0][0], abs=0.01)
    assert words[-1].end_s == pytest.approx(truth[-1][1], abs=0.01)
    for one, other in itertools.pairwise(words):
        assert one.start_s < one.end_s <= other.start_s + 1e-9
    for word, (start_s, end_s) in zip(words, truth, strict=True):
        assert abs((word.start_s + word.end_s) / 2 - (start_s + end_s) / 2) < 0.35


async def test_speakers(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME, speakers={"ann": 0, "bob": 1})
    async with engine(tmp_path) as piper:
        assert [voice.name for voice in piper.voices] == [NAME]
        assert piper.find(f"{NAME}/eve") is None
        assert piper.find(f"{NAME}/2") is None
        assert piper.find("nobody/ann") is None
        for voice, hertz in ((NAME, 200), (f"{NAME}/ann", 200), (f"{NAME}/bob", 400), (f"{NAME}/1", 400)):
            audio, _ = await speak(piper, "Hello there.", voice=voice)
            assert frequency(audio) == pytest.approx(hertz, abs=5)


async def test_rate_and_pitch(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME)
    async with engine(tmp_path) as piper:
        usual, _ = await speak(piper, "Hello there.")
        fast, _ = await speak(piper, "Hello there.", rate=2.0)
        high, words = await speak(piper, "Hello there.", semitones=12.0)
    assert fast.size == pytest.approx(usual.size / 2, rel=0.1)
    assert frequency(fast) == pytest.approx(200, abs=5)
    assert high.size == pytest.approx(usual.size, rel=0.1)
    assert frequency(high) == pytest.approx(400, abs=10)
    assert words[-1].end_s == pytest.approx(sounds(high)[-1][1], abs=2 * FRAME_S)


async def test_voices_of_characters(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME, phoneme_type="text")
    async with engine(tmp_path) as piper:
        audio, words = await speak(piper, "Big cats run.")
        silence, none = await speak(piper, "ქ")
    assert [word.text for word in words] == ["Big", "cats", "run"]
    assert [w.start_s for w in words] == pytest.approx([start for start, _ in sounds(audio)], abs=FRAME_S)
    assert silence.size == 0
    assert none == []


@pytest.mark.parametrize(
    ("break_it", "advice"),
    [
        (lambda model: model.unlink(), "no Piper voice"),
        (lambda model: model.with_name(model.name + ".json").unlink(), "no description beside it"),
        (lambda model: model.with_name(model.name + ".json").write_text("{}"), "phoneme_id_map"),
        (lambda model: model.with_name(model.name + ".json").write_text("no json"), "JSON"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path, break_it: object, advice: str) -> None:
    break_it(make_voice(tmp_path, NAME))  # type: ignore[operator]
    with pytest.raises(ConfigError, match=advice):
        create(TtsSettings(tts_engine="piper", tts_piper_voices=tmp_path))


def not_piper(model: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    same = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "other", [value], [same])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), model)


@pytest.mark.parametrize(
    ("break_it", "what"),
    [(not_piper, "is no Piper model"), (lambda model: model.write_bytes(b"x"), "cannot be loaded")],
)
async def test_a_model_that_cannot_be_used_is_refused_or_fails_its_sentence(
    tmp_path: Path, break_it: object, what: str
) -> None:
    break_it(make_voice(tmp_path, NAME))  # type: ignore[operator]
    with pytest.raises(ConfigError, match=what):
        create(TtsSettings(tts_engine="piper", tts_piper_voices=tmp_path))
    make_voice(tmp_path, "en_US-first-low")
    async with engine(tmp_path) as piper:
        await speak(piper, "Hello.", voice="en_US-first-low")
        with pytest.raises(MeshError, match=what):
            await speak(piper, "Hello.")


async def test_the_service_speaks_with_it(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME)
    make_voice(tmp_path, "de_DE-tiny-low", espeak={"voice": "de"})
    settings = TtsSettings(tts_engine="piper", tts_piper_voices=tmp_path)
    async with serve(build, settings) as service, grpc.aio.insecure_channel(service.address) as channel:
        stub = TtsServiceStub(channel)
        heard = (await say(stub, configure(), text("u", "Hello there. Good bye.")))["u"]
        assert heard.spoken == ["Hello", "there", "Good", "bye"]
        german = await stub.Synthesize(pb.SynthesizeRequest(config=config(language="de"), text="Guten Tag."))
        assert [word.text for word in german.words] == ["Guten", "Tag"]
        voices = (await stub.ListVoices(pb.ListVoicesRequest(language="en-GB"))).voices
        assert [(voice.name, voice.engine, voice.sample_rate_hz) for voice in voices] == [(NAME, "piper", RATE)]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Synthesize(pb.SynthesizeRequest(config=config(language="fr-FR"), text="Bonjour."))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_changed_model_has_another_revision(tmp_path: Path) -> None:
    make_voice(tmp_path, NAME)
    revisions = []
    for changed_at in (1_000_000_000, 1_000_000_000, 1_000_000_001):
        os.utime(tmp_path / f"{NAME}.onnx", (changed_at, changed_at))
        async with engine(tmp_path) as piper:
            revisions.append(piper.voices[0].revision)
    assert revisions[0] == revisions[1] != revisions[2]


async def test_a_fixed_sentence_is_kept_over_a_restart_until_the_model_changes(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    make_voice(tmp_path / "voices", NAME)
    flow = tmp_path / "domains" / "clinic" / "en" / "flow.yaml"
    flow.parent.mkdir(parents=True)
    flow.write_text("phrases: {greeting: Hello there.}")
    settings = TtsSettings(
        tts_engine="piper", tts_piper_voices=tmp_path / "voices", domains_dir=flow.parents[2], cache_dir=tmp_path
    )
    warmed = []
    for changed_at in (1_000_000_000, 1_000_000_000, 1_000_000_001):
        os.utime(tmp_path / "voices" / f"{NAME}.onnx", (changed_at, changed_at))
        with capture_logs() as logs:
            async with serve(build, settings):
                while not (told := [entry for entry in logs if entry["event"] == "tts.cache_warm"]):
                    await asyncio.sleep(0.01)
        warmed.append((told[0]["loaded"], told[0]["made"]))
    assert warmed == [(0, 1), (1, 0), (0, 1)]
