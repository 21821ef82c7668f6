"""Reading and writing WAV files of 16-bit samples with the standard library."""

from __future__ import annotations

import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voicemesh_client.audio import AudioFormat, Encoding

if TYPE_CHECKING:
    import os


@dataclass(frozen=True)
class WavAudio:
    """The content of a WAV file: little-endian 16-bit samples, channels interleaved, and their form."""

    data: bytes = field(repr=False)
    format: AudioFormat

    @property
    def duration(self) -> float:
        """Its length in seconds."""
        return self.format.duration(len(self.data))


def read_wav(path: str | os.PathLike[str]) -> WavAudio:
    """Reads a WAV file of 16-bit PCM samples, 8 to 48 kHz, one or two channels.

    Raises OSError when the file can not be opened, ValueError when it is no such WAV file.
    """
    try:
        with wave.open(str(Path(path)), "rb") as file:
            if file.getsampwidth() != Encoding.PCM16.sample_bytes:
                bits = 8 * file.getsampwidth()
                raise ValueError(f"{path} has {bits}-bit samples: convert it to 16-bit PCM")
            form = AudioFormat.pcm16(file.getframerate(), file.getnchannels())
            return WavAudio(file.readframes(file.getnframes()), form)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no WAV file of 16-bit PCM samples ({error})") from error


def write_wav(path: str | os.PathLike[str], data: bytes, form: AudioFormat) -> None:
    """Writes 16-bit samples as a WAV file. Raises ValueError for another encoding, OSError as `open` does."""
    if form.encoding is not Encoding.PCM16:
        raise ValueError("a WAV file is written from 16-bit PCM samples only")
    with wave.open(str(Path(path)), "wb") as file:
        file.setnchannels(form.channels)
        file.setsampwidth(Encoding.PCM16.sample_bytes)
        file.setframerate(form.sample_rate_hz)
        file.writeframes(data)
