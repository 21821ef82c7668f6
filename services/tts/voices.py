"""Which voice speaks: the one that was named, or the language's."""

from collections.abc import Iterable, Iterator, Sequence

from mesh.errors import ErrorReason, MeshError
from services.tts.model import Synthesizer, Voice

_LISTED = 40


def choose_voice(engine: Synthesizer, *, name: str, language: str, preferred: str = "") -> Voice:
    """Return the voice to speak with.

    Args:
        engine: whose voice.
        name: the voice's name; empty: the language's default.
        language: BCP 47 tag.
        preferred: the voice to take for the languages it speaks, where none is named.

    Raises:
        MeshError: NOT_FOUND when there is no voice of that name, UNRECOGNIZED_LANGUAGE when none speaks it.
    """
    if name:
        if (voice := engine.find(name)) is not None:
            return voice
        raise _unknown_voice(name, engine.voices)
    own = engine.find(preferred) if preferred else None
    if own is not None and _speaks(own, language):
        return own
    return speaking(engine.voices, language)[0]


def speaking(voices: Sequence[Voice], language: str) -> list[Voice]:
    """Return the voices of a language, its default first; of every language when it is empty.

    Tags are matched as RFC 4647 looks them up (section 3.4): "en-US" finds "en-US", else "en". Where only the
    language itself fits, as for "en-AU", any of its voices does.

    Raises:
        MeshError: UNRECOGNIZED_LANGUAGE when no voice speaks it.
    """
    if not language:
        return list(voices)
    found = [voice for voice in voices if _speaks(voice, language)]
    if not found:
        raise _unknown_language(language, voices)
    ranges = list(_ranges(language))
    return sorted(found, key=lambda voice: (_rank(voice.default_for, ranges), _rank(voice.languages, ranges)))


def _speaks(voice: Voice, language: str) -> bool:
    primary = language.lower().split("-")[0]
    return any(tag.lower().split("-")[0] == primary for tag in voice.languages)


def _rank(tags: Iterable[str], ranges: Sequence[str]) -> int:
    """Return how well the tags fit: the place of the first range among them."""
    lower = {tag.lower() for tag in tags}
    return next((place for place, tag in enumerate(ranges) if tag in lower), len(ranges))


def _ranges(language: str) -> Iterator[str]:
    """Yield a tag and what remains of it as its ends are taken off, lower case."""
    parts = language.lower().split("-")
    while parts:
        yield "-".join(parts)
        parts.pop()
        # A single letter means nothing without what stood behind it.
        if parts and len(parts[-1]) == 1:
            parts.pop()


def _unknown_voice(name: str, voices: Sequence[Voice]) -> MeshError:
    names = [voice.name for voice in voices]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return MeshError(
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"no voice has the name {name!r}; take one of {', '.join(names[:_LISTED])}{more} (ListVoices has them all)",
        metadata={"kind": "voice", "name": name},
    )


def _unknown_language(language: str, voices: Sequence[Voice]) -> MeshError:
    supported = ",".join(sorted({tag for voice in voices for tag in voice.languages}))
    return MeshError(
        ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE,
        f"no voice here speaks {language!r}; take one of: {supported}",
        metadata={"language": language, "supported": supported},
    )
