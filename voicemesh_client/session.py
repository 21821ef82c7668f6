"""One conversation with the mesh."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from google.protobuf.duration_pb2 import Duration
from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest

from voicemesh_client.audio import Encoding
from voicemesh_client.callbacks import Callbacks, call_handler, check_handlers
from voicemesh_client.clock import Clock, MonotonicClock, Pacer
from voicemesh_client.framing import AudioData, Converter, FrameCutter
from voicemesh_client.speaker import Sink, Speaker
from voicemesh_client.stream import SessionStream
from voicemesh_client.wav import read_wav

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from voicemesh_client.config import SessionConfig, TurnTaking
    from voicemesh_client.events import SessionEnded, SessionEvent, SessionStarted
    from voicemesh_client.targets import Channels


class Session(Callbacks):
    """A conversation: audio or text goes in, events come out. Made by `Mesh.session`; use it as a context.

    Events are taken out in one of three ways: by iterating over the session, by `run`, or by the `handlers`
    given to `Mesh.session`, which are then called in the background. At most `max_events` wait to be taken.
    When that many wait, the SDK stops reading; the mesh ends a session that is not read from for long with
    SlowConsumerError. So take events while you send, not afterwards.

    What is sent goes through an outbox of `outbox_frames` messages. When it is full, sending waits.

    When the connection drops, the session goes on over another one, at any of the mesh's addresses, within the
    time the mesh allows. Meanwhile up to 30 s of audio wait to be sent; the last 5 s that were sent before are
    sent again from where the mesh says. The application sees Reconnecting and Resumed and just goes on.

    Leaving the context says EndSession unless the session has ended, waits for the mesh's last word for at
    most `close_timeout_s`, and leaves no task and no stream behind. An error that ended the session and was
    raised nowhere else is raised there.
    """

    def __init__(
        self,
        channels: Channels,
        config: SessionConfig,
        *,
        metadata: Sequence[tuple[str, str]] = (),
        handlers: object | None = None,
        sink: Sink | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        if handlers is not None:
            check_handlers(handlers)
        self.config = config
        self.clock = clock or MonotonicClock()
        self.speaker = Speaker(config.output_audio, self.clock, self._acknowledge, sink=sink)
        self._handlers = handlers
        self._delivered = asyncio.Event()
        self._stream = SessionStream(channels, config, self.clock, self.speaker, metadata)
        self._pacer = Pacer(self.clock)
        if config.input_audio is not None:
            self._converter = Converter(config.input_audio)
            self._cutter = FrameCutter(config.frame_size)

    @property
    def session_id(self) -> str:
        """The id the mesh gave the session; empty before the context is entered."""
        return "" if self._stream.started is None else self._stream.started.session_id

    @property
    def started(self) -> SessionStarted | None:
        """How the session began; None before the context is entered."""
        return self._stream.started

    @property
    def ended(self) -> SessionEnded | None:
        """How the session ended; None while it runs."""
        return self._stream.ended

    async def __aenter__(self) -> Self:
        await self._stream.open()
        if self._handlers is not None:
            self._stream.spawn(self._deliver(self._handlers))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stream.close(exc, None if self._handlers is None else self._delivered)

    async def send_audio(self, data: AudioData, *, channels: int = 1, encoding: Encoding = Encoding.PCM16) -> None:
        """Sends a stretch of the caller's audio of any length, as it is captured; use it from one task.

        `data` is bytes in `encoding`, 16-bit integers or floats from -1 to 1, with `channels` interleaved, at
        the sample rate of the session's input format. It is converted to that format and cut into frames of
        `frame_ms`; less than a frame is held back for the next call. Waits while the outbox is full.

        Raises TypeError or ValueError for data that is no such audio, RuntimeError when the session was
        started without input audio, SessionClosedError when it has ended, VoicemeshError when it failed.
        """
        for frame in self._frames(data, channels, encoding):
            await self._send_frame(frame)

    async def play(
        self,
        data: AudioData,
        *,
        realtime: bool = True,
        channels: int = 1,
        encoding: Encoding = Encoding.PCM16,
    ) -> float:
        """Sends audio that is there already, at the pace at which it was spoken.

        A frame is sent when its last sample would have been spoken, counted on the clock from the first frame
        on; what follows within half a second goes on in the same count, so nothing drifts. With
        `realtime=False` the pace is the mesh's own. Arguments and errors are those of `send_audio`.

        Returns the time of the first sample on the session's clock, in seconds.
        """
        began = self._pacer.begin()
        for frame in self._frames(data, channels, encoding):
            if realtime:
                await self._pacer.pass_by(self.config.frame_ms / 1_000)
            await self._send_frame(frame)
        return began

    async def play_file(self, path: str | os.PathLike[str], *, realtime: bool = True) -> float:
        """Plays a WAV file of 16-bit samples; see `play`.

        Raises OSError or ValueError when it can not be read or has another sample rate than the session.
        """
        audio = read_wav(path)
        wanted = self.config.input_audio
        if wanted is not None and audio.format.sample_rate_hz != wanted.sample_rate_hz:
            raise ValueError(
                f"{path} has {audio.format.sample_rate_hz} Hz and the session {wanted.sample_rate_hz} Hz: "
                "start the session with input_audio=read_wav(path).format"
            )
        return await self.play(audio.data, realtime=realtime, channels=audio.format.channels)

    async def send_text(self, text: str) -> None:
        """Sends something the caller typed, at most 2,000 characters. Raises as `send_audio` does."""
        await self._stream.send(ConverseRequest(text=dialogue_pb2.CallerText(text=text)))

    async def send_dtmf(self, digits: str) -> None:
        """Sends telephone keys (0-9, A-D, * and #). Raises as `send_audio` does."""
        await self._stream.send(ConverseRequest(dtmf=dialogue_pb2.Dtmf(digits=digits)))

    async def update(
        self,
        *,
        language: str | None = None,
        on_hold: bool | None = None,
        muted: bool | None = None,
        turn_taking: TurnTaking | None = None,
    ) -> None:
        """Changes the session; None leaves a setting as it is. Raises as `send_audio` does."""
        taking = None if turn_taking is None else turn_taking.to_proto()
        change = dialogue_pb2.UpdateSession(language=language, on_hold=on_hold, muted=muted, turn_taking=taking)
        await self._stream.send(ConverseRequest(update=change))

    async def end_of_audio(self) -> None:
        """Says that the caller finished speaking for good; what is pending is still answered.

        Raises ValueError when the audio ended in the middle of a sample, else as `send_audio` does.
        """
        if self.config.input_audio is not None:
            self._converter.flush()
            await self._send_rest()
        await self._stream.send(ConverseRequest(end_of_audio=dialogue_pb2.EndOfAudio()))

    async def end(self, reason: str = "") -> None:
        """Ends the session; events go on until SessionEnded. Does nothing when it has ended already."""
        await self._stream.end(reason)

    async def run(self, handlers: object | None = None) -> None:
        """Takes the events until the session is over and calls the handler object's methods with them.

        The object has any of the methods on_started, on_transcript, on_understanding, on_agent_turn,
        on_agent_audio, on_agent_turn_ended, on_stop_playback, on_resume_playback, on_error, on_go_away,
        on_reconnecting, on_resumed and on_ended, plain or async. Functions registered on the session are called first.

        Raises TypeError for an object without any or with another `on_` method, RuntimeError when the session
        has handlers already, VoicemeshError when the session fails, and what the handlers raise.
        """
        if handlers is not None:
            check_handlers(handlers)
        async for event in self:
            if handlers is not None:
                await call_handler(handlers, event)

    async def wait_ended(self) -> None:
        """Waits until the session is over and the `handlers` given to it have had its last event.

        Raises VoicemeshError when the session failed, or what a handler raised.
        """
        await (self._stream.over if self._handlers is None else self._delivered).wait()
        self._stream.raise_error()

    def __aiter__(self) -> Self:
        if self._handlers is not None:
            raise RuntimeError("this session's events go to its handlers: start it without to take them here")
        return self

    async def __anext__(self) -> SessionEvent:
        event = await self._next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def _next(self) -> SessionEvent | None:
        event = await self._stream.next_event()
        if event is not None:
            await self._dispatch(event)
        return event

    async def _deliver(self, handlers: object) -> None:
        try:
            while (event := await self._next()) is not None:
                await call_handler(handlers, event)
        finally:
            self._delivered.set()

    def _frames(self, data: AudioData, channels: int, encoding: Encoding) -> list[bytes]:
        if self.config.input_audio is None:
            raise RuntimeError("this session was started without input_audio: the caller types")
        return self._cutter.feed(self._converter.convert(data, channels=channels, encoding=encoding))

    async def _send_rest(self) -> None:
        rest = self._cutter.flush()
        if rest:
            await self._send_frame(rest)

    async def _send_frame(self, frame: bytes) -> None:
        assert self.config.input_audio is not None  # else there are no frames
        await self._stream.send_audio(frame, self.config.input_audio.duration(len(frame)))

    async def _acknowledge(self, turn_id: str, played_s: float, finished: bool) -> None:
        """Tells the mesh what was heard; never waits."""
        if self.config.output_audio is None:
            return
        played = Duration()
        played.FromNanoseconds(round(played_s * 1e9))
        progress = dialogue_pb2.PlaybackProgress(turn_id=turn_id, played=played, finished=finished)
        self._stream.outgoing.report(ConverseRequest(playback=progress))
