"""libespeak-ng through ctypes: initialise, list voices, speak with events, write phonemes.

The library is one global state - voice, rate and callback belong to the process - so there is one
`EspeakLibrary` a process and a lock around every use. It is GPL-3: it stays inside the process of this service.
The names and numbers below are those of `speak_lib.h` of espeak-ng 1.52.
"""

import ctypes
import functools
import re
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from mesh.errors import ErrorReason, MeshError

_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_IPA = 0x02
_RATE, _PITCH, _RANGE = 1, 3, 4
_EVENT_END_OF_LIST, _EVENT_WORD, _EVENT_END = 0, 1, 5
_BUFFER_MS = 60
# The library keeps the path of its data in 160 bytes and adds names to it.
_LONGEST_DATA_PATH = 100

WORDS_PER_MINUTE = (80, 450)
"""Slowest and fastest speech the library makes."""

_PITCH_LIMITS = (0, 99)
# Measured on three voices: both parameters at k octaves' worth of steps move the pitch by 0.86 to 0.92 octaves.
_PITCH_GAIN = 1.13


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice of the library: its name for `speak`, and its languages with their priority, lower being better."""

    name: str
    languages: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the audio, in samples from its beginning.

    `character` is the index in the text of the word that begins there or, where a clause ends, of what follows.
    """

    sample: int
    character: int
    ends_clause: bool = False


OnAudio = Callable[[NDArray[np.int16], Sequence[Mark]], bool]
"""Takes samples and the marks in them; answers whether to go on. Runs on the thread that called `speak`."""


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@functools.cache
def espeak() -> "EspeakLibrary":
    """Return the process's library, loaded and initialised at the first call.

    Raises:
        MeshError: ENGINE_FAILED when the library or its data cannot be loaded.
    """
    return EspeakLibrary(Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path()))


