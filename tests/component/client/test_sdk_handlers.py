"""Handlers and sinks of an application, and what they raise."""

from __future__ import annotations

import asyncio

import pytest
from fakes.dialogue_server import PCM, sdk_tasks, talking

import voicemesh_client as sdk


async def test_handlers_are_called_in_the_background(dialogue) -> None:
    class Handlers:
        def __init__(self) -> None:
            self.said: list[str] = []
            self.ended = ""

        async def on_agent_turn(self, turn: sdk.AgentTurn) -> None:
            await asyncio.sleep(0)
            self.said.append(turn.text)

        def on_ended(self, ended: sdk.SessionEnded) -> None:
            self.ended = ended.disposition.code

    async def script(call):
        await call.start()
        await call.say("a1", b"", text="one")
        await call.say("a2", b"", text="two")
        await call.end("over")

    dialogue.script = script
    handlers, registered = Handlers(), []
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", handlers=handlers) as session:
        session.on_ended(lambda ended: registered.append(ended.disposition.code))
        await session.wait_ended()
        with pytest.raises(RuntimeError, match="go to its handlers"):
            await anext(aiter(session))
    assert (handlers.said, handlers.ended, registered) == (["one", "two"], "over", ["over"])


async def test_run_hands_events_to_handlers_until_the_end(dialogue) -> None:
    class Handlers:
        ended = False

        async def on_ended(self, _: sdk.SessionEnded) -> None:
            self.ended = True

    async def script(call):
        await call.start()
        await call.end()

    dialogue.script = script
    handlers = Handlers()
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic") as session:
        await session.run(handlers)
        with pytest.raises(sdk.SessionClosedError):
            await session.send_text("too late")
        await session.end()
    assert handlers.ended


async def test_a_handlers_error_reaches_the_application_and_the_mesh_is_told(dialogue) -> None:
    class Handlers:
        def on_started(self, _: sdk.SessionStarted) -> None:
            raise ZeroDivisionError("mine")

    async def application() -> None:
        async with talking(dialogue, handlers=Handlers()) as session:
            await session.wait_ended()

    with pytest.raises(ZeroDivisionError, match="mine"):
        await application()
    await dialogue.calls[0].closed.wait()
    assert len(dialogue.calls[0].of("end")) == 1
    assert sdk_tasks() == []


async def test_a_sinks_error_reaches_the_application(dialogue) -> None:
    async def script(call):
        await call.start()
        await call.say("a1", PCM.silence(1))
        await call.read("end")
        await call.end()

    def sink(_: sdk.PlayedAudio) -> None:
        raise OSError("no loudspeaker")

    dialogue.script = script

    async def application() -> None:
        async with talking(dialogue, output_audio=PCM, sink=sink) as session:
            await session.wait_ended()

    with pytest.raises(OSError, match="no loudspeaker"):
        await application()
