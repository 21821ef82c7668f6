"""From whatever an application has of audio to the frames that are sent."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from voicemesh_client.audio import AudioFormat, Encoding, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

AudioData: TypeAlias = "Buffer | Sequence[float]"
"""Audio as an application has it, channels interleaved.

Bytes, an `array` or `memoryview` of 16-bit integers or of floats from -1 to 1, a list of such floats, or
whatever else offers the buffer protocol with such items, for example a numpy array of shape (samples,) or
(samples, channels).
"""


class FrameCutter:
    """Cuts a stream of bytes into frames of one size, whatever the sizes it comes in.

    It holds back less than one frame.
    """

    def __init__(self, frame_size: int) -> None:
        if frame_size < 1:
            raise ValueError("a frame holds at least one byte")
        self._frame_size = frame_size
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are now complete, oldest first."""
        self._rest += data
        whole = len(self._rest) // self._frame_size * self._frame_size
        frames = [bytes(self._rest[start : start + self._frame_size]) for start in range(0, whole, self._frame_size)]
        del self._rest[:whole]
        return frames

    def flush(self) -> bytes:
        """What is left of less than a frame; empty when nothing is."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest


class Converter:
    """Turns audio in any of the forms of `AudioData` into bytes of one wire format.

    Bytes may end in the middle of a sample: the rest of it is expected at the beginning of the next call.
    """

    def __init__(self, wire: AudioFormat) -> None:
        self._wire = wire
        self._rest = b""
        self._rest_form: tuple[Encoding, int] | None = None

    def convert(self, data: AudioData, *, channels: int = 1, encoding: Encoding = Encoding.PCM16) -> bytes:
        """The audio in the wire format.

        `channels` says how many are interleaved in `data`; two become one by their mean, one becomes two by
        doubling. `encoding` says how `data` is written where it is bytes. Floats beyond -1 to 1 are clipped.

        Raises TypeError for data of another kind, ValueError for a wrong number of channels or for half a
        sample that is followed by audio of another form.
        """
        if channels not in (1, 2):
            raise ValueError(f"{channels} channels: use 1 or 2")
        data = _plain(data, channels)
        if isinstance(data, bytes):
            data = self._whole_samples(data, AudioFormat(encoding, self._wire.sample_rate_hz, channels))
            if (encoding, channels) == (self._wire.encoding, self._wire.channels):
                return data
            samples = decode(data, encoding)
        else:
            if self._rest:
                raise ValueError("half a sample is left of earlier bytes: send its other half first")
            samples = data
        return encode(_mix(samples, channels, self._wire.channels), self._wire.encoding)

    def _whole_samples(self, data: bytes, form: AudioFormat) -> bytes:
        """The bytes with what was left over before, without what is left over now."""
        key = (form.encoding, form.channels)
        if self._rest and self._rest_form != key:
            raise ValueError("half a sample is left of earlier bytes: send its other half first")
        data = self._rest + data
        whole = len(data) // form.frame_bytes * form.frame_bytes
        self._rest, self._rest_form = data[whole:], key
        return data[:whole]

    def flush(self) -> None:
        """Ends the audio. Raises ValueError when half a sample was left over."""
        rest, self._rest = self._rest, b""
        if rest:
            raise ValueError(f"the audio ends in the middle of a sample: {len(rest)} bytes too many")


def _plain(data: AudioData, channels: int) -> bytes | array[int]:
    """The data as bytes, or as 16-bit samples."""
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    try:
        view = memoryview(cast("Buffer", data))
    except TypeError:
        return _from_numbers(data)
    if view.ndim > 1 and (view.shape or ())[-1] != channels:
        raise ValueError(f"an array of shape {view.shape} does not hold {channels} channels in its last axis")
    raw = view.tobytes()
    if view.format in ("B", "b", "c"):
        return raw
    if view.format == "h":
        return array("h", raw)
    if view.format in ("f", "d"):
        return _from_floats(array(view.format, raw))
    raise TypeError(f"samples of the type {view.format!r}: use bytes, 16-bit integers or floats from -1 to 1")


def _from_numbers(data: object) -> array[int]:
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise TypeError(f"{type(data).__name__} is no audio: use bytes, an array or a sequence of floats")
    if any(isinstance(number, int) for number in data):
        raise TypeError("a sequence of integers: say array('h', numbers), or use floats from -1 to 1")
    return _from_floats(data)


def _from_floats(numbers: Iterable[float]) -> array[int]:
    """Floats from -1 to 1 as 16-bit samples: scaled by 32,767, so that both ends fit."""
    return array("h", [round(32_767 * min(1.0, max(-1.0, number))) for number in numbers])


def _mix(samples: array[int], channels: int, wanted: int) -> array[int]:
    """The samples with the wanted number of interleaved channels."""
    if channels == wanted:
        return samples
    if len(samples) % channels:
        raise ValueError(f"{len(samples)} samples do not fill {channels} channels")
    if wanted == 1:
        return array("h", [(a + b) // 2 for a, b in zip(samples[::2], samples[1::2], strict=True)])
    doubled = array("h", bytes(4 * len(samples)))
    doubled[::2] = samples
    doubled[1::2] = samples
    return doubled
