"""How sessions fail and end, and that nothing is left of them."""

from __future__ import annotations

import asyncio

import pytest
from fakes.dialogue_server import PCM, sdk_tasks, talking

import voicemesh_client as sdk


async def test_a_refused_start_is_raised_where_the_session_is_entered(dialogue) -> None:
    async def script(call):
        await call.read()
        await call.refuse("UNRECOGNIZED_LANGUAGE", "no engine speaks tlh")

    dialogue.script = script
    async with sdk.connect(dialogue.address) as mesh:
        with pytest.raises(sdk.UnrecognizedLanguageError, match="no engine speaks tlh") as raised:
            async with mesh.session("clinic", language="tlh"):
                pytest.fail("the session was not started")
    assert raised.value.metadata == {"detail": "3 bytes"}
    assert sdk_tasks() == []


async def test_a_mesh_that_says_nothing_is_not_waited_for_for_ever(dialogue) -> None:
    async def script(call):
        await call.read("end")

    dialogue.script = script
    async with sdk.connect(dialogue.address) as mesh:
        with pytest.raises(sdk.DeadlineError, match="did not start"):
            async with mesh.session("clinic", open_timeout_s=0.05):
                pytest.fail("the session was not started")
    assert sdk_tasks() == []


async def test_nobody_there() -> None:
    async with sdk.connect("127.0.0.1:1") as mesh:
        with pytest.raises(sdk.ConnectionDroppedError, match="is it running"):
            async with mesh.session("clinic"):
                pytest.fail("there is no mesh")
        with pytest.raises(sdk.ConnectionDroppedError):
            await mesh.domains()


async def test_an_error_in_the_middle_comes_behind_the_events_before_it(dialogue) -> None:
    async def script(call):
        await call.start()
        await call.send(agent_turn={"turn_id": "a1", "text": "hello"})
        await call.read("audio")
        await call.refuse("INVALID_AUDIO", "half a sample")

    dialogue.script = script
    seen = []
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", input_audio=PCM, frame_ms=20) as session:
        await session.send_audio(bytes(640))
        session.on_started(seen.append)
        session.on_agent_turn(seen.append)
        with pytest.raises(sdk.InvalidAudioError, match="half a sample"):
            await session.run()
        with pytest.raises(sdk.InvalidAudioError):
            await session.send_text("more")
    assert [type(event) for event in seen] == [sdk.SessionStarted, sdk.AgentTurn]
    assert sdk_tasks() == []


async def test_an_error_nobody_saw_is_raised_when_the_context_is_left(dialogue) -> None:
    async def script(call):
        await call.start()
        await call.read("text")
        await call.refuse("OVERLOADED", "full")

    dialogue.script = script

    async def application(own_error: Exception | None) -> None:
        async with talking(dialogue) as session:
            await session.send_text("hello")
            await dialogue.calls[-1].closed.wait()
            if own_error is not None:
                raise own_error

    with pytest.raises(sdk.OverloadedError):
        await application(None)
    with pytest.raises(LookupError, match="the application's own"):
        await application(LookupError("the application's own"))


async def test_a_mesh_that_vanishes(dialogue) -> None:
    async def script(call):
        await call.start()
        await call.read("end")

    dialogue.script = script
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", input_audio=PCM, frame_ms=20) as session:
        await dialogue.server.stop(0)
        with pytest.raises(sdk.ConnectionDroppedError):
            async for _ in session:
                pass
        with pytest.raises(sdk.ConnectionDroppedError):
            await session.send_audio(bytes(640))
    assert sdk_tasks() == []


async def test_a_stream_that_ends_without_a_word_is_an_error(dialogue) -> None:
    async def script(call):
        await call.start()

    dialogue.script = script
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic") as session:
        with pytest.raises(sdk.ConnectionDroppedError, match="without ending the session"):
            await session.run()


async def test_a_mesh_that_never_ends_is_left_behind_after_the_limit(dialogue, caplog) -> None:
    async def script(call):
        await call.start()
        await asyncio.Event().wait()

    dialogue.script = script
    async with sdk.connect(dialogue.address) as mesh:
        async with mesh.session("clinic", close_timeout_s=0.05):
            pass
        assert sdk_tasks() == []
    assert "closed without its last word" in caplog.text


@pytest.mark.parametrize("style", ["iterate", "play", "handlers"])
async def test_a_cancelled_application_hangs_up_and_leaves_no_task(dialogue, style: str) -> None:
    class Handlers:
        def on_started(self, _: sdk.SessionStarted) -> None: ...

    async def application(ready: asyncio.Event) -> None:
        handlers = Handlers() if style == "handlers" else None
        async with talking(dialogue, input_audio=PCM, frame_ms=20, output_audio=PCM, handlers=handlers) as session:
            ready.set()
            if style == "play":
                await session.play(PCM.silence(3_600))
            elif style == "handlers":
                await session.wait_ended()
            else:
                await session.run()

    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(application(ready))
        await ready.wait()
        running.cancel()
    assert running.cancelled()
    await dialogue.calls[0].closed.wait()
    assert len(dialogue.calls[0].of("end")) == 1
    assert sdk_tasks() == []
