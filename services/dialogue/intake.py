"""The caller's audio on its way in: checked, counted, gathered into larger pieces, sent to the recogniser."""

import asyncio

from mesh.errors import ErrorReason, MeshError, protocol_violation
from services.dialogue.model import AudioClock, AudioFormat, CallerAudio
from services.dialogue.ports import Recognition


class AudioIntake:
    """Takes frames of any length and forwards pieces of `forward_ms`: small messages cost more than they bring."""

    def __init__(self, form: AudioFormat, recognition: Recognition, forward_ms: int) -> None:
        self.recognition = recognition
        self.clock = AudioClock(form.bytes_per_second)
        self.on_hold = False
        """While true, audio is counted and thrown away."""
        self._format = form
        self._piece = form.sample_rate_hz * forward_ms // 1000 * form.frame_bytes
        self._buffer = bytearray()
        self._next_sequence = 0
        self._finished = False

    async def take(self, audio: CallerAudio) -> None:
        """Take one frame.

        Raises:
            MeshError: PROTOCOL_VIOLATION for a frame out of order or after the end; INVALID_AUDIO for half a sample.
        """
        self._check(audio)
        self._next_sequence = audio.sequence + 1
        self.clock.advance(len(audio.data), asyncio.get_running_loop().time())
        if self.on_hold:
            return
        self._buffer += audio.data
        if len(self._buffer) >= self._piece:
            piece, self._buffer = bytes(self._buffer), bytearray()
            await self.recognition.send(piece)

    async def finalize(self, pause: float, silence: float) -> None:
        """End the utterance once its pause has lasted; seconds on the audio clock."""
        await self.recognition.finalize(pause, silence)

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
