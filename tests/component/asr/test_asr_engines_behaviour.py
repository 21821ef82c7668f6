"""How a stream treats its engine: hand-written engines behind the real detector and the real executor."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from component.asr.calling import SPEECH, recording, silence

from mesh import audio
from mesh.config import ConfigError
from mesh.errors import ErrorReason, MeshError
from mesh.executor import InferenceExecutor
from services.asr.app import load
from services.asr.config import AsrSettings
from services.asr.detector import Detector
from services.asr.engine_room import EngineRoom
from services.asr.engines import moonshine
from services.asr.handlers import Recognition as Handlers
from services.asr.load import Budget, Load
from services.asr.model import (
    Activity,
    ActivityKind,
    Answer,
    Audio,
    Configure,
    EndOfAudio,
    Endpointing,
    IncrementalRecognizer,
    Recognition,
    Recognizer,
    Request,
    Response,
    Transcript,
)
from services.asr.vad import Chunker, VadModel, VadState
from services.asr.vad import hear as detect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

CONFIG = Configure(SPEECH, "en", Endpointing(), silence_timeout_s=10.0, interim_results=True, phrases=("kettle",))


@dataclass
class Counting:
    """Says how many seconds it heard; remembers what it was asked."""

    name: str = "counting"
    model: str = "none"
    languages: Sequence[str] = ("en", "pt-BR")
    asked: list[tuple[float, bool]] = field(default_factory=list)
    phrases: Sequence[str] = ()
    gate: Callable[[bool], None] = lambda want_words: None

    def transcribe(
        self, samples: np.ndarray, *, phrases: Sequence[str], language: str, want_words: bool
    ) -> Recognition:
        self.asked.append((len(samples) / 16_000, want_words))
        self.phrases = phrases
        self.gate(want_words)
        return Recognition(f"{len(self.asked)} heard")


class Remembering(Counting):
    """Takes audio as it comes, as a vendor's streaming API does."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Taking] = []

    def begin(self) -> Taking:
        self.open.append(Taking())
        return self.open[-1]


@dataclass
class Taking:
    sent: list[int] = field(default_factory=list)
    closed: int = 0

    def transcribe(self, samples: np.ndarray, **_: object) -> Recognition:
        assert not self.closed
        self.sent.append(len(samples) - sum(self.sent))
        return Recognition("heard")

    def close(self) -> None:
        self.closed += 1


@contextlib.asynccontextmanager
async def handlers(engine: Recognizer, *, workers: int = 2, max_streams: int = 4) -> AsyncIterator[Handlers]:
    async with InferenceExecutor(workers, 16) as executor, InferenceExecutor(1, 16) as ears:
        room = EngineRoom(
            engine, executor, Detector(VadModel(), ears), Load(0.25, time.monotonic), Budget(1.0, time.monotonic)
        )
        yield Handlers(room, max_streams=max_streams, partial_every_s=0.35, config_timeout_s=0.2)


async def hear(service: Handlers, requests: Iterable[Request]) -> list[Answer]:
    answers: list[Answer] = []

    async def send(response: Response) -> None:
        answers.append(response.answer)

    await service.stream(aiter_of(requests), send)
    return answers


async def aiter_of(requests: Iterable[Request]) -> AsyncIterator[Request]:
    for request in requests:
        yield request


def spoken(*parts: np.ndarray, frame: int = 1_600) -> list[Request]:
    data = audio.encode(np.concatenate(parts), SPEECH)
    return [Audio(data[at : at + 2 * frame]) for at in range(0, len(data), 2 * frame)]


def finals(answers: list[Answer]) -> list[Transcript]:
    return [a for a in answers if isinstance(a, Transcript) and a.is_final]


KETTLE, FRIDAY = "rms-4.flac", "rms-0.flac"


