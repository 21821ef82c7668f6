"""Stretches of a day: "between two and four", "nine to five", "in the afternoon"."""

import re
from collections.abc import Iterator

from services.nlu.entities.clock import clock, in_business_hours, in_half
from services.nlu.entities.en.time_words import NOT_TIMES, is_afternoon, offset
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_HALF = r"a\.? ?m\b\.?|p\.? ?m\b\.?|in the (?:morning|afternoon|evening)|at night"


def _time(name: str) -> str:
    minutes = (
        rf"(?P<{name}_past>half|(?:a )?quarter|\d\d?) past |(?P<{name}_to>(?:a )?quarter|10|20|5) to "
        rf"|(?P<{name}_halfpast>half )"
    )
    clock_time = rf"(?P<{name}_hour>[01]?\d|2[0-4])(?:[:. ](?P<{name}_minute>[0-5]\d))?(?: o'clock)?"
    return rf"(?:(?P<{name}_named>noon|midday|midnight)|(?:{minutes})?{clock_time}(?: ?(?P<{name}_half>{_HALF}))?)"


_JOINT = r" (?:to|till|until|and|through) (?:about |around )?"
_FRAMED = re.compile(rf"\b(?:between|from|any time from|anywhere from) {_time('one')}{_JOINT}{_time('two')}{NOT_TIMES}")
_PLAIN = re.compile(
    rf"(?<![\w$€£.,:/-]){_time('one')}(?: (?P<joint>to|till|until) | ?[-\u2013] ?){_time('two')}{NOT_TIMES}"
)
_TO = frozenset({"5", "10", "20", "25"})
_SPAN_OF = {"morning": "06:00/12:00", "afternoon": "12:00/18:00", "evening": "18:00/22:00", "night": "20:00/24:00"}
_PART = re.compile(
    r"\b(?:in the |this |tomorrow |(?<=day )|(?<=yesterday )|(?<=prefer )(?:the )?|any )"
    r"(?P<part>morning|afternoon|evening)\b"
    r"|\b(?P<night>tonight|tomorrow night)\b|\b(?P<at_night>at night)\b"
)
_WITHIN = {
    "early in the morning": "06:00/09:00",
    "1st thing in the morning": "08:00/10:00",
    "1st thing": "08:00/10:00",
    "late in the morning": "10:00/12:00",
    "early in the afternoon": "12:00/15:00",
    "late in the afternoon": "15:00/18:00",
    "early in the evening": "18:00/20:00",
    "late in the evening": "20:00/22:00",
    "around lunchtime": "12:00/14:00",
    "around lunch": "12:00/14:00",
    "at lunchtime": "12:00/14:00",
}
_NEARER = re.compile(rf"\b(?:{'|'.join(_WITHIN)})\b")
_A_TIME = re.compile(r"\b(?:\d{1,2}|noon|midday|midnight)\b")


def read_time_ranges(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find stretches of time; a value is "14:00/16:00". A part of the day counts where no time of day is said."""
    waited = bool({"time", "time_range"} & set(context.expected))
    for match in _FRAMED.finditer(text.canonical):
        yield from _found(match, 0.98)
    for match in _PLAIN.finditer(text.canonical):
        groups = match.groupdict()
        clear = any(groups[f"{name}_{kind}"] for name in ("one", "two") for kind in ("named", "half", "minute"))
        if not groups["one_minute"] and not groups["one_half"] and match["joint"] == "to" and groups["one_hour"] in _TO:
            continue  # "twenty to eight in the evening" is one time
        if clear or waited or not match.string[: match.start()] + match.string[match.end() :].strip(" .!?"):
            yield from _found(match, 0.98 if clear else 0.7)
    if not _A_TIME.search(text.canonical):
        for match in _NEARER.finditer(text.canonical):
            yield Found("time_range", match.start(), match.end(), _WITHIN[match.group()], 0.6)
        for match in _PART.finditer(text.canonical):
            part = match["part"] or ("evening" if match["night"] else "night")
            yield Found(
                "time_range", match.start("part") if match["part"] else match.start(), match.end(), _SPAN_OF[part], 0.55
            )


def _found(match: re.Match[str], confidence: float) -> Iterator[Found]:
    start, end = match.start(), match.end()
    one, one_sure = _minutes(match, "one")
    two, two_sure = _minutes(match, "two")
    if one_sure and two_sure:
        yield Found("time_range", start, end, _span(one, two), confidence)
    elif two_sure:  # "two to four pm", "eleven to one pm"
        half = in_half(one, afternoon=two >= 720)
        first = half if half < two else in_half(one, afternoon=two < 720)
        yield Found("time_range", start, end, _span(first, two), confidence)
    else:
        likely, other = (one, one) if one_sure else in_business_hours(one)
        others = () if one_sure else (_span(other, _behind(other, two)),)
        yield Found("time_range", start, end, _span(likely, _behind(likely, two)), confidence - 0.05, others)


def _behind(one: int, two: int) -> int:
    """Return the first time behind the beginning that the end may mean."""
    return one + ((two - one) % 720 or 720)


def _span(one: int, two: int) -> str:
    return f"{clock(one)}/{clock(two)}"


def _minutes(match: re.Match[str], name: str) -> tuple[int, bool]:
    """Return minutes since midnight, and whether the half of the day is decided."""
    groups = {key.removeprefix(f"{name}_"): said for key, said in match.groupdict().items() if key.startswith(name)}
    if groups["named"]:
        return (0 if groups["named"] == "midnight" else 720), True
    minutes = int(groups["hour"]) * 60 + int(groups["minute"] or 0)
    if groups["past"]:
        minutes += offset(groups["past"])
    elif groups["to"]:
        minutes -= offset(groups["to"])
    elif groups["halfpast"]:
        minutes += 30
    if groups["half"]:
        return in_half(minutes, afternoon=is_afternoon(groups["half"], minutes)), True
    return minutes, minutes >= 13 * 60 or groups["hour"].startswith("0")
