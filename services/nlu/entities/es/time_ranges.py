"""Stretches of a day: "entre las dos y las cuatro", "de nueve a cinco", "por la tarde"."""

import itertools
import re
from collections.abc import Iterator

from services.nlu.entities.clock import clock
from services.nlu.entities.es.times import read_times
from services.nlu.entities.found import Context, Found
from services.nlu.entities.text import SpokenText

_FROM = re.compile(r"\b(?P<frame>entre|de|desde)(?: las?)? $")
_JOINT = re.compile(r"^ (?:a|y|hasta)(?: las?)? $")
_SPAN_OF = {"mañana": "06:00/12:00", "tarde": "12:00/19:00", "noche": "19:00/24:00"}
_PART = re.compile(r"\b(?:por|en|a|de) la (?P<part>mañana|tarde|noche)\b|\besta (?P<this>tarde|noche)\b")
_EARLY_LATE = re.compile(r"\ba (?P<which>1ª|primera|última) hora(?: (?:de|por) la (?P<part>mañana|tarde))?\b")
_HOURS = {"mañana": ("08:00/10:00", "12:00/14:00"), "tarde": ("15:00/17:00", "18:00/20:00")}
"""The first and the last hours of a part of the day."""
_HALF_DAY = 12 * 60


def read_time_ranges(text: SpokenText, context: Context) -> Iterator[Found]:
    """Find stretches of time; a value is "14:00/16:00". A part of the day counts where no time of day is said."""
    times = sorted(read_times(text, context), key=lambda f: f.start)
    for one, other in itertools.pairwise(times):
        frame = _FROM.search(text.canonical, 0, one.start)
        if frame and _JOINT.match(text.canonical[one.end : other.start]):
            start, end = _minutes(one.value), _minutes(other.value)
            if end <= start and one.alternatives:  # "de nueve de la noche"; "de ocho a diez de la mañana"
                start = _minutes(one.alternatives[0])
            if end <= start and end + _HALF_DAY < 24 * 60:
                end += _HALF_DAY
            yield Found("time_range", frame.start(), other.end, f"{clock(start)}/{clock(end)}", 0.97)
    if not times:
        for match in _EARLY_LATE.finditer(text.canonical):
            late = match["which"] == "última"
            part = match["part"] or ("tarde" if late else "mañana")
            yield Found("time_range", match.start(), match.end(), _HOURS[part][late], 0.7)
        for match in _PART.finditer(text.canonical):
            part = match["part"] or match["this"]
            yield Found(
                "time_range", match.start("part") if match["part"] else match.start(), match.end(), _SPAN_OF[part], 0.55
            )


def _minutes(value: str) -> int:
    hour, _, minute = value.partition(":")
    return int(hour) * 60 + int(minute)
