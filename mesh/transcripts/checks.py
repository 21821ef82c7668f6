"""What is wrong with a transcript, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mesh.transcripts.languages import language_of
from mesh.transcripts.sentences import is_shouted
from mesh.transcripts.subtitles import CHARACTERS_A_SECOND, LINE_CHARACTERS, LINES, MAX_S, MIN_S
from mesh.transcripts.writing import SENTENCE_ENDS, core, ends_sentence, is_mark, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.transcripts.languages import Language
    from mesh.transcripts.model import Segment, Transcript, Word

# Times are rounded on their way here, and a recogniser's are estimates.
_TOLERANCE_S = 0.05
_CLEAN = "run with --clean"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong.

    `check` is "casing", "punctuation", "speaker", "times", "overlap", "empty", "untimed" or "subtitle"; `segment` and
    `word` count from 1, `word` is None where the whole segment is meant; `start_s` is its place in the audio.
    """

    check: str
    segment: int
    word: int | None
    start_s: float
    message: str
    remedy: str


_Found: TypeAlias = Iterator[Finding]
_Check: TypeAlias = Callable[["Transcript", "Language"], _Found]


def check(transcript: Transcript) -> tuple[Finding, ...]:
    """All findings in the order of the segments; none for a transcript that is in order."""
    language = language_of(transcript.language)
    found = [finding for each in _CHECKS for finding in each(transcript, language)]
    return tuple(sorted(found, key=lambda finding: (finding.segment, finding.word or 0)))


def _casing(transcript: Transcript, language: Language) -> _Found:
    begins: dict[str, bool] = {}
    for number, segment in _numbered(transcript):
        if is_shouted([word.text for word in segment.words]):
            yield _finding("casing", number, segment, "everything is in capitals", _CLEAN)
        at_beginning = begins.get(segment.speaker, True)
        for index, word in enumerate(segment.words, start=1):
            inner = core(word.text)
            if at_beginning and inner.islower() and inner[:1].isalpha() and "@" not in inner:
                message = f'the sentence begins with a small letter: "{word.text}"'
                yield _finding("casing", number, segment, message, _CLEAN, at=(index, word))
            elif inner in language.capitals and inner != language.capitals[inner]:
                message = f'"{inner}" is written "{language.capitals[inner]}"'
                yield _finding("casing", number, segment, message, _CLEAN, at=(index, word))
            at_beginning = ends_sentence(word.text, language)
        begins[segment.speaker] = at_beginning


def _punctuation(transcript: Transcript, language: Language) -> _Found:
    segments = _numbered(transcript)
    for place, (number, segment) in enumerate(segments):
        for index, word in enumerate(segment.words, start=1):
            if is_mark(word.text):
                message = f'"{word.text}" stands alone'
                yield _finding("punctuation", number, segment, message, _CLEAN, at=(index, word))
            elif _is_doubled(tail(word.text)):
                message = f'"{word.text}" ends with more than one mark'
                yield _finding("punctuation", number, segment, message, "leave one of them", at=(index, word))
        following = segments[place + 1][1] if place + 1 < len(segments) else None
        if not _is_ended(segment, following):
            message = f'the sentence has no end after "{segment.words[-1].text}"'
            yield _finding("punctuation", number, segment, message, _CLEAN, at=(len(segment.words), segment.words[-1]))
        if language.opening_marks and segment.text.count("?") > segment.text.count("¿"):
            yield _finding("punctuation", number, segment, 'a question has no "¿"', _CLEAN)


def _is_doubled(marks: str) -> bool:
    """Whether two pauses or ends follow each other; "?!", "..." and a closing bracket before a point may."""
    plain = "".join(mark for mark in marks.replace("...", "…") if mark in ".,;:?!…")
    return len(plain) > 1 and not set(plain) <= set("?!") and not (plain[0] == "." and plain[1:] in {"?", "!", ","})


def _is_ended(segment: Segment, following: Segment | None) -> bool:
    """Whether the last sentence ends, or goes on in the same speaker's next segment."""
    if any(mark in tail(segment.words[-1].text) for mark in SENTENCE_ENDS):
        return True
    return (
        following is not None
        and following.speaker == segment.speaker
        and not core(following.words[0].text)[:1].isupper()
    )


def _speakers(transcript: Transcript, language: Language) -> _Found:
    del language
    named = any(segment.speaker for segment in transcript.segments)
    spellings: dict[str, str] = {}
    for number, segment in enumerate(transcript.segments, start=1):
        if named and not segment.speaker:
            yield _finding("speaker", number, segment, "nobody is named", "name the speaker, as in other segments")
        usual = spellings.setdefault(" ".join(segment.speaker.casefold().split()), segment.speaker)
        if usual != segment.speaker:
            message = f'"{segment.speaker}" is "{usual}" elsewhere'
            yield _finding("speaker", number, segment, message, f'write "{usual}"')
        for index, word in enumerate(segment.words, start=1):
            if word.speaker and segment.speaker and word.speaker != segment.speaker:
                message = f'"{word.text}" is spoken by "{word.speaker}", the segment by "{segment.speaker}"'
                yield _finding("speaker", number, segment, message, "divide the segment there", at=(index, word))


