"""The cache of fixed sentences with the default engine, which never speaks a sentence the same way twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from component.tts.tts_client import Heard, Listener, cancel, config, configure, say, text
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from voicemesh.tts.v1 import tts_service_pb2 as pb
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.config import ConfigError
from mesh.testing import serve
from services.tts.app import build
from services.tts.config import TtsSettings

FIXED = ["Which day suits you?", "We're open Monday to Thursday.", "One moment, please."]
PERSONAL = "Goodbye, Mary Smith."


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    folder = tmp_path / "domains" / "clinic" / "en"
    folder.mkdir(parents=True)
    (folder / "flow.yaml").write_text(
        "phrases:\n  day: Which day suits you?\n  hours: We're open Monday to Thursday.\n"
        "  wait: One moment, please.\n  bye: 'Goodbye, {{ name }}.'\n"
    )
    return tmp_path / "domains"


@pytest.fixture
def settings(domains: Path, tmp_path: Path) -> TtsSettings:
    return TtsSettings(domains_dir=domains, cache_dir=tmp_path / "cache")


def files(settings: TtsSettings) -> list[Path]:
    folder = settings.cache_dir / "tts"
    return sorted(folder.iterdir()) if folder.is_dir() else []


@contextlib.asynccontextmanager
async def running(settings: TtsSettings, *, warm: bool = True) -> AsyncIterator[TtsServiceStub]:
    """Serve, with the cache filled."""
    with capture_logs() as logs:
        async with serve(build, settings) as service, grpc.aio.insecure_channel(service.address) as channel:
            while warm and not any(entry["event"] == "tts.cache_warm" for entry in logs):
                await asyncio.sleep(0.01)
            yield TtsServiceStub(channel)


async def heard(stub: TtsServiceStub, sentence: str, **how: object) -> Heard:
    return (await say(stub, configure(**how), text("u", sentence)))["u"]


def counted(result: str) -> float:
    labels = {"engine": "espeak", "result": result}
    return REGISTRY.get_sample_value("voicemesh_tts_cache_sentences_total", labels) or 0.0


async def test_a_fixed_sentence_is_the_same_every_time_and_after_a_restart(settings: TtsSettings) -> None:
    async with running(settings) as stub:
        hits = counted("hit")
        first = [await heard(stub, sentence) for sentence in FIXED]
        again = [await heard(stub, sentence) for sentence in FIXED]
        whole = await stub.Synthesize(pb.SynthesizeRequest(config=config(), text=FIXED[0]))
        assert counted("hit") - hits == 7
    async with running(settings) as stub:
        restarted = [await heard(stub, sentence) for sentence in FIXED]
    for one, other, third in zip(first, again, restarted, strict=True):
        assert one.audio == other.audio == third.audio
        assert one.words == other.words == third.words
        assert [packet.offset for packet in one.packets] == [packet.offset for packet in other.packets]
        assert len(one.audio) > 16_000
    assert whole.audio == first[0].audio
    assert len(files(settings)) == len(FIXED)


async def test_what_is_not_fixed_is_spoken_anew_and_kept_nowhere(settings: TtsSettings) -> None:
    async with running(settings) as stub:
        bytes_held = REGISTRY.get_sample_value("voicemesh_tts_cache_bytes")
        one, other = await heard(stub, PERSONAL), await heard(stub, PERSONAL)
        assert one.spoken == other.spoken == ["Goodbye", "Mary", "Smith"]
        assert one.audio != other.audio
        assert REGISTRY.get_sample_value("voicemesh_tts_cache_bytes") == bytes_held
    assert len(files(settings)) == len(FIXED)
    assert not any(b"Mary" in path.read_bytes() for path in files(settings))


async def test_another_voice_or_rate_is_kept_in_memory_once_it_was_spoken(settings: TtsSettings) -> None:
    async with running(settings) as stub:
        usual = await heard(stub, FIXED[0])
        for how in ({"speaking_rate": 1.5}, {"voice": "en-gb"}, {"voice": "en-us+f3"}):
            one, other = await heard(stub, FIXED[0], **how), await heard(stub, FIXED[0], **how)
            assert one.audio == other.audio != usual.audio
    assert len(files(settings)) == len(FIXED)


async def test_a_damaged_file_is_named_and_made_anew(settings: TtsSettings) -> None:
    async with running(settings):
        pass
    whole = files(settings)[0].read_bytes()
    files(settings)[0].write_bytes(whole[: len(whole) // 2])
    with capture_logs() as logs:
        async with serve(build, settings):
            while not any(entry["event"] == "tts.cache_warm" for entry in logs):
                await asyncio.sleep(0.01)
    (named,) = (entry["file"] for entry in logs if entry["event"] == "tts.cache_file_damaged")
    assert named == files(settings)[0].name
    assert len(files(settings)) == len(FIXED)
    assert len(files(settings)[0].read_bytes()) > len(whole) // 2


async def test_a_cancel_while_a_sentence_fills_the_cache_keeps_no_half(settings: TtsSettings) -> None:
    long = " and ".join(["so on"] * 40) + "."
    path = settings.domains_dir / "clinic" / "en" / "flow.yaml"  # type: ignore[operator]
    path.write_text(f"phrases: {{long: {long}}}")
    async with running(settings.model_copy(update={"tts_cache_disk_mb": 0})) as stub:
        call = stub.StreamingSynthesize()
        # A rate nobody asked for yet, so that it is not in memory; a minute of it fits into no window between the two.
        await call.write(configure(speaking_rate=0.5, rate_hz=48_000))
        await call.write(text("u", long))
        listener = Listener(call, 96_000)
        await listener.until(lambda response: response.HasField("audio"))
        await call.write(cancel("u"))
        cancelled = await listener.until_done("u")
        assert cancelled.done is not None
        assert cancelled.done.cancelled
        call.cancel()
        one, other = await heard(stub, long, speaking_rate=0.5), await heard(stub, long, speaking_rate=0.5)
        assert len(one.spoken) == 40 * 3 - 1
        assert one.audio == other.audio
    assert files(settings) == []


async def test_memory_is_bounded(settings: TtsSettings) -> None:
    async with running(settings.model_copy(update={"tts_cache_mb": 1})) as stub:
        for tenth in range(5, 20):
            await heard(stub, FIXED[1], speaking_rate=tenth / 10)
            held = REGISTRY.get_sample_value("voicemesh_tts_cache_bytes")
            assert held is not None
            assert 100_000 < held <= 1_000_000
        one, other = await heard(stub, FIXED[1]), await heard(stub, FIXED[1])
        assert one.audio == other.audio


async def test_without_a_cache_nothing_is_kept(settings: TtsSettings) -> None:
    off = settings.model_copy(update={"tts_cache_mb": 0, "domains_dir": Path("nowhere")})
    async with running(off, warm=False) as stub:
        one, other = await heard(stub, FIXED[0]), await heard(stub, FIXED[0])
    assert one.audio != other.audio
    assert files(settings) == []


async def test_a_folder_of_domains_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as refused:
        async with serve(build, TtsSettings(domains_dir=tmp_path / "none")):
            pass
    assert refused.group_contains(ConfigError, match="VOICEMESH_DOMAINS_DIR")