async def test_a_committed_utterance_is_decoded_whole_exactly_once() -> None:
    engine = Counting()
    async with handlers(engine) as service:
        answers = await hear(service, [CONFIG, *spoken(recording(KETTLE), silence(1.0)), EndOfAudio()])
    assert len(finals(answers)) == 1
    whole = [seconds for seconds, want_words in engine.asked if want_words]
    # The voice, the pre-roll as far as there is one, and a little after; none of the second of silence.
    assert whole == [pytest.approx(len(recording(KETTLE)) / 16_000, abs=0.3)]
    assert engine.phrases == ("kettle",)


async def test_partials_are_skipped_while_the_engine_is_busy_and_the_final_still_comes() -> None:
    busy, release = threading.Event(), threading.Event()
    engine = Counting()

    def block(_: bool) -> None:
        busy.set()
        assert release.wait(20)

    engine.gate = block
    async with handlers(engine, workers=1) as service:
        answers: list[Answer] = []
        voice = spoken(recording(FRIDAY))

        async def requests() -> AsyncIterator[Request]:
            yield CONFIG
            for frame in voice:
                yield frame
            # Every second of speech has been heard; the one partial still holds the only thread.
            await asyncio.to_thread(busy.wait, 20)
            release.set()
            yield EndOfAudio()

        async def send(response: Response) -> None:
            answers.append(response.answer)

        await service.stream(requests(), send)
    assert [want_words for _, want_words in engine.asked].count(False) == 1
    assert len(finals(answers)) == 1
    assert answers[-1] is finals(answers)[0]


async def test_every_utterance_started_gets_one_end_and_one_final_even_without_words() -> None:
    engine = Counting()
    engine.transcribe = lambda *_, **__: Recognition("")  # type: ignore[method-assign]
    async with handlers(engine) as service:
        answers = await hear(
            service, [CONFIG, *spoken(recording(KETTLE), silence(1.0), recording(KETTLE)), EndOfAudio()]
        )
    kinds = [a.kind for a in answers if isinstance(a, Activity)]
    assert kinds.count(ActivityKind.STARTED) == kinds.count(ActivityKind.ENDED) == 2
    assert [(t.utterance, t.text) for t in finals(answers)] == [(0, ""), (1, "")]
    # An empty partial says nothing.
    assert not [a for a in answers if isinstance(a, Transcript) and not a.is_final and not a.is_speculative]


async def test_an_incremental_engine_gets_each_sample_once_and_is_closed_after_each_utterance() -> None:
    engine = Remembering()
    assert isinstance(engine, IncrementalRecognizer)
    async with handlers(engine) as service:
        voice = spoken(recording(KETTLE), silence(1.0), recording(FRIDAY), silence(1.0))
        answers = await hear(service, [CONFIG, *voice, EndOfAudio()])
    assert [t.text for t in finals(answers)] == ["heard", "heard"]
    assert [utterance.closed for utterance in engine.open] == [1, 1]
    assert all(count > 0 for utterance in engine.open for count in utterance.sent)
    assert engine.asked == []


async def test_an_incremental_engine_is_closed_when_the_caller_vanishes() -> None:
    engine = Remembering()
    async with handlers(engine) as service:
        with pytest.raises(BaseExceptionGroup) as caught:
            await hear(service, [CONFIG, *spoken(recording(KETTLE), silence(0.25))])
    assert reason_of(caught.value) == ErrorReason.ERROR_REASON_CONNECTION_DROPPED
    assert [utterance.closed for utterance in engine.open] == [1]


async def test_an_engine_that_fails_ends_the_stream_with_its_name() -> None:
    def fail(_: bool) -> None:
        raise RuntimeError("out of cheese")

    engine = Counting(gate=fail)
    async with handlers(engine) as service:
        with pytest.raises(BaseExceptionGroup) as caught:
            await hear(service, [CONFIG, *spoken(recording(KETTLE), silence(1.0)), EndOfAudio()])
        with pytest.raises(MeshError, match="counting failed") as direct:
            await service.recording(audio.encode(recording(KETTLE), SPEECH), CONFIG)
    assert reason_of(caught.value) == ErrorReason.ERROR_REASON_ENGINE_FAILED
    assert direct.value.metadata == {"engine": "counting"}


