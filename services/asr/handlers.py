"""The use cases: recognise a stream, recognise a recording, say which engines answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mesh import audio
from mesh.errors import ErrorReason, MeshError
from services.asr import metrics
from services.asr.model import SAMPLE_RATE_HZ, ActivityKind, Configure, Recognizer, Transcript
from services.asr.segmenter import POST_ROLL, Segmenter, SpeechEvent
from services.asr.stream import RecognitionStream
from services.asr.vad import Chunker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.asr.engine_room import EngineRoom
    from services.asr.model import Request, Response, Samples

_PIECE = SAMPLE_RATE_HZ
"""Samples of a recording that the detector takes at once: calls wait for no longer than that."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """An utterance within a recording: its voiced samples and those its audio takes."""

    onset: int
    last_voiced: int
    audio_from: int


class Recognition:
    """The service's use cases over one engine room."""

    def __init__(self, room: EngineRoom, *, max_streams: int, partial_every_s: float, config_timeout_s: float) -> None:
        self._room = room
        self._max_streams = max_streams
        self._partial_every_s = partial_every_s
        self._config_timeout_s = config_timeout_s
        self._streams = 0

    async def stream(self, requests: AsyncIterator[Request], send: Callable[[Response], Awaitable[None]]) -> None:
        """Serve one stream; see ``RecognitionStream.run``. Raises OVERLOADED when there are too many.

        A stream that was taken in is never refused work.
        """
        if self._streams >= self._max_streams:
            raise MeshError(
                ErrorReason.ERROR_REASON_OVERLOADED,
                f"{self._streams} streams are in progress, the most this process takes; try another or wait",
                retry_after_s=1.0,
                metadata={"limit": str(self._max_streams), "in_progress": str(self._streams)},
            )
        if self._room.load.full:
            raise MeshError(
                ErrorReason.ERROR_REASON_OVERLOADED,
                "transcripts wait too long already; try another instance, or this one in a moment",
                retry_after_s=2.0,
                metadata={"limit": str(self._max_streams), "in_progress": str(self._streams)},
            )
        self._streams += 1
        try:
            with metrics.STREAMS.track_inprogress():
                stream = RecognitionStream(
                    self._room,
                    send,
                    partial_every_s=self._partial_every_s,
                    config_timeout_s=self._config_timeout_s,
                )
                await stream.run(requests)
        finally:
            self._streams -= 1

    async def recording(self, data: bytes, config: Configure) -> tuple[list[Transcript], float]:
        """Return the utterances of a recording, in order, and its length in seconds.

        Raises ``MeshError``: INVALID_AUDIO, UNRECOGNIZED_LANGUAGE, ENGINE_FAILED, OVERLOADED.
        """
        self._room.check_language(config.language)
        audio.check_format(config.audio_format)
        samples = await asyncio.to_thread(audio.resample, data, config.audio_format, SAMPLE_RATE_HZ)
        stretches = await self._segment(samples, config)
        transcripts = []
        for index, stretch in enumerate(stretches):
            transcripts.append(await self._decode(index, stretch, samples, config))
        return transcripts, len(data) / audio.bytes_per_second(config.audio_format)

    def engines(self) -> list[Recognizer]:
        """Return the engines that answer here, the default first."""
        return [self._room.recognizer]

    async def _segment(self, samples: Samples, config: Configure) -> list[Stretch]:
        chunker, segmenter = Chunker(), Segmenter(config.endpointing)
        found: list[Stretch] = []
        audio_from = 0

        def follow(events: list[SpeechEvent]) -> None:
            nonlocal audio_from
            for event in events:
                if event.kind is ActivityKind.STARTED:
                    audio_from = segmenter.audio_from
                elif event.kind is ActivityKind.ENDED:
                    found.append(Stretch(segmenter.onset, event.at, audio_from))

        for begin in range(0, len(samples), _PIECE):
            last = begin + _PIECE >= len(samples)
            for heard in await self._room.detector.hear_spare(chunker, samples[begin : begin + _PIECE], last=last):
                follow(segmenter.feed(heard.probability, heard.level_db))
        follow(segmenter.finalize())
        return found

    async def _decode(self, index: int, stretch: Stretch, samples: Samples, config: Configure) -> Transcript:
        part = samples[stretch.audio_from : stretch.last_voiced + POST_ROLL]
        voice = self._room.begin()
        try:
            decoded = await self._room.decode("file", voice, part, config)
        finally:
            if voice.needs_closing:
                await self._room.executor.run(voice.close)
        offset = stretch.audio_from / SAMPLE_RATE_HZ
        return Transcript(
            utterance=index,
            text=decoded.recognition.text,
            words=tuple(
                replace(word, start_s=word.start_s + offset, end_s=word.end_s + offset)
                for word in decoded.recognition.words
            ),
            start_s=stretch.onset / SAMPLE_RATE_HZ,
            end_s=stretch.last_voiced / SAMPLE_RATE_HZ,
            language=config.language,
            compute_s=decoded.compute_s,
            confidence=decoded.recognition.confidence,
            stability=1.0,
            is_final=True,
            speaker=config.speaker,
        )
