"""The player of the agent's audio: in real time, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from fakes.manual_clock import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st

from voicemesh_client.audio import AudioFormat
from voicemesh_client.events import AgentAudio, AgentTurn, AgentTurnEnded, ResumePlayback, StopPlayback
from voicemesh_client.speaker import PlayedAudio, Speaker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PCM = AudioFormat.pcm16(16_000)
BASE = {"sequence": 0, "audio_offset": 0.0, "received_at": 0.0}


def turn(turn_id: str) -> AgentTurn:
    return AgentTurn(**BASE, turn_id=turn_id, in_reply_to="", text="hello")


def audio(turn_id: str, seconds: float, offset: float = 0.0) -> AgentAudio:
    return AgentAudio(**BASE, turn_id=turn_id, data=PCM.silence(seconds), offset=offset)


def ended(turn_id: str) -> AgentTurnEnded:
    return AgentTurnEnded(**BASE, turn_id=turn_id, duration=0.0, interrupted=False)


class Bench:
    """A speaker under test with all that it plays and acknowledges."""

    def __init__(self, clock, form: AudioFormat | None = PCM, **options) -> None:
        self.acknowledged: list[tuple[str, float, bool]] = []
        self.played: list[PlayedAudio] = []
        self.speaker = Speaker(form, clock, self._acknowledge, **{"sink": self.played.append, **options})

    async def _acknowledge(self, turn_id: str, played: float, finished: bool) -> None:
        self.acknowledged.append((turn_id, round(played, 3), finished))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Speaker]:
        async with asyncio.TaskGroup() as tasks:
            player = tasks.create_task(self.speaker.run())
            yield self.speaker
            player.cancel()


async def test_audio_is_played_in_real_time_and_acknowledged(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(turn("a"))
        speaker.take(audio("a", 0.25))
        speaker.take(ended("a"))
        assert not speaker.idle
        await clock.advance(0.15)
        assert bench.acknowledged == [("a", 0.1, False)]
        assert speaker.buffered_s == pytest.approx(0.09, abs=0.011)
        await clock.advance(0.2)
        await speaker.wait_idle()
    assert bench.acknowledged == [("a", 0.1, False), ("a", 0.2, False), ("a", 0.25, True)]
    assert [round(piece.at - 100, 3) for piece in bench.played] == [round(0.02 * n, 3) for n in range(13)]
    assert [round(piece.offset, 3) for piece in bench.played] == [round(0.02 * n, 3) for n in range(13)]
    assert sum(len(piece.data) for piece in bench.played) == PCM.size(0.25)


async def test_what_comes_after_a_gap_is_played_when_it_comes(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(audio("a", 0.02))
        await clock.advance(0.3)
        speaker.take(audio("a", 0.02, offset=0.02))
        await clock.advance(0.1)
    assert [round(piece.at - 100, 3) for piece in bench.played] == [0.0, 0.3]


async def test_stop_makes_void_what_is_buffered(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(turn("a"))
        speaker.take(audio("a", 5.0))
        speaker.take(ended("a"))
        await clock.advance(0.09)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=False))
        assert speaker.buffered_s == 0
        speaker.take(audio("a", 1.0, offset=0.1))
        await clock.advance(1.0)
        assert speaker.idle
    assert bench.acknowledged == [("a", 0.1, False), ("a", 0.1, True)]
    assert len(bench.played) == 5


async def test_a_stopped_turn_may_go_on(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(turn("a"))
        speaker.take(audio("a", 1.0))
        await clock.advance(0.03)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=True))
        await clock.advance(0.5)
        assert bench.acknowledged == [("a", 0.04, False)]
        assert not speaker.idle, "the turn is open still"
        speaker.take(audio("a", 0.06, offset=1.0))
        speaker.take(ended("a"))
        await clock.advance(0.5)
        assert bench.acknowledged == [("a", 0.04, False)], "what comes meanwhile waits too"
        speaker.take(ResumePlayback(**BASE, turn_id="a"))
        await clock.advance(2)
        assert speaker.idle
    assert bench.acknowledged[-1] == ("a", 1.06, True)
    offsets = [round(piece.offset, 3) for piece in bench.played]
    assert offsets == [round(number * 0.02, 3) for number in range(53)], "no sample is lost, none is played twice"


async def test_a_paused_turn_may_be_void_after_all(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(audio("a", 1.0))
        await clock.advance(0.03)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=True))
        await clock.advance(0.5)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=False))
        speaker.take(audio("b", 0.04))
        speaker.take(ended("b"))
        await clock.advance(0.2)
        assert speaker.idle
    assert [piece.turn_id for piece in bench.played] == ["a", "a", "b", "b"]
    assert bench.acknowledged == [("a", 0.04, False), ("a", 0.04, True), ("b", 0.04, True)]


async def test_a_turn_that_is_paused_when_the_session_ends_is_void(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(audio("a", 1.0))
        await clock.advance(0.03)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=True))
        speaker.end_of_stream()
        await clock.advance(0.05)
        assert speaker.idle
    assert bench.acknowledged == [("a", 0.04, True)]
    assert len(bench.played) == 2


async def test_a_turn_paused_behind_its_last_sample_ends_when_it_goes_on(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(audio("a", 0.04))
        await clock.advance(0.03)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=True))
        speaker.take(ended("a"))
        await clock.advance(1)
        assert bench.acknowledged == [("a", 0.04, False)]
        speaker.take(ResumePlayback(**BASE, turn_id="a"))
        await clock.advance(0)
        assert speaker.idle
    assert bench.acknowledged == [("a", 0.04, False), ("a", 0.04, True)]


async def test_a_sink_that_buffers_is_told_at_once(clock) -> None:
    class SoundCard:
        def __init__(self) -> None:
            self.log: list[str] = []

        def __call__(self, piece: PlayedAudio) -> None:
            self.log.append(f"{piece.turn_id} {piece.offset:.2f}")

        def pause(self, turn_id: str) -> None:
            self.log.append(f"pause {turn_id}")

        def resume(self, turn_id: str) -> None:
            self.log.append(f"resume {turn_id}")

        def discard(self, turn_id: str) -> None:
            self.log.append(f"discard {turn_id}")

    card = SoundCard()
    bench = Bench(clock, sink=card)
    async with bench.running() as speaker:
        speaker.take(audio("a", 1.0))
        await clock.advance(0.01)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=True))
        assert card.log == ["a 0.00", "pause a"]
        await clock.advance(1)
        speaker.take(ResumePlayback(**BASE, turn_id="a"))
        speaker.take(ResumePlayback(**BASE, turn_id="a"))
        await clock.advance(0.01)
        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=False))
        await clock.advance(1)
        assert speaker.idle
    assert card.log == ["a 0.00", "pause a", "resume a", "a 0.02", "discard a"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["audio", "pause", "resume"]), st.integers(0, 90)), max_size=30))
def test_pauses_at_any_time_lose_no_sample_and_repeat_none(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        clock = ManualClock()
        bench = Bench(clock)
        async with bench.running() as speaker:
            said = 0
            for step, milliseconds in steps:
                match step:
                    case "audio":
                        speaker.take(audio("a", 0.03, offset=said * 0.03))
                        said += 1
                    case "pause":
                        speaker.take(StopPlayback(**BASE, turn_id="a", may_resume=True))
                        await clock.advance(0.02)
                        silent = len(bench.played)
                        await clock.advance(0.05)
                        assert len(bench.played) == silent, "it is silent within one piece"
                    case _:
                        speaker.take(ResumePlayback(**BASE, turn_id="a"))
                await clock.advance(milliseconds / 1_000)
            speaker.take(ResumePlayback(**BASE, turn_id="a"))
            speaker.take(ended("a"))
            await clock.advance(5)
            assert speaker.idle
        places = [round(piece.offset * 16_000) for piece in bench.played]
        lengths = [len(piece.data) // 2 for piece in bench.played]
        assert places == [sum(lengths[:number]) for number in range(len(lengths))]
        assert sum(lengths) == said * 480
        assert all(place <= round(said * 0.03, 3) for _, place, _ in bench.acknowledged)
        progress = [place for _, place, _ in bench.acknowledged]
        assert progress == sorted(progress)
        if said:
            assert bench.acknowledged[-1] == ("a", round(said * 0.03, 3), True)

    asyncio.run(play())


async def test_turns_are_played_one_behind_the_other(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        for name in ("a", "b"):
            speaker.take(audio(name, 0.04))
            speaker.take(ended(name))
        await clock.advance(0.2)
    assert [piece.turn_id for piece in bench.played] == ["a", "a", "b", "b"]
    assert bench.acknowledged == [("a", 0.04, True), ("b", 0.04, True)]


async def test_a_full_buffer_drops_what_is_new_and_still_stops(clock, caplog) -> None:
    bench = Bench(clock, max_buffer_s=0.1)
    async with bench.running() as speaker:
        speaker.take(audio("a", 0.08))
        speaker.take(audio("a", 0.08, offset=0.08))
        speaker.take(ended("a"))
        await clock.advance(1.0)
    assert "dropped" in caplog.text
    assert bench.acknowledged == [("a", 0.08, True)]


async def test_without_audio_a_turn_is_over_when_it_is_written(clock) -> None:
    bench = Bench(clock, form=None)
    async with bench.running() as speaker:
        speaker.take(turn("a"))
        assert not speaker.idle
        speaker.take(ended("a"))
        await clock.advance(0)
        assert speaker.idle
    assert bench.acknowledged == [("a", 0.0, True)]
    assert bench.played == []


async def test_the_end_of_the_stream_ends_open_turns_after_their_audio(clock) -> None:
    bench = Bench(clock)
    async with bench.running() as speaker:
        speaker.take(turn("a"))
        speaker.take(audio("a", 0.1))
        speaker.end_of_stream()
        await clock.advance(0.05)
        assert not speaker.idle
        await clock.advance(0.1)
        assert speaker.idle
    assert bench.acknowledged[-1] == ("a", 0.1, True)


async def test_an_async_sink_is_awaited_and_its_error_passes_through(clock) -> None:
    async def broken(_: PlayedAudio) -> None:
        raise OSError("no loudspeaker")

    async def acknowledge(*_: object) -> None:
        raise AssertionError("nothing was played")

    speaker = Speaker(PCM, clock, acknowledge, sink=broken)
    speaker.take(audio("a", 0.1))
    with pytest.raises(OSError, match="no loudspeaker"):
        await speaker.run()
