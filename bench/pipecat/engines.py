"""The project's own engines as Pipecat services: the same Moonshine and the same espeak-ng on both sides.

Nothing is added and nothing is left out: the recogniser gets the segment Pipecat cuts, the synthesiser gives its
chunks as they come.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np
import soxr
from pipecat.frames.frames import TranscriptionFrame
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601

from services.asr.model import SAMPLE_RATE_HZ
from services.tts.model import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from pipecat.frames.frames import Frame

    from services.asr.engines.moonshine import Moonshine
    from services.tts.model import Synthesizer, Voice

TTFS_P99_S = 0.35
"""From the end of speech to the transcript, in seconds. Pipecat's own metric of it was 0.23 to 0.32 on two cores.

Pipecat waits so long only for services that do not say which transcript is the last one. A segmented service does,
so its turns end with the transcript.
"""


class MoonshineService(SegmentedSTTService):
    """Moonshine on the segments that Pipecat's voice activity detector cuts."""

    def __init__(self, engine: Moonshine) -> None:
        super().__init__(
            ttfs_p99_latency=TTFS_P99_S,
            settings=STTSettings(model=engine.model, language=Language.EN),
        )
        self._engine = engine

    @property
    def wants_wav_segments(self) -> bool:
        """The engine takes samples, not a WAV file."""
        return False

    def can_generate_metrics(self) -> bool:
        """It reports how long it took when the pipeline asks for metrics."""
        return True

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """Transcribe 16-bit samples at the pipeline's rate, on a thread of its own."""
        await self.start_processing_metrics()
        text = await asyncio.to_thread(self._transcribe, audio)
        await self.stop_processing_metrics()
        if text:
            yield TranscriptionFrame(text, "", time_now_iso8601(), Language.EN)

    def _transcribe(self, audio: bytes) -> str:
        samples = np.frombuffer(audio, np.int16).astype(np.float32) / 32_768
        if self.sample_rate != SAMPLE_RATE_HZ:
            samples = soxr.resample(samples, self.sample_rate, SAMPLE_RATE_HZ)
        return self._engine.transcribe(samples, phrases=(), language="en", want_words=False).text


class EspeakService(TTSService):
    """espeak-ng, chunk by chunk."""

    def __init__(self, engine: Synthesizer, voice: Voice) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=voice.sample_rate_hz,
            settings=TTSSettings(model=None, voice=voice.name, language=None),
        )
        self._engine = engine
        self._voice = voice

    def can_generate_metrics(self) -> bool:
        """It reports how long it took when the pipeline asks for metrics."""
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        """Speak a sentence; a frame leaves as soon as the engine has given a chunk."""
        await self.start_tts_usage_metrics(text)
        chunks = self._stream_audio_frames_from_iterator(
            self._samples(text), in_sample_rate=self._voice.sample_rate_hz, context_id=context_id
        )
        async for frame in chunks:
            await self.stop_ttfb_metrics()
            yield frame

    async def _samples(self, text: str) -> AsyncIterator[bytes]:
        async with aclosing(self._engine.synthesize(text, Delivery(self._voice))) as chunks:
            async for chunk in chunks:
                yield np.clip(np.rint(chunk.samples * 32_767), -32_768, 32_767).astype(np.int16).tobytes()
