"""From voice probabilities to utterances, on tables of chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asr.model import ActivityKind, Endpointing
from services.asr.segmenter import CHUNK, PRE_ROLL, Segmenter, SpeechEvent

STARTED, PAUSED, RESUMED, ENDED = ActivityKind
QUICK = Endpointing(speculate_after_s=0.15, silence_s=0.48, max_utterance_s=20.0)
LOUD = -20.0
KINDS = {"V": (0.9, LOUD), "w": (0.4, LOUD), ".": (0.05, -80.0), "f": (0.9, -70.0)}


def follow(pattern: str, policy: Endpointing = QUICK) -> list[tuple[str, int, int]]:
    """Feed a picture of chunks (V voice, w weak voice, . silence, f faded); return kind, chunk and utterance."""
    segmenter = Segmenter(policy)
    events: list[SpeechEvent] = []
    for letter in pattern:
        events += segmenter.feed(*KINDS[letter])
    return [(event.kind.value, event.at // CHUNK, event.utterance) for event in events]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("....", []),
        # One chunk is a click; two are speech.
        ("..V..", []),
        ("..VV", [("started", 2, 0)]),
        # A weak voice holds an onset and goes on, but begins nothing.
        ("..Vw", [("started", 2, 0)]),
        ("..www", []),
        # 150 ms of silence are five chunks, 480 ms fifteen.
        ("VVV....", [("started", 0, 0)]),
        ("VVV.....", [("started", 0, 0), ("paused", 3, 0)]),
        ("VVV" + 14 * ".", [("started", 0, 0), ("paused", 3, 0)]),
        ("VVV" + 15 * ".", [("started", 0, 0), ("paused", 3, 0), ("ended", 3, 0)]),
        # A short gap is no pause.
        ("VVV..VV", [("started", 0, 0)]),
        # After a pause a weak voice is not enough to go on.
        ("VV.....wwV", [("started", 0, 0), ("paused", 2, 0), ("resumed", 9, 0)]),
        # The silence is counted anew after each resumption.
        (
            "VV.....VV" + 15 * ".",
            [("started", 0, 0), ("paused", 2, 0), ("resumed", 7, 0), ("paused", 9, 0), ("ended", 9, 0)],
        ),
        # The detector still hears a voice, but it has faded far under the rest.
        ("VVVff" + 13 * ".", [("started", 0, 0), ("paused", 3, 0), ("ended", 3, 0)]),
        # The next utterance has the next number.
        (
            "VV" + 15 * "." + "VV",
            [("started", 0, 0), ("paused", 2, 0), ("ended", 2, 0), ("started", 17, 1)],
        ),
    ],
)
def test_what_the_chunks_show(pattern: str, expected: list[tuple[str, int, int]]) -> None:
    assert follow(pattern) == expected


def test_without_speculation_there_is_no_pause_before_the_end_but_the_order_holds() -> None:
    policy = Endpointing(speculate_after_s=5.0, silence_s=0.48)
    assert [kind for kind, _, _ in follow("VV" + 16 * ".", policy)] == ["started", "ended"]


def test_manual_endpointing_waits_for_finalize() -> None:
    segmenter = Segmenter(Endpointing(manual=True))
    events = [e.kind for letter in "VV" + 60 * "." for e in segmenter.feed(*KINDS[letter])]
    assert events == [STARTED, PAUSED]
    assert [(e.kind, e.at) for e in segmenter.finalize()] == [(ENDED, 2 * CHUNK)]
    assert segmenter.finalize() == []


def test_an_utterance_is_cut_at_its_longest_and_the_next_begins_where_it_was_cut() -> None:
    segmenter = Segmenter(Endpointing(max_utterance_s=0.32))
    events = [e for _ in range(14) for e in segmenter.feed(0.9, LOUD)]
    assert [(e.kind, e.at // CHUNK, e.utterance) for e in events] == [(STARTED, 0, 0), (ENDED, 10, 0), (STARTED, 10, 1)]
    # No pre-roll: those samples were the last utterance's.
    assert segmenter.audio_from == 10 * CHUNK


def test_the_pre_roll_reaches_before_the_onset_but_not_into_the_last_utterance() -> None:
    segmenter = Segmenter(QUICK)
    for letter in 20 * "." + "VV":
        segmenter.feed(*KINDS[letter])
    assert segmenter.onset == 20 * CHUNK
    assert segmenter.audio_from == 20 * CHUNK - PRE_ROLL
    segmenter.finalize()
    for letter in "..VV":
        segmenter.feed(*KINDS[letter])
    assert segmenter.audio_from == 22 * CHUNK


def test_a_new_policy_holds_from_the_next_chunk_on() -> None:
    segmenter = Segmenter(QUICK)
    for letter in "VV......":
        segmenter.feed(*KINDS[letter])
    segmenter.configure(Endpointing(silence_s=0.2))
    assert [e.kind for e in segmenter.feed(*KINDS["."])] == [ENDED]


def test_quiet_is_counted_from_the_last_voice() -> None:
    segmenter = Segmenter(QUICK)
    for letter in 10 * ".":
        segmenter.feed(*KINDS[letter])
    assert segmenter.quiet == 10 * CHUNK
    for letter in "VV":
        segmenter.feed(*KINDS[letter])
    assert segmenter.quiet == 0
    for letter in 15 * ".":
        segmenter.feed(*KINDS[letter])
    assert segmenter.quiet == 15 * CHUNK


@given(st.text("Vw.f", max_size=120))
def test_every_utterance_starts_once_ends_once_and_alternates_between(pattern: str) -> None:
    segmenter = Segmenter(QUICK)
    events = [e for letter in pattern for e in segmenter.feed(*KINDS[letter])] + segmenter.finalize()
    follows = {None: {STARTED}, STARTED: {PAUSED, ENDED}, PAUSED: {RESUMED, ENDED}, RESUMED: {PAUSED, ENDED}}
    last, at, utterance = None, 0, 0
    for event in events:
        assert event.kind in follows[last]
        assert event.at >= at
        assert event.utterance == utterance
        at = event.at
        last = None if event.kind is ENDED else event.kind
        utterance += event.kind is ENDED
    assert last is None
