"""A call on tape, and how its notes are sorted into turns."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import voicemesh_client as sdk
from voicemesh_cli.caller.notes import Notes
from voicemesh_cli.caller.recording import SpokenTurn
from voicemesh_cli.caller.report import CallerBegan, CallerEnded
from voicemesh_cli.caller.tape import Tape

RATE = 8_000


def piece(at: float, value: int, turn_id: str = "a", seconds: float = 0.02) -> sdk.PlayedAudio:
    data = np.full(round(seconds * RATE), value, "<i2").tobytes()
    return sdk.PlayedAudio(turn_id, data, 0.0, at)


def test_both_sides_lie_on_one_timeline(tmp_path) -> None:
    tape = Tape(RATE)
    tape.began = 50.0
    tape.caller(np.full(RATE // 2, 7, np.int16), 50.0)
    tape.caller(np.full(RATE // 2, 7, np.int16), 50.51)
    # Woken a little late for the second piece, which is no gap; the third comes after a real one.
    for audio in (piece(50.5, 1), piece(50.53, 2), piece(51.5, 3), piece(51.5, 4, "b")):
        tape.agent(audio)
    both = tape.tracks()
    assert both.shape == (round(1.54 * RATE), 2)
    assert both[:RATE, 0].tolist() == [7] * RATE
    assert not both[RATE:, 0].any()
    starts = {value: int(np.flatnonzero(both[:, 1] == value)[0]) / RATE for value in (1, 2, 3, 4)}
    assert starts == {1: 0.5, 2: 0.52, 3: 1.5, 4: 1.52}
    files = tape.write(tmp_path / "new", "call")
    agent, rate = soundfile.read(files["agent"], dtype="int16")
    call, _ = soundfile.read(files["call"], dtype="int16")
    assert rate == RATE
    assert agent.tolist() == both[:, 1].tolist()
    assert call.tolist() == both.tolist()


def test_what_is_heard_before_the_caller_sends_is_at_the_beginning() -> None:
    tape = Tape(RATE)
    tape.agent(piece(49.0, 1))
    tape.began = 50.0
    tape.agent(piece(49.02, 2))
    assert tape.tracks()[:, 1].tolist() == [1] * 160 + [2] * 160


def event(kind: type[sdk.Event], at: float, **fields: object) -> sdk.Event:
    return kind(sequence=0, audio_offset=0.0, received_at=50.0 + at, **fields)


def heard(turn_id: str, text: str, at: float, start: float) -> sdk.Event:
    return event(sdk.Transcript, at, turn_id=turn_id, text=text, is_final=True, start=start, end=start + 1)


def test_words_meanings_and_answers_find_their_turn() -> None:
    tape, told = Tape(RATE), []
    tape.began = 50.0
    notes = Notes(tape, told.append)
    notes.on_agent_turn(event(sdk.AgentTurn, 0.1, turn_id="g", in_reply_to="", text="welcome"))
    notes.caller_began(SpokenTurn("one", 0, 1), 2.0, 0.0)
    notes.on_transcript(event(sdk.Transcript, 2.5, turn_id="c1", text="o", is_final=False, start=2.0, end=2.4))
    notes.caller_ended(3.0, 0.0)
    notes.on_transcript(heard("c1", "one", 3.4, start=1.9))
    meaning = {"confidence": 0.9, "out_of_scope": False}
    notes.on_understanding(event(sdk.Understanding, 3.4, turn_id="c1", intent="greet", **meaning))
    notes.on_agent_turn(event(sdk.AgentTurn, 3.5, turn_id="a1", in_reply_to="c1", text="first"))
    notes.on_agent_audio(event(sdk.AgentAudio, 3.6, turn_id="a1", data=b"", offset=0.0))
    notes.on_agent_audio(event(sdk.AgentAudio, 3.7, turn_id="a1", data=b"", offset=0.1))
    latency = sdk.TurnLatency(
        endpointing=0.3, transcription=0.1, understanding=0.05, policy=0.0, synthesis=0.1, total=0.55
    )
    notes.on_agent_turn_ended(
        event(sdk.AgentTurnEnded, 3.9, turn_id="a1", duration=1.0, interrupted=False, latency=latency)
    )
    # The machine was stuck for half a second in between: audio clock and moments part.
    notes.caller_began(SpokenTurn("two", 2, 3), 6.0, 0.5)
    notes.caller_ended(7.0, 0.6)
    # The words of the second turn come before their answer, the answer does not say what it answers.
    notes.on_transcript(heard("c2", "two", 7.8, start=5.6))
    notes.on_agent_turn(event(sdk.AgentTurn, 7.9, turn_id="a2", in_reply_to="", text="second"))
    notes.on_error(event(sdk.ErrorNotice, 7.6, reason="OVERLOADED", message="m", metadata={}, retry_after_s=None))
    greeting = notes.sort()
    assert [turn.text for turn in greeting] == ["welcome"]
    first, second = notes.turns
    assert (first.spoken, first.text, first.intent, first.reply) == ("one", "one", "greet", "first")
    assert first.first_audio_s == pytest.approx(0.6)
    assert first.document()["latency_ms"] == {
        "first_audio": 600.0,
        "endpointing": 300.0,
        "transcription": 100.0,
        "understanding": 50.0,
        "policy": 0.0,
        "synthesis": 100.0,
        "total": 550.0,
    }
    assert (second.text, second.intent, second.reply, second.first_audio_s) == ("two", "", "second", None)
    assert second.document()["latency_ms"] == {"first_audio": None}
    assert [error.reason for error in notes.errors] == ["OVERLOADED"]
    moments = [moment for moment in told if isinstance(moment.what, CallerBegan | CallerEnded)]
    assert [moment.at_s for moment in moments] == [2.0, 3.0, 6.5, 7.6]
    assert len(told) == 4 + 11
