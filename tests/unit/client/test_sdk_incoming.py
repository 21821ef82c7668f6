"""What the mesh says, over several connections: each thing once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicemesh_client.audio import AudioFormat
from voicemesh_client.events import AgentAudio, AgentTurn, AgentTurnEnded, SessionEvent, StopPlayback, Word
from voicemesh_client.incoming import AgentTurns, Gap, Sequence

BASE = {"sequence": 0, "audio_offset": 0.0, "received_at": 0.0}
PCM = AudioFormat.pcm16(16_000)


def audio(begin: int, end: int, *, turn_id: str = "a", words: tuple[Word, ...] = ()) -> AgentAudio:
    """Samples from `begin` to `end` of a turn in which each sample says where it stands."""
    data = b"".join(number.to_bytes(2, "little") for number in range(begin, end))
    return AgentAudio(**BASE, turn_id=turn_id, data=data, offset=round(begin / 16_000, 6), words=words)


def test_numbers_in_a_row_are_new_and_those_before_are_not() -> None:
    sequence = Sequence()
    assert sequence.last is None
    assert [sequence.accept(number) for number in (0, 1, 1, 0, 2)] == [
        (True, None),
        (True, None),
        (False, None),
        (False, None),
        (True, None),
    ]
    assert sequence.last == 2


def test_what_is_missing_is_said_once() -> None:
    sequence = Sequence()
    sequence.accept(0)
    assert sequence.accept(4) == (True, Gap(1, 3))
    assert sequence.accept(5) == (True, None)


def test_the_first_message_of_a_later_connection_runs_ahead() -> None:
    sequence = Sequence()
    for number in range(3):
        sequence.accept(number)
    sequence.begin(6)
    assert sequence.last == 2
    assert [sequence.accept(number) for number in (3, 4, 5, 6, 7)] == [
        (True, None),
        (True, None),
        (True, None),
        (False, None),
        (True, None),
    ]
    sequence.begin(8)
    assert sequence.last == 8
    sequence.begin(3)
    assert sequence.last == 8
    sequence.begin(12)
    assert sequence.accept(13) == (True, Gap(9, 11))


def test_a_first_message_that_never_came_is_not_missed() -> None:
    sequence = Sequence()
    sequence.accept(0)
    sequence.excuse()
    assert sequence.accept(2) == (True, None)
    assert sequence.accept(4) == (True, Gap(3, 3))


def test_a_piece_that_overlaps_is_cut_to_the_sample() -> None:
    turns = AgentTurns(PCM)
    word = Word(text="one", start=0.001, end=0.002)
    later = Word(text="two", start=0.0068, end=0.01)
    assert turns.fresh(audio(0, 100)) == audio(0, 100)
    assert turns.fresh(audio(50, 100)) is None
    cut = turns.fresh(audio(50, 150, words=(word, later)))
    assert isinstance(cut, AgentAudio)
    assert cut.data == audio(100, 150).data
    assert cut.offset == pytest.approx(100 / 16_000)
    assert cut.words == (later,)
    assert turns.fresh(audio(0, 100, turn_id="b")) == audio(0, 100, turn_id="b")


def test_a_turn_begins_and_ends_once_and_orders_always_pass() -> None:
    turns = AgentTurns(PCM)
    begun = AgentTurn(**BASE, turn_id="a", in_reply_to="", text="hello")
    changed = AgentTurn(**BASE, turn_id="a", in_reply_to="", text="hello there")
    ended = AgentTurnEnded(**BASE, turn_id="a", duration=0.0, interrupted=False)
    stop = StopPlayback(**BASE, turn_id="a", may_resume=True)
    passed = [turns.fresh(event) for event in (begun, begun, changed, ended, ended, stop, stop)]
    assert passed == [begun, None, changed, ended, None, stop, stop]


def test_old_turns_are_forgotten() -> None:
    turns = AgentTurns(PCM)
    for number in range(65):
        turns.fresh(audio(0, 10, turn_id=str(number)))
    assert turns.fresh(audio(0, 10, turn_id="64")) is None
    assert turns.fresh(audio(0, 10, turn_id="0")) is not None


def test_without_a_format_audio_passes() -> None:
    turns = AgentTurns(None)
    event: SessionEvent = audio(0, 10)
    assert turns.fresh(event) == turns.fresh(event) == event


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 400), st.lists(st.integers(1, 300), min_size=1, max_size=6)), max_size=8))
def test_however_often_a_turn_is_said_again_its_samples_come_once(takes: list[tuple[int, list[int]]]) -> None:
    turns, heard, until = AgentTurns(PCM), b"", 0
    for back, pieces in takes:
        place = max(0, until - back)
        for length in pieces:
            fresh = turns.fresh(audio(place, place + length))
            place += length
            if isinstance(fresh, AgentAudio):
                assert round(fresh.offset * 16_000) == len(heard) // 2
                heard += fresh.data
        until = max(until, place)
    assert heard == audio(0, until).data