async def test_one_stream_too_many_is_refused_and_a_place_is_free_again_afterwards() -> None:
    async with handlers(Counting(), max_streams=1) as service:
        open_line = asyncio.Event()

        async def waiting() -> AsyncIterator[Request]:
            yield CONFIG
            await open_line.wait()
            yield EndOfAudio()

        async def ignore(_: Response) -> None: ...

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(service.stream(waiting(), ignore))
            await asyncio.sleep(0)
            with pytest.raises(MeshError) as caught:
                await hear(service, [CONFIG, EndOfAudio()])
            open_line.set()
        assert caught.value.reason == ErrorReason.ERROR_REASON_OVERLOADED
        assert caught.value.retry_after_s == 1.0
        assert await hear(service, [CONFIG, EndOfAudio()]) == []


async def test_a_caller_who_never_says_what_is_wanted_times_out() -> None:
    async def mute() -> AsyncIterator[Request]:
        await asyncio.Event().wait()
        yield EndOfAudio()

    async def ignore(_: Response) -> None: ...

    async with handlers(Counting()) as service:
        with pytest.raises(MeshError, match="no config came") as caught:
            await service.stream(mute(), ignore)
    assert caught.value.reason == ErrorReason.ERROR_REASON_ASR_TIMEOUT


@pytest.mark.parametrize(
    ("language", "known"), [("en", True), ("EN-gb", True), ("pt-BR", True), ("pt", False), ("e", False)]
)
async def test_a_language_covers_its_regions(language: str, known: bool) -> None:
    async with handlers(Counting()) as service:
        if known:
            service._room.check_language(language)
        else:
            with pytest.raises(MeshError):
                service._room.check_language(language)


def test_streams_that_share_a_run_of_the_detector_get_their_own_answers() -> None:
    model = VadModel()
    voices = [recording(KETTLE)[4_096:12_288], silence(0.512), recording(FRIDAY)[:8_192]]
    chunks = [Chunker().cut(voice) for voice in voices]
    alone = [[heard.probability for heard in detect(model, [VadState()], [own])[0]] for own in chunks]
    # One of them has less to say.
    some = [chunks[0], chunks[1][:3], chunks[2]]
    together = [[heard.probability for heard in own] for own in detect(model, [VadState() for _ in some], some)]
    assert [len(own) for own in together] == [16, 3, 16]
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one[: len(other)], other, atol=1e-4)
    assert max(alone[0]) > 0.9 > 0.1 > max(alone[1])


def test_the_detector_hears_the_same_however_the_audio_is_cut() -> None:
    voice = recording(KETTLE)[:10_000]
    whole, pieces = Chunker(), Chunker()
    expected = whole.cut(voice, last=True)
    parts = np.split(voice, [7, 600, 601, 4_000])
    found = [pieces.cut(part, last=part is parts[-1]) for part in parts]
    assert np.array_equal(np.concatenate(found), expected)
    assert expected.shape == (20, 512)
    assert len(whole.cut(voice[:0], last=True)) == 0


@pytest.mark.parametrize(
    ("changes", "advice"),
    [({"asr_engine": "gramophone"}, "gramophone"), ({"asr_model_dir": "nowhere"}, "encoder_model.ort")],
)
def test_an_engine_that_cannot_be_had_is_named(changes: dict[str, str], advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        load(AsrSettings(**changes))


def test_the_default_engine_is_quiet_on_next_to_nothing() -> None:
    engine = moonshine.create(AsrSettings())
    assert isinstance(engine, Recognizer)
    assert engine.transcribe(silence(0.05), phrases=("Friday",), language="en", want_words=True) == Recognition("")


def reason_of(error: BaseException) -> ErrorReason:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MeshError)
    return error.reason
