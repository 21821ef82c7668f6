"""A mesh of several instances: the SDK goes to the next when one dies, stops, refuses or goes away."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from fakes.dialogue_server import PCM, FakeDialogue, sdk_tasks, serving
from fakes.remembered_call import RememberedCall, network

import voicemesh_client as sdk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FRAME = PCM.size(0.02)


def frame(number: int) -> bytes:
    return number.to_bytes(2, "little") * (FRAME // 2)


@contextlib.asynccontextmanager
async def two_instances(memory: RememberedCall) -> AsyncIterator[tuple[FakeDialogue, FakeDialogue]]:
    async with serving(memory.serve) as one, serving(memory.serve) as two:
        yield one, two


def targets(*instances: FakeDialogue) -> str:
    return ",".join(instance.address for instance in instances)


async def speak(session: sdk.Session, memory: RememberedCall, numbers: range) -> None:
    for number in numbers:
        await session.send_audio(frame(number))
    await memory.until(lambda: len(memory.frames) == numbers.stop)


async def refusing(call: Any) -> None:
    await call.read()
    await call.refuse("SESSION_NOT_RESUMABLE", "it is not here", grpc.StatusCode.FAILED_PRECONDITION)


async def test_a_dead_instance_is_passed_over_and_tried_last_from_then_on() -> None:
    async with serving() as dead, serving() as alive:
        await dead.server.stop(0)
        async with sdk.connect([dead.address, alive.address]) as mesh:
            async with mesh.session("clinic"):
                assert mesh.addresses == (alive.address, dead.address)
            assert [domain.name for domain in await mesh.domains()] == ["clinic"]
        async with sdk.connect(targets(dead, alive)) as mesh:
            assert [domain.name for domain in await mesh.domains()] == ["clinic"]
            assert mesh.addresses == (alive.address, dead.address)


async def test_an_instance_that_is_full_is_passed_over_and_one_that_refuses_for_good_is_believed() -> None:
    async def full(call):
        await call.read()
        await call.refuse("OVERLOADED", "full", grpc.StatusCode.RESOURCE_EXHAUSTED)

    async def wrong(call):
        await call.read()
        await call.refuse("UNRECOGNIZED_LANGUAGE", "no engine speaks tlh")

    async with serving(full) as one, serving() as two, serving(wrong) as three:
        async with sdk.connect(targets(one, two)) as mesh, mesh.session("clinic"):
            assert len(two.calls) == 1
        async with sdk.connect(targets(one, three, two)) as mesh:
            with pytest.raises(sdk.UnrecognizedLanguageError):
                async with mesh.session("clinic"):
                    pytest.fail("the session was not started")
        async with sdk.connect(one.address) as mesh:
            with pytest.raises(sdk.OverloadedError):
                async with mesh.session("clinic"):
                    pytest.fail("the session was not started")


async def test_a_session_goes_on_at_another_instance_when_its_own_dies() -> None:
    memory, kinds = RememberedCall(), []
    async with (
        two_instances(memory) as (one, two),
        sdk.connect(targets(one, two)) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        await speak(session, memory, range(30))
        await one.server.stop(0)
        await speak(session, memory, range(30, 60))
        assert mesh.addresses == (two.address, one.address)
        memory.end()
        kinds = [type(event) async for event in session]
    assert kinds == [sdk.SessionStarted, sdk.Reconnecting, sdk.Resumed, sdk.SessionEnded]
    assert memory.frames == [frame(number) for number in range(60)]
    assert (memory.holes, len(two.calls)) == ([], 1)
    assert memory.resumes[0].first_replayable_sequence == 0
    assert sdk_tasks() == []


async def test_an_instance_that_does_not_know_the_session_is_not_the_last_word() -> None:
    memory, troubles = RememberedCall(), 1

    async def troubled(call):
        nonlocal troubles
        if memory.said and troubles:
            troubles -= 1
            await call.read()
            await call.context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        await memory.serve(call)

    async with (
        serving(troubled) as one,
        serving(refusing) as two,
        network(one.address) as line,
        sdk.connect([line.address, two.address]) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        await speak(session, memory, range(10))
        line.cut_now()
        await speak(session, memory, range(10, 20))
        memory.end()
        await session.run()
    assert memory.frames == [frame(number) for number in range(20)]
    assert (len(one.calls), len(two.calls)) == (3, 1)


async def test_where_only_the_network_broke_the_session_stays_where_it_is() -> None:
    memory = RememberedCall()
    async with (
        two_instances(memory) as (one, two),
        network(one.address) as line,
        sdk.connect([line.address, two.address]) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        await speak(session, memory, range(10))
        line.cut_now()
        await speak(session, memory, range(10, 20))
        memory.end()
        await session.run()
    assert memory.frames == [frame(number) for number in range(20)]
    assert (len(one.calls), len(two.calls)) == (2, 0)


async def test_an_instance_that_shuts_down_is_left_at_once() -> None:
    async def leaving(call):
        await call.start(window=30)
        await call.refuse("SHUTTING_DOWN", "going away", grpc.StatusCode.UNAVAILABLE)

    async def other(call):
        await call.read()
        call.sequence = 1
        await call.send(started={"session_id": "s-1", "resumed": True})
        await call.end()

    async with (
        serving(leaving) as one,
        serving(other) as two,
        sdk.connect(targets(one, two)) as mesh,
        mesh.session("clinic") as session,
    ):
        await session.run()
        assert mesh.addresses == (two.address, one.address)
    assert (len(one.calls), len(two.calls)) == (1, 1)


async def test_a_stopped_instance_is_noticed_and_left() -> None:
    memory = RememberedCall()
    async with (
        two_instances(memory) as (one, two),
        network(one.address) as line,
        sdk.connect([line.address, two.address]) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        await speak(session, memory, range(10))
        # As with SIGSTOP: connections stand, and nothing answers.
        line.frozen = True
        await speak(session, memory, range(10, 20))
        memory.end()
        await session.run()
    assert memory.frames == [frame(number) for number in range(20)]
    assert len(two.calls) == 1


async def test_an_instance_that_goes_away_hands_the_session_over_without_a_gap() -> None:
    memory, seen = RememberedCall(), []

    async def lingering(call):
        await memory.serve(call)
        await call.read("end")

    async with (
        serving(lingering) as one,
        serving(memory.serve) as two,
        sdk.connect(targets(one, two)) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        await speak(session, memory, range(10))
        memory.say(go_away={"deadline": {"seconds": 60}})
        await memory.until(lambda: len(memory.resumes) == 1)
        await speak(session, memory, range(10, 20))
        await one.calls[0].closed.wait()
        await session.send_text("still here")
        await memory.until(lambda: len(memory.messages) == 1)
        memory.end()
        seen = [event async for event in session]
    assert [type(event) for event in seen] == [sdk.SessionStarted, sdk.GoAway, sdk.Resumed, sdk.SessionEnded]
    assert (seen[2].downtime, seen[2].lost_audio) == (0, 0)
    assert memory.frames == [frame(number) for number in range(20)]
    assert (memory.holes, len(one.calls), len(two.calls)) == ([], 1, 1)
    assert sdk_tasks() == []


async def test_where_nobody_takes_the_session_over_it_stays_until_the_end() -> None:
    memory = RememberedCall()

    async def leaving(call):
        await (refusing(call) if memory.said else memory.serve(call))

    async with (
        serving(leaving) as one,
        serving(refusing) as two,
        sdk.connect(targets(one, two)) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        memory.say(go_away={"deadline": {"seconds": 60}})
        async for event in session:
            if isinstance(event, sdk.GoAway):
                break
        await speak(session, memory, range(10))
        memory.say(agent_turn={"turn_id": "a", "text": "good bye"})
        memory.end()
        kinds = [type(event) async for event in session]
    assert kinds == [sdk.AgentTurn, sdk.SessionEnded]
    assert (len(one.calls), len(two.calls)) == (2, 1)
    assert memory.frames == [frame(number) for number in range(10)]


async def test_a_turn_that_another_instance_says_again_is_heard_once() -> None:
    memory = RememberedCall()
    said = b"".join(frame(number) for number in range(10))

    def say(begin: int, end: int) -> None:
        data, nanos = said[begin * FRAME : end * FRAME], begin * 20_000_000
        memory.say(agent_audio={"turn_id": "a", "data": data, "offset": {"nanos": nanos}})

    async with (
        two_instances(memory) as (one, two),
        sdk.connect(targets(one, two)) as mesh,
        mesh.session("clinic", output_audio=PCM) as session,
    ):
        memory.say(agent_turn={"turn_id": "a", "text": "hello"})
        say(0, 4)
        seen = [await anext(session) for _ in range(3)]
        await one.server.stop(0)
        await memory.until(lambda: len(memory.resumes) == 1)
        memory.say(agent_turn={"turn_id": "a", "text": "hello"})
        for begin, end in ((0, 3), (3, 7), (7, 10)):
            say(begin, end)
        memory.say(agent_turn_ended={"turn_id": "a"})
        memory.end()
        seen += [event async for event in session]
    heard = [event for event in seen if isinstance(event, sdk.AgentAudio)]
    assert b"".join(event.data for event in heard) == said
    assert [round(event.offset, 3) for event in heard] == [0.0, 0.08, 0.14]
    assert len([event for event in seen if isinstance(event, sdk.AgentTurn)]) == 1


async def test_messages_that_are_missing_are_told_and_those_that_come_twice_are_not() -> None:
    async def script(call):
        await call.start()
        await call.send(agent_turn={"turn_id": "a", "text": "one"})
        call.sequence = 1
        await call.send(agent_turn={"turn_id": "b", "text": "a number that was there"})
        call.sequence = 5
        await call.send(agent_turn={"turn_id": "c", "text": "three are missing"})
        await call.end()

    async with serving(script) as one, sdk.connect(one.address) as mesh, mesh.session("clinic") as session:
        seen = [event async for event in session]
    kinds = [type(event) for event in seen]
    assert kinds == [sdk.SessionStarted, sdk.AgentTurn, sdk.ErrorNotice, sdk.AgentTurn, sdk.SessionEnded]
    assert (seen[2].reason, seen[3].text) == ("PROTOCOL_VIOLATION", "three are missing")
    assert "2 to 4" in seen[2].message


async def test_an_instance_that_resumes_another_session_is_not_believed() -> None:
    async def script(call):
        if (await call.read()).HasField("resume"):
            await call.send(started={"session_id": "s-1", "resumed": True, "next_audio_sequence": 99})
        else:
            window = {"seconds": 30}
            await call.send(started={"session_id": "s-1", "resume_token": "t", "resume_window": window})
            await call.context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async with (
        serving(script) as one,
        sdk.connect(one.address) as mesh,
        mesh.session("clinic", input_audio=PCM, frame_ms=20) as session,
    ):
        with pytest.raises(sdk.ServiceError, match="another session"):
            await session.run()
    assert sdk_tasks() == []
