"""The microphone and the loudspeaker of this machine, where it has them (PortAudio through `sounddevice`)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from voicemesh_client import PlayedAudio

RATE_HZ = 16_000
_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 48_000
_BLOCK_S = 0.02
# Half a second: what the microphone has beyond that while the application is late is no conversation any more.
_MAX_BLOCKS = 25


class SoundUnavailableError(Exception):
    """This machine can not record or play; the text says why and what would help."""


def input_rate_hz() -> int:
    """The rate the microphone is recorded at: 16 kHz where it can, else its own.

    Raises SoundUnavailableError when there is no microphone that can be used.
    """
    return _rate_hz("input")


def output_rate_hz() -> int:
    """The rate the loudspeaker is played at: 16 kHz where it can, else its own.

    Raises SoundUnavailableError when there is no loudspeaker that can be used.
    """
    return _rate_hz("output")


@contextlib.asynccontextmanager
async def microphone(rate_hz: int) -> AsyncIterator[AsyncIterator[bytes]]:
    """Records mono 16-bit samples for the length of the block, in pieces of 20 ms.

    At most half a second waits to be taken; beyond that the oldest is thrown away.
    """
    loop = asyncio.get_running_loop()
    blocks: deque[bytes] = deque(maxlen=_MAX_BLOCKS)
    arrived = asyncio.Event()

    def take(data: Any, _frames: int, _time: Any, _status: Any) -> None:
        # On PortAudio's own thread: the deque is thread-safe, the event is not.
        blocks.append(bytes(data))
        loop.call_soon_threadsafe(arrived.set)

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            await arrived.wait()
            arrived.clear()
            while blocks:
                yield blocks.popleft()

    stream = _sounddevice().RawInputStream(
        samplerate=rate_hz, channels=1, dtype="int16", blocksize=round(rate_hz * _BLOCK_S), callback=take
    )
    with stream:
        yield pieces()


class Loudspeaker:
    """Plays pieces of 16-bit mono samples as they come; call it as the sink of a session.

    The session paces what it gives, so little waits here: at most half a second, beyond that the oldest piece
    is thrown away. Where nothing waits, silence is played.
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque(maxlen=_MAX_BLOCKS)
        self._rest = b""
        self._paused = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def open(self, rate_hz: int) -> Iterator[None]:
        """Plays for the length of the block. Raises SoundUnavailableError when it can not."""
        with _sounddevice().RawOutputStream(
            samplerate=rate_hz, channels=1, dtype="int16", latency="low", callback=self._give
        ):
            yield

    def __call__(self, audio: PlayedAudio) -> None:
        """Plays a piece of the agent's speech."""
        with self._lock:
            self._pieces.append(audio.data)

    async def drain(self) -> None:
        """Waits until what waits is handed to the sound card, for at most half a second."""
        for _ in range(_MAX_BLOCKS):
            with self._lock:
                if not self._pieces and not self._rest:
                    return
            await asyncio.sleep(_BLOCK_S)

    def pause(self, turn_id: str) -> None:  # noqa: ARG002 - one turn is played at a time
        """Falls silent at once and keeps what waits."""
        with self._lock:
            self._paused = True

    def resume(self, turn_id: str) -> None:  # noqa: ARG002
        """Goes on where it fell silent."""
        with self._lock:
            self._paused = False

    def discard(self, turn_id: str) -> None:  # noqa: ARG002
        """Falls silent at once and throws away what waits."""
        with self._lock:
            self._pieces.clear()
            self._rest = b""
            self._paused = False

    def _give(self, wanted: Any, _frames: int, _time: Any, _status: Any) -> None:
        size = len(wanted)
        with self._lock:
            if self._paused:
                wanted[:] = bytes(size)
                return
            while len(self._rest) < size and self._pieces:
                self._rest += self._pieces.popleft()
            data, self._rest = self._rest[:size], self._rest[size:]
        wanted[:] = data.ljust(size, b"\0")


def _rate_hz(kind: str) -> int:
    sounddevice = _sounddevice()
    check = sounddevice.check_input_settings if kind == "input" else sounddevice.check_output_settings
    try:
        own_hz = round(sounddevice.query_devices(kind=kind)["default_samplerate"])
        for rate_hz in (RATE_HZ, min(_MAX_RATE_HZ, max(_MIN_RATE_HZ, own_hz))):
            with contextlib.suppress(sounddevice.PortAudioError):
                check(channels=1, dtype="int16", samplerate=rate_hz)
                return rate_hz
    except (sounddevice.PortAudioError, ValueError) as error:
        raise SoundUnavailableError(f"no sound {kind} here ({error})") from error
    raise SoundUnavailableError(f"the sound {kind} here takes no 16-bit samples at a rate the mesh takes")


def _sounddevice() -> Any:
    """The library, loaded when it is needed: it may be missing, or PortAudio beneath it."""
    try:
        import sounddevice  # noqa: PLC0415 - an extra of its own
    except ModuleNotFoundError as error:
        raise SoundUnavailableError("sounddevice is not installed: pip install 'voicemesh[talk]'") from error
    except OSError as error:
        raise SoundUnavailableError(f"{error}: install PortAudio (Debian: libportaudio2)") from error
    return sounddevice
