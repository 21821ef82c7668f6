"""Connections that break: what is said arrives once, what the mesh says is heard once, the application goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from fakes.dialogue_server import PCM, FastClock, sdk_tasks, serving
from fakes.remembered_call import TOKEN, Cut, Network, RememberedCall, network
from google.protobuf.duration_pb2 import Duration
from hypothesis import example, given, settings
from hypothesis import strategies as st

import voicemesh_client as sdk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

FRAME = PCM.size(0.02)
FRAMES = 120


def moment(number: int) -> Duration:
    """Where the frame of that number begins."""
    return Duration(seconds=number // 50, nanos=number % 50 * 20_000_000)


def frame(number: int) -> bytes:
    return number.to_bytes(2, "little") * (FRAME // 2)


@contextlib.asynccontextmanager
async def broken_line(
    memory: RememberedCall, cuts: Sequence[Cut] = (), *, clock: sdk.Clock | None = None, **options: Any
) -> AsyncIterator[tuple[sdk.Session, Network]]:
    """A session over a network that breaks."""
    async with serving(memory.serve) as dialogue, network(dialogue.address, cuts) as line:
        options = {"input_audio": PCM, "output_audio": PCM, "frame_ms": 20, **options}
        async with sdk.connect(line.address, clock=clock) as mesh, mesh.session("clinic", **options) as session:
            yield session, line


async def converse(cuts: Sequence[Cut]) -> tuple[RememberedCall, list[sdk.SessionEvent], Network]:
    """Speaks and types over a network that breaks at given places; the mesh answers each frame with another."""
    memory, seen = RememberedCall(), []

    def answer(request: Any) -> None:
        number = len(memory.frames) - 1
        if request.HasField("audio") and number >= 0:
            audio = {"turn_id": "a", "data": frame(1_000 + number)}
            memory.say(agent_audio={**audio, "offset": moment(number)})
        elif request.HasField("end_of_audio"):
            memory.end()

    memory.on_request = answer
    async with broken_line(memory, cuts) as (session, line):

        async def speak() -> None:
            for number in range(FRAMES // 3):
                await session.send_audio(b"".join(frame(3 * number + place) for place in range(3)))
                if number % 8 == 0:
                    await session.send_text(f"text {number}")
            await session.end_of_audio()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            seen = [event async for event in session]
    assert sdk_tasks() == []
    return memory, seen, line


# A whole conversation sends about 85 kB each way.
CUTS = st.lists(st.builds(Cut, after=st.integers(1, 60_000), from_client=st.booleans()), max_size=4)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(CUTS)
@example([Cut(1), Cut(1), Cut(1, from_client=False)])
@example([Cut(40_000), Cut(3_000), Cut(3_000, from_client=False)])
def test_wherever_connections_break_nothing_is_lost_and_nothing_comes_twice(cuts: list[Cut]) -> None:
    try:
        memory, seen, line = asyncio.run(converse(cuts))
    except sdk.ConnectionDroppedError:
        # The very first connection broke before there was a session.
        assert cuts
        assert cuts[0].after < 2_000
        return
    assert (memory.holes, memory.repeated) == ([], 0)
    assert memory.frames == [frame(number) for number in range(FRAMES)]
    texts = [m.text.text for m in memory.messages if m.HasField("text")]
    assert texts == [f"text {number}" for number in range(0, FRAMES // 3, 8)]
    heard = [event for event in seen if isinstance(event, sdk.AgentAudio)]
    assert b"".join(event.data for event in heard) == b"".join(frame(1_000 + number) for number in range(FRAMES))
    assert not [event for event in seen if isinstance(event, sdk.ErrorNotice)]
    assert len([event for event in seen if isinstance(event, sdk.SessionStarted)]) == 1
    drops = [event for event in seen if isinstance(event, sdk.Reconnecting)]
    returns = [event for event in seen if isinstance(event, sdk.Resumed)]
    assert len(drops) == len(returns) <= line.broken
    assert all(event.lost_audio == 0 for event in returns)
    assert isinstance(seen[-1], sdk.SessionEnded)


async def test_what_is_sent_without_a_connection_waits_and_arrives_once() -> None:
    memory, seen = RememberedCall(), []
    async with serving(memory.serve) as dialogue, network(dialogue.address) as line:
        options = {"input_audio": PCM, "output_audio": PCM, "frame_ms": 20, "outbox_frames": 5}
        async with sdk.connect(line.address) as mesh, mesh.session("clinic", **options) as session:
            dropped = asyncio.Event()
            session.on_reconnecting(lambda _: dropped.set())
            async with asyncio.TaskGroup() as tasks:
                taking = tasks.create_task(session.run(Collect(seen)))
                await session.send_audio(frame(0))
                await memory.until(lambda: len(memory.frames) == 1)
                line.refusing = True
                line.cut_now()
                await dropped.wait()
                for number in range(1, 200):
                    await session.send_audio(frame(number))
                await session.send_text("hello")
                await session.send_dtmf("1#")
                await session.update(muted=True)
                line.refusing = False
                await memory.until(lambda: len(memory.messages) == 3)
                memory.end()
                await taking
    assert memory.frames == [frame(number) for number in range(200)]
    kinds = [message.WhichOneof("request") for message in memory.messages]
    assert kinds == ["text", "dtmf", "update"]
    assert [message.sequence for message in memory.messages] == [1, 2, 3]
    assert (memory.repeated, memory.holes) == (0, [])
    assert [type(event) for event in seen] == [sdk.SessionStarted, sdk.Reconnecting, sdk.Resumed, sdk.SessionEnded]


class Collect:
    def __init__(self, seen: list[sdk.SessionEvent]) -> None:
        self.on_started = self.on_reconnecting = self.on_resumed = self.on_ended = seen.append


async def test_playback_goes_on_over_a_drop_and_is_acknowledged_exactly() -> None:
    memory, played = RememberedCall(window_s=3_000), []
    async with broken_line(memory, clock=FastClock(), sink=played.append) as (session, line):
        memory.say(agent_turn={"turn_id": "a", "text": "hello"})
        for number in range(50):
            audio = {"turn_id": "a", "data": frame(number), "offset": moment(number)}
            memory.say(agent_audio=audio)
            if number == 25:
                await memory.until(lambda: "a" in memory.played)
                line.cut_now()
        memory.say(agent_turn_ended={"turn_id": "a"})
        await memory.until(lambda: memory.played.get("a", (0, False))[1])
        memory.end()
        await session.wait_ended()
    assert memory.played["a"] == (pytest.approx(1.0), True)
    assert b"".join(piece.data for piece in played) == b"".join(frame(number) for number in range(50))


async def test_a_session_that_is_gone_fails_clearly_and_keeps_its_secret(caplog) -> None:
    memory = RememberedCall()
    caplog.set_level(logging.DEBUG)

    async def forgetful(call):
        if memory.said:
            await call.read()
            await call.refuse("SESSION_NOT_RESUMABLE", "nobody knows it", grpc.StatusCode.FAILED_PRECONDITION)
        await memory.serve(call)

    seen: list[sdk.SessionEvent] = []
    async with (
        serving(forgetful) as dialogue,
        network(dialogue.address) as line,
        sdk.connect(line.address) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        line.cut_now()
        with pytest.raises(sdk.SessionLimitError, match="nobody knows it"):
            await session.run(Collect(seen))
        with pytest.raises(sdk.SessionLimitError):
            await session.send_audio(frame(0))
    assert [type(event) for event in seen] == [sdk.SessionStarted, sdk.Reconnecting]
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(seen)
    assert sdk_tasks() == []


async def test_the_window_ends() -> None:
    memory = RememberedCall(window_s=5)
    async with broken_line(memory, clock=FastClock()) as (session, line):
        line.refusing = True
        line.cut_now()
        with pytest.raises(sdk.ConnectionDroppedError, match="could not be resumed within 5 s"):
            await session.run()
    assert sdk_tasks() == []


class Counted(grpc.aio.StreamStreamClientInterceptor):
    """Numbers the connections, as tracing does."""

    def __init__(self) -> None:
        self.connections = 0

    async def intercept_stream_stream(self, continuation, details, requests):
        self.connections += 1
        metadata = grpc.aio.Metadata(*(details.metadata or ()), ("x-connection", str(self.connections)))
        return await continuation(details._replace(metadata=metadata), requests)


async def test_metadata_and_interceptors_go_with_every_connection() -> None:
    memory = RememberedCall()
    async with (
        serving(memory.serve) as dialogue,
        network(dialogue.address) as line,
        sdk.connect(line.address, metadata=[("x-app", "1")], interceptors=[Counted()]) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        await session.send_audio(frame(0))
        await memory.until(lambda: len(memory.frames) == 1)
        line.cut_now()
        await session.send_audio(frame(1))
        await memory.until(lambda: len(memory.frames) == 2)
        memory.end()
        await session.run()
    assert [call.headers["x-connection"] for call in dialogue.calls] == ["1", "2"]
    assert [call.headers["x-app"] for call in dialogue.calls] == ["1", "1"]
    assert sdk_tasks() == []


@pytest.mark.parametrize(("window_s", "resume"), [(0, True), (30, False)])
async def test_without_a_window_or_the_wish_nothing_is_resumed(window_s: int, resume: bool) -> None:
    memory = RememberedCall(window_s=window_s)
    async with broken_line(memory, resume=resume) as (session, line):
        line.cut_now()
        with pytest.raises(sdk.ConnectionDroppedError):
            await session.run()
    assert memory.resumes == []


async def test_leaving_without_a_connection_waits_no_longer_than_the_limit(caplog) -> None:
    memory = RememberedCall()
    async with broken_line(memory, close_timeout_s=0.05) as (session, line):
        line.refusing = True
        line.cut_now()
        async for event in session:
            if isinstance(event, sdk.Reconnecting):
                break
    assert "closed without its last word" in caplog.text
    assert sdk_tasks() == []