class EspeakLibrary:
    """The loaded library. Use `espeak()`: a second instance would share the first one's state.

    Every method blocks and holds the lock for as long as it runs: call them on a worker thread.
    """

    def __init__(self, library: Path, data: Path) -> None:
        self._lock = threading.Lock()
        self._on_audio: OnAudio | None = None
        self._failure: BaseException | None = None
        self._crowded = False
        self._link: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._library = ctypes.CDLL(str(library))
        except OSError as error:
            raise _failed(f"libespeak-ng cannot be loaded: {error}") from error
        self._declare()
        self.sample_rate_hz: int = self._library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, _BUFFER_MS, str(self._short(data)).encode(), _DO_NOT_EXIT
        )
        if self.sample_rate_hz <= 0:
            raise _failed(f"libespeak-ng does not accept its data in {data}; install espeakng-loader anew")
        # Kept as an attribute: ctypes does not hold a reference to the callback.
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

        self._voices: dict[str, EspeakVoice] = {}
        self._files: dict[str, str] = {}
        self._read_voices(data)

    def voices(self) -> list[EspeakVoice]:
        """Return all voices that can speak, without variants."""
        return list(self._voices.values())

    def variants(self) -> frozenset[str]:
        """Return the names of the variants that any voice can be given: `en-us+NAME`."""
        with self._lock:
            wanted = _Voice(languages=ctypes.cast(ctypes.c_char_p(b"variant"), ctypes.c_void_p))
            return frozenset(
                voice.identifier.decode().removeprefix("!v/") for voice in self._list(ctypes.byref(wanted))
            )

    def speak(self, text: str, voice: str, *, words_per_minute: int, semitones: float, on_audio: OnAudio) -> None:
        """Speak `text`, calling `on_audio` every 60 ms of speech; marks lie within the samples they come with.

        The same text never gives quite the same samples: breath and flutter go on from where they were.

        Args:
            text: what to say; NUL characters are taken as spaces.
            voice: a voice's name, with `+VARIANT` if wanted.
            words_per_minute: speed, see `WORDS_PER_MINUTE`.
            semitones: pitch from the voice's own, to within a semitone and up to ten of them.
            on_audio: takes the audio; what it raises ends the synthesis and is raised here.

        Raises:
            MeshError: ENGINE_FAILED when the library refuses.
        """
        encoded = text.replace("\0", " ").encode()
        with self._lock:
            self._choose(voice)
            self._set(words_per_minute, semitones)
            if self._crowded:
                self._synthesize(b"")
                self._crowded = False
            self._on_audio, self._failure = on_audio, None
            try:
                status = self._synthesize(encoded)
                failure = self._failure
            finally:
                self._on_audio = self._failure = None
        if failure is not None:
            raise failure
        if status != 0:
            raise _failed(f"libespeak-ng answered {status} to a text of {len(text)} characters")

    def phonemes(self, text: str, voice: str) -> str:
        """Return the text in IPA, words divided by spaces, without punctuation.

        Raises:
            MeshError: ENGINE_FAILED when the library refuses the voice.
        """
        buffer = ctypes.create_string_buffer(text.replace("\0", " ").encode())
        position = ctypes.c_void_p(ctypes.addressof(buffer))
        clauses = []
        with self._lock:
            # Each call leaves commands in the library's queue before its wave generator. Once they crowd it there is
            # no room for a word's mark; a synthesis, even of nothing, empties it.
            self._crowded = True
            self._choose(voice)
            while position.value:
                clauses.append(self._library.espeak_TextToPhonemes(ctypes.byref(position), _UTF8, _IPA).decode())
        return " ".join(" ".join(clauses).split())

    def _synthesize(self, text: bytes) -> int:
        return int(self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None))

    def _declare(self) -> None:
        library = self._library
        library.espeak_Initialize.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
        library.espeak_SetSynthCallback.argtypes = (_Callback,)
        library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
        library.espeak_SetParameter.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
        library.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        library.espeak_TextToPhonemes.argtypes = (
            ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int,
        )  # fmt: skip
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        library.espeak_Synth.argtypes = (
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip

    def _short(self, data: Path) -> Path:
        """Return a path of the data that the library can keep: through a link where the real one is too long."""
        if len(str(data).encode()) <= _LONGEST_DATA_PATH:
            return data
        self._link = tempfile.TemporaryDirectory(prefix="espeak-")
        link = Path(self._link.name) / data.name
        link.symlink_to(data, target_is_directory=True)
        return link

    def _read_voices(self, data: Path) -> None:
        """List the voices by the name of their first language; those whose dictionary is missing cannot speak."""
        for voice in self._list(None):
            languages = _languages(voice.languages)
            file = voice.identifier.decode()
            if languages and _has_dictionary(data, file, languages[0][0]):
                found = EspeakVoice(languages[0][0], tuple(languages))
                # The library finds some of its voices, en-gb among them, by their files only.
                if self._voices.setdefault(found.name, found) is found:
                    self._files[found.name] = file

    def _choose(self, voice: str) -> None:
        base, plus, variant = voice.partition("+")
        status = self._library.espeak_SetVoiceByName(f"{self._files.get(base, base)}{plus}{variant}".encode())
        if status != 0:
            raise _failed(f"libespeak-ng has no voice {voice!r} (answer {status})")

    def _set(self, words_per_minute: int, semitones: float) -> None:
        # The pitch parameter is exponential, 50 steps an octave, but moves the base of the voice only; the range
        # above the base, linear, has to grow with it.
        octaves = semitones * _PITCH_GAIN / 12
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, _clamp(50 + 50 * octaves), 0)
        self._library.espeak_SetParameter(_RANGE, _clamp(50 * 2**octaves), 0)

    def _list(self, wanted: object) -> list[_Voice]:
        pointer = self._library.espeak_ListVoices(wanted)
        voices: list[_Voice] = []
        while pointer[len(voices)]:
            voices.append(pointer[len(voices)].contents)
        return voices

    def _receive(self, samples: object, count: int, events: object) -> int:
        """Take a buffer from the library; 0 lets it go on, 1 stops it."""
        try:
            return self._pass_on(samples, count, events)
        except BaseException as error:  # noqa: BLE001 - ctypes would print it and go on; speak() raises it
            self._failure = error
            return 1

    def _pass_on(self, samples: object, count: int, events: object) -> int:
        if self._on_audio is None or not samples:
            return 0
        # A copy: the library uses the buffer again.
        audio = np.ctypeslib.as_array(samples, (count,)).copy() if count else np.zeros(0, np.int16)
        return 0 if self._on_audio(audio, _marks(events)) else 1


def _marks(events: object) -> list[Mark]:
    marks = []
    index = 0
    while (event := events[index]).type != _EVENT_END_OF_LIST:  # type: ignore[index]
        if event.type == _EVENT_WORD:
            marks.append(Mark(event.sample, event.text_position - 1))
        elif event.type == _EVENT_END:
            marks.append(Mark(event.sample, event.text_position - 1, ends_clause=True))
        index += 1
    return marks


def _has_dictionary(data: Path, file: str, language: str) -> bool:
    """Return whether the dictionary is there that a voice's file names, or else its language has."""
    named = re.search(r"^\s*dictionary\s+(\S+)", (data / "lang" / file).read_text("utf-8"), re.MULTILINE)
    return (data / f"{named[1] if named else language.split('-', maxsplit=1)[0]}_dict").exists()


def _languages(address: int) -> list[tuple[str, int]]:
    """Read a list of languages: each a priority byte and a string; a zero byte ends it."""
    languages = []
    while (priority := ctypes.string_at(address, 1)[0]) != 0:
        name = ctypes.string_at(address + 1)
        languages.append((name.decode(), priority))
        address += len(name) + 2
    return languages


def _clamp(parameter: float) -> int:
    return min(max(round(parameter), _PITCH_LIMITS[0]), _PITCH_LIMITS[1])


def _failed(message: str) -> MeshError:
    return MeshError(ErrorReason.ERROR_REASON_ENGINE_FAILED, message, metadata={"engine": "espeak"})
