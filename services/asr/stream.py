"""One recognition stream, from its first configuration to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mesh import audio, telemetry
from mesh.errors import ErrorReason, MeshError, protocol_violation
from services.asr import metrics
from services.asr.drafts import Drafts
from services.asr.history import History
from services.asr.model import (
    SAMPLE_RATE_HZ,
    Activity,
    ActivityKind,
    Answer,
    Audio,
    Configure,
    EndOfAudio,
    Request,
    Response,
    Transcript,
)
from services.asr.segmenter import Segmenter, SpeechEvent
from services.asr.vad import Chunker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from opentelemetry.trace import Span

    from services.asr.engine_room import EngineRoom
    from services.asr.model import Samples

_tracer = telemetry.tracer(__name__)


class RecognitionStream:
    """Hears one caller. ``run`` is its whole life."""

    def __init__(
        self,
        room: EngineRoom,
        send: Callable[[Response], Awaitable[None]],
        *,
        partial_every_s: float,
        config_timeout_s: float,
    ) -> None:
        """Send answers by ``send``; ``config_timeout_s`` is how long the first message may take."""
        self._room = room
        self._send_response = send
        self._partial_every_s = partial_every_s
        self._config_timeout_s = config_timeout_s
        self._sending = asyncio.Lock()
        self._sequence = 0
        self._taken_s = 0.0

    async def run(self, requests: AsyncIterator[Request]) -> None:
        """Serve the stream until its explicit end.

        Raises ``MeshError``: PROTOCOL_VIOLATION, INVALID_AUDIO, UNRECOGNIZED_LANGUAGE, ASR_TIMEOUT,
        ENGINE_FAILED, OVERLOADED; CONNECTION_DROPPED when the requests end without an end.
        """
        self._open(await self._first(requests))
        try:
            async with asyncio.timeout(None) as watchdog, asyncio.TaskGroup() as tasks:
                await self._serve(requests, tasks, watchdog)
        except TimeoutError:
            raise _timed_out("no audio came", self._config.silence_timeout_s) from None

    async def _first(self, requests: AsyncIterator[Request]) -> Configure:
        try:
            async with asyncio.timeout(self._config_timeout_s):
                first = await anext(requests, None)
        except TimeoutError:
            raise _timed_out("no config came", self._config_timeout_s) from None
        if first is None:
            raise _dropped()
        if not isinstance(first, Configure):
            raise protocol_violation("config", type(first).__name__.lower())
        return first

    def _open(self, config: Configure) -> None:
        audio.check_format(config.audio_format)
        self._room.check_language(config.language)
        self._config = config
        self._decoder = audio.StreamDecoder(config.audio_format, SAMPLE_RATE_HZ)
        self._chunker = Chunker()
        self._segmenter = Segmenter(config.endpointing)
        self._history = History()
        self._vad_span: Span | None = None

    async def _serve(
        self, requests: AsyncIterator[Request], tasks: asyncio.TaskGroup, watchdog: asyncio.Timeout
    ) -> None:
        self._drafts = Drafts(self._room, self._history, tasks, self._send_if, partial_every_s=self._partial_every_s)
        loop = asyncio.get_running_loop()
        try:
            while True:
                # Only waiting for the caller counts, not our own work.
                watchdog.reschedule(loop.time() + self._config.silence_timeout_s)
                request = await anext(requests, None)
                watchdog.reschedule(None)
                if request is None:
                    raise _dropped()
                await self._take(request)
                if isinstance(request, EndOfAudio):
                    return
        finally:
            await self._drafts.close()
            if self._vad_span is not None:
                self._vad_span.end()

    async def _take(self, request: Request) -> None:
        if isinstance(request, Audio):
            await self._hear(request.data)
        elif isinstance(request, Configure):
            self._reconfigure(request)
        elif isinstance(request, EndOfAudio):
            await self._listen(self._decoder.flush(), last=True)
            await self._react(self._segmenter.finalize())
        elif request.pause_s is None:
            await self._react(self._segmenter.finalize())
        else:
            pause, silence = round(request.pause_s * SAMPLE_RATE_HZ), round(request.silence_s * SAMPLE_RATE_HZ)
            await self._react(self._segmenter.finalize_pause(pause, silence))

    def _reconfigure(self, config: Configure) -> None:
        if not _same_format(config, self._config):
            raise MeshError(
                ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION,
                f"the audio format cannot change within a stream: it is {_describe(self._config)}, the new "
                f"configuration says {_describe(config)}; open a new stream for the other format",
                metadata={"expected": _describe(self._config), "received": _describe(config)},
            )
        self._room.check_language(config.language)
        self._segmenter.configure(config.endpointing)
        self._config = config

    async def _hear(self, data: bytes) -> None:
        samples = self._decoder.feed(data)
        seconds = len(data) / audio.bytes_per_second(self._config.audio_format)
        self._taken_s += seconds
        metrics.AUDIO_SECONDS.inc(seconds)
        await self._listen(samples)
        if self._segmenter.speaking:
            self._drafts.speaking(self._history.end, self._segmenter.last_voiced, self._config)
        elif self._segmenter.quiet >= self._config.silence_timeout_s * SAMPLE_RATE_HZ:
            raise _timed_out("nothing was said", self._config.silence_timeout_s)

    async def _listen(self, samples: Samples, *, last: bool = False) -> None:
        """Take in samples, find the voice in them and act on it."""
        self._history.append(samples)
        for heard in await self._room.detector.hear(self._chunker, samples, last=last):
            await self._react(self._segmenter.feed(heard.probability, heard.level_db))
        self._history.forget_before(self._segmenter.audio_from)

    async def _react(self, events: list[SpeechEvent]) -> None:
        for event in events:
            await self._send(Activity(event.kind, event.at / SAMPLE_RATE_HZ, event.utterance))
            match event.kind:
                case ActivityKind.STARTED:
                    self._vad_span = _tracer.start_span("asr.vad", attributes={"asr.utterance": event.utterance})
                    self._drafts.begin(event.utterance, event.at, self._segmenter.audio_from)
                case ActivityKind.PAUSED:
                    self._drafts.pause(event.at, self._config)
                case ActivityKind.RESUMED:
                    self._drafts.resume()
                case ActivityKind.ENDED:
                    if self._vad_span is not None:
                        self._vad_span.end()
                        self._vad_span = None
                    await self._drafts.commit(event.at, self._config)

    async def _send(self, answer: Answer) -> None:
        async with self._sending:
            await self._put(answer)

    async def _send_if(self, transcript: Transcript, wanted: Callable[[], bool]) -> None:
        # Asked under the lock: while it waited, the final transcript may have gone out.
        async with self._sending:
            if wanted():
                await self._put(transcript)

    async def _put(self, answer: Answer) -> None:
        response = Response(self._sequence, self._taken_s, answer)
        self._sequence += 1
        await self._send_response(response)


def _timed_out(what: str, limit_s: float) -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_ASR_TIMEOUT,
        f"{what} for {limit_s:g} s; open a new stream when the caller speaks, or send a config with a longer "
        "silence_timeout",
        metadata={"limit_s": f"{limit_s:g}"},
    )


def _dropped() -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_CONNECTION_DROPPED,
        "the stream ended without an end message; send `end` after the last audio to get what is pending",
    )


def _same_format(one: Configure, other: Configure) -> bool:
    return _describe(one) == _describe(other)


def _describe(config: Configure) -> str:
    form = config.audio_format
    return f"{audio.encoding_name(form)} {form.sample_rate_hz} Hz {audio.channels(form)} channels"
