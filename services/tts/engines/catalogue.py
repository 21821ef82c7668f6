"""espeak-ng's voices by name and language."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from services.tts.engines.espeak_library import EspeakLibrary, EspeakVoice
from services.tts.model import Voice

NAME = "espeak"


@dataclass(frozen=True, slots=True)
class Preset:
    """What the library is told for a voice: its name with a variant, its own speed, its level."""

    voice: str
    words_per_minute: int = 165
    gain: float = 1.0


# The variant "victor" damps the formants above 3.5 kHz, where the synthesiser buzzes. Of 24 variants it was the
# one our recogniser understood best through 8 kHz mu-law (words wrong: 21 to 26 %, plain en-us 35 to 45 %); it is
# quiet, so its gain brings it to the level of the others.
_PRESETS = {
    "en-us": Preset("en-us+victor", words_per_minute=175, gain=1.7),
    "en-gb": Preset("en-gb+victor", words_per_minute=175, gain=1.7),
}

# For a bare language, and for one of places the library has no voice for, the American voice is taken: most who speak
# Spanish live there.
_PREFERRED = {"en": "en-us", "es": "es-419", "es-es": "es"}


def preset(name: str) -> Preset:
    """Return how the voice of that name is set."""
    return _PRESETS.get(name, Preset(name))


def catalogue(library: EspeakLibrary) -> tuple[Voice, ...]:
    """Return the library's voices, each with the languages it is the default for, by name."""
    voices = library.voices()
    defaults = _defaults(voices)
    release = version("espeakng-loader")  # the library and its dictionaries
    return tuple(
        Voice(
            name=voice.name,
            engine=NAME,
            languages=tuple(_tag(language) for language, _ in voice.languages),
            sample_rate_hz=library.sample_rate_hz,
            default_for=tuple(_tag(tag) for tag, name in defaults.items() if name == voice.name),
            revision=f"{release} {preset(voice.name)}",
        )
        for voice in sorted(voices, key=lambda voice: voice.name)
    )


def find_voice(name: str, voices: Sequence[Voice], variants: frozenset[str]) -> Voice | None:
    """Return the voice of that name; `NAME+VARIANT` is the voice NAME in one of the library's variants."""
    base, plus, variant = name.partition("+")
    voice = next((voice for voice in voices if voice.name == base), None)
    if voice is None or not plus:
        return voice
    if variant not in variants:
        return None
    return replace(voice, name=name, default_for=())


def _defaults(voices: Iterable[EspeakVoice]) -> dict[str, str]:
    """Return for each language tag the voice of the best priority."""
    best: dict[str, tuple[int, str]] = {}
    for voice in voices:
        for language, priority in voice.languages:
            best[language] = min(best.get(language, (priority, voice.name)), (priority, voice.name))
    return {language: name for language, (_, name) in best.items()} | _PREFERRED


def _tag(language: str) -> str:
    """Write a tag as BCP 47 recommends (RFC 5646, 2.1.1): en-us -> en-US, fa-latn -> fa-Latn."""
    first, *rest = language.split("-")
    parts = [first.lower()]
    for part in rest:
        private = "x" in parts
        if len(part) == 2 and not private:
            parts.append(part.upper())
        else:
            parts.append(part.title() if len(part) == 4 and not private else part.lower())
    return "-".join(parts)
