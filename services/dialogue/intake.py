"""The caller's audio on its way in: checked, counted, gathered into larger pieces, sent to the recogniser."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from mesh.errors import ErrorReason, MeshError, protocol_violation
from services.dialogue.model import AudioClock, AudioFormat, CallerAudio, Heard, RecognitionEnded, SpeechActivity
from services.dialogue.ports import Recognition
from services.dialogue.snapshot import AudioSnapshot
from services.dialogue.tape import Tape

_FRAMES = 1500
"""Of so many frames the place is known: half a minute of 20 ms each."""


class AudioIntake:
    """Takes frames of any length and forwards pieces of `forward_ms()`: small messages cost more than they bring.

    What goes to the recogniser goes on the `tape` too, where there is one.
    """

    def __init__(
        self,
        form: AudioFormat,
        recognition: Recognition,
        forward_ms: Callable[[], int],
        begin: AudioSnapshot | None = None,
        tape: Tape | None = None,
    ) -> None:
        begin = begin or AudioSnapshot()
        self.recognition = recognition
        self.clock = AudioClock(form.bytes_per_second, begin.place)
        self.on_hold = False
        """While true, the recogniser hears silence."""
        self._begin = begin.place
        self._tape = tape
        # Where each of the last frames begins, in seconds.
        self._frames: deque[tuple[int, float]] = deque(maxlen=_FRAMES)
        self._frame_s = begin.frame_s
        self._format = form
        self._forward_ms = forward_ms
        self._buffer = bytearray()
        self._next_sequence = begin.sequence
        self._finished = False

    async def take(self, audio: CallerAudio) -> None:
        """Take one frame.

        Raises:
            MeshError: PROTOCOL_VIOLATION for a frame out of order or after the end; INVALID_AUDIO for half a sample.
        """
        self._check(audio)
        self._next_sequence = audio.sequence + 1
        self._frames.append((audio.sequence, self.clock.position))
        self._frame_s = len(audio.data) / self._format.bytes_per_second
        await self._forward(self._format.silence(len(audio.data)) if self.on_hold else audio.data)

    async def skip(self, sequence: int) -> None:
        """Go on at a later frame: those between are lost. The recogniser hears silence in their place."""
        missing = sequence - self._next_sequence
        size = round(missing * self._frame_s * self._format.sample_rate_hz) * self._format.frame_bytes
        self._next_sequence = sequence
        await self._forward(self._format.silence(size))

    async def _forward(self, data: bytes) -> None:
        self.clock.advance(len(data), asyncio.get_running_loop().time())
        self._buffer += data
        if self._tape is not None:
            self._tape.add(data)
        if len(self._buffer) >= self._format.sample_rate_hz * self._forward_ms() // 1000 * self._format.frame_bytes:
            piece, self._buffer = bytes(self._buffer), bytearray()
            await self.recognition.send(piece)

    async def finalize(self, pause: float, silence: float) -> None:
        """End the utterance once its pause has lasted; seconds on the audio clock."""
        await self.recognition.finalize(pause - self._begin, silence)

    async def events(self) -> AsyncIterator[SpeechActivity | Heard | RecognitionEnded]:
        """Yield what is heard, placed on the session's audio clock: the recogniser's begins with its stream."""
        async for event in self.recognition.events():
            if isinstance(event, SpeechActivity):
                yield replace(event, at=event.at + self._begin)
            elif isinstance(event, Heard):
                words = tuple(replace(w, start=w.start + self._begin, end=w.end + self._begin) for w in event.words)
                yield replace(event, start=event.start + self._begin, end=event.end + self._begin, words=words)
            else:
                yield event

    def heard_up_to(self, place: float) -> AudioSnapshot:
        """Return the first frame that holds audio from `place` on, as far back as frames are known."""
        for sequence, begin in self._frames:
            if begin + self._frame_s > place:
                return AudioSnapshot(sequence, begin, self._frame_s)
        return AudioSnapshot(self._next_sequence, self.clock.position, self._frame_s)

    async def finish(self) -> None:
        """Forward what is gathered and say that no more comes."""
        if self._finished:
            raise protocol_violation("EndSession", "a second EndOfAudio")
        self._finished = True
        if self._buffer:
            await self.recognition.send(bytes(self._buffer))
        await self.recognition.finish()

    def _check(self, audio: CallerAudio) -> None:
        if self._finished:
            raise protocol_violation("EndSession", "audio after EndOfAudio")
        if audio.sequence != self._next_sequence:
            raise protocol_violation(f"audio frame {self._next_sequence}", f"audio frame {audio.sequence}")
        if len(audio.data) % self._format.frame_bytes:
            raise MeshError(
                ErrorReason.ERROR_REASON_INVALID_AUDIO,
                f"a frame of {len(audio.data)} bytes holds half a sample: {self._format.encoding} with "
                f"{self._format.channels} channel(s) needs multiples of {self._format.frame_bytes}; "
                "cut frames at whole samples",
                metadata={
                    "encoding": self._format.encoding,
                    "sample_rate_hz": str(self._format.sample_rate_hz),
                    "detail": f"{len(audio.data)} bytes",
                },
            )