def _times(transcript: Transcript, language: Language) -> _Found:
    del language
    latest_s = 0.0
    for number, segment in enumerate(transcript.segments, start=1):
        if segment.end_s < segment.start_s:
            message = f"it ends at {segment.end_s:.2f} s, before it begins"
            yield _finding("times", number, segment, message, "swap or mend its times")
        if segment.start_s < latest_s - _TOLERANCE_S:
            message = f"it begins at {segment.start_s:.2f} s, before the one ahead of it at {latest_s:.2f} s"
            yield _finding("times", number, segment, message, "sort the segments by their beginnings")
        latest_s = max(latest_s, segment.start_s)
        outside = _outside(segment.start_s, segment.end_s, transcript.duration_s)
        if outside:
            yield _finding("times", number, segment, outside, "transcribe again, or name the right recording")
        yield from _word_times(number, segment)


def _outside(start_s: float, end_s: float, duration_s: float | None) -> str:
    if start_s < -_TOLERANCE_S:
        return f"it begins at {start_s:.2f} s, before the audio"
    if duration_s is not None and max(start_s, end_s) > duration_s + _TOLERANCE_S:
        return f"it ends at {max(start_s, end_s):.2f} s, and the audio at {duration_s:.2f} s"
    return ""


def _word_times(number: int, segment: Segment) -> _Found:
    """Words in order, and inside their segment."""
    latest_s = segment.start_s
    for index, word in enumerate(segment.words, start=1):
        if word.start_s is None or word.end_s is None:
            continue
        if word.end_s < word.start_s:
            message = f'"{word.text}" ends at {word.end_s:.2f} s, before it begins'
        elif word.start_s < segment.start_s - _TOLERANCE_S or word.start_s > segment.end_s + _TOLERANCE_S:
            message = f'"{word.text}" at {word.start_s:.2f} s lies outside its segment'
        elif word.start_s < latest_s - _TOLERANCE_S:
            message = f'"{word.text}" at {word.start_s:.2f} s begins before the word ahead of it'
        else:
            latest_s = max(latest_s, word.start_s)
            continue
        yield _finding("times", number, segment, message, "transcribe again, or mend its times", at=(index, word))


def _overlaps(transcript: Transcript, language: Language) -> _Found:
    """Two speakers may talk at once; one can not."""
    del language
    until: dict[str, float] = {}
    for number, segment in enumerate(transcript.segments, start=1):
        over_s = until.get(segment.speaker, segment.start_s) - segment.start_s
        if over_s > _TOLERANCE_S:
            message = f"it begins {over_s:.2f} s before the same speaker's segment ahead of it ends"
            yield _finding("overlap", number, segment, message, "cut anew with --segments, or name the speakers")
        until[segment.speaker] = max(until.get(segment.speaker, segment.end_s), segment.end_s)


def _empty(transcript: Transcript, language: Language) -> _Found:
    del language
    for number, segment in enumerate(transcript.segments, start=1):
        if not any(letter.isalnum() for letter in segment.text):
            yield _finding("empty", number, segment, "it holds no words", _CLEAN)
        elif segment.end_s == segment.start_s:
            yield _finding("empty", number, segment, "it takes no time", "transcribe again, or mend its times")


def _untimed(transcript: Transcript, language: Language) -> _Found:
    del language
    for number, segment in enumerate(transcript.segments, start=1):
        missing = [index for index, word in enumerate(segment.words, start=1) if None in {word.start_s, word.end_s}]
        if missing:
            what = "no word has a time" if len(missing) == len(segment.words) else f"{len(missing)} words have no time"
            remedy = "transcribe the recording; times between known ones are estimated when it is cut"
            index = missing[0]
            yield _finding("untimed", number, segment, what, remedy, at=(index, segment.words[index - 1]))


def _subtitle_rules(transcript: Transcript, language: Language) -> _Found:
    del language
    if not transcript.subtitles:
        return
    for number, segment in enumerate(transcript.segments, start=1):
        lines = segment.text.splitlines()
        longest = max((len(line) for line in lines), default=0)
        shown_s = segment.end_s - segment.start_s
        speed = len(segment.text) / shown_s if shown_s > 0 else float("inf")
        if len(lines) > LINES or longest > LINE_CHARACTERS:
            message = f"{len(lines)} lines, the longest of {longest} characters"
            yield _finding(
                "subtitle", number, segment, message, f"{LINES} lines of {LINE_CHARACTERS}: write it shorter"
            )
        if speed > CHARACTERS_A_SECOND + 0.5:
            message = f"{speed:.0f} characters a second are too many to read"
            yield _finding("subtitle", number, segment, message, f"at most {CHARACTERS_A_SECOND:.0f}: write it shorter")
        if not MIN_S - _TOLERANCE_S <= shown_s <= MAX_S + _TOLERANCE_S:
            message = f"it stands for {shown_s:.2f} s"
            yield _finding("subtitle", number, segment, message, f"{MIN_S:.2f} to {MAX_S:.0f} s: join or divide it")


_CHECKS: Sequence[_Check] = (_casing, _punctuation, _speakers, _times, _overlaps, _empty, _untimed, _subtitle_rules)


def _numbered(transcript: Transcript) -> list[tuple[int, Segment]]:
    """The segments that have words, with their numbers."""
    return [(number, segment) for number, segment in enumerate(transcript.segments, start=1) if segment.words]


def _finding(
    kind: str, number: int, segment: Segment, message: str, remedy: str, *, at: tuple[int, Word] | None = None
) -> Finding:
    """A finding about a segment, or `at` one of its words: its number and itself."""
    index, start_s = (None, None) if at is None else (at[0], at[1].start_s)
    start_s = segment.start_s if start_s is None else start_s
    return Finding(check=kind, segment=number, word=index, start_s=start_s, message=message, remedy=remedy)
