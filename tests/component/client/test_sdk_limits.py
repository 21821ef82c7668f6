"""What happens when one side is slower than the other."""

from __future__ import annotations

import asyncio

from fakes.dialogue_server import sdk_tasks, talking

import voicemesh_client as sdk
from voicemesh_client import AudioFormat


async def test_a_slow_mesh_makes_sending_wait(dialogue) -> None:
    slow = asyncio.Event()

    async def script(call):
        await call.start()
        await slow.wait()
        await call.read("end")
        await call.end()

    dialogue.script = script
    frame = bytes(64_000)
    form = AudioFormat.pcm16(48_000)
    async with talking(dialogue, input_audio=form, outbox_frames=3, frame_ms=600) as session:
        outbox = session._stream.outgoing
        async with asyncio.TaskGroup() as tasks:
            # Far more than all buffers between the two hold together.
            sending = tasks.create_task(session.send_audio(frame * 1_000))
            while outbox.waiting < 3:
                await asyncio.sleep(0)
            assert outbox.waiting == 3
            assert not sending.done()
            slow.set()
        await session.end()
    audio = dialogue.calls[0].of("audio")
    assert [frame.sequence for frame in audio] == list(range(1_111))
    assert sum(len(frame.data) for frame in audio) == 1_111 * 57_600
    assert sdk_tasks() == []


async def test_an_application_that_takes_no_events_holds_the_mesh_back(dialogue) -> None:
    sent = 0

    async def script(call):
        nonlocal sent
        # Far more than all buffers between the two hold together.
        await call.start()
        for number in range(1_000):
            await call.send(agent_audio={"turn_id": f"a{number}", "data": bytes(64_000)})
            sent = number + 1
        await call.end()

    dialogue.script = script
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", max_events=2) as session:
        events, seen = session._stream._events, 0
        while len(events) < 2:
            await asyncio.sleep(0)
        async for _ in session:
            seen += 1
            assert len(events) <= 2, "no more wait to be taken"
            assert sent - seen < 1_000, "the mesh waits for the application"
        assert seen == 1_002
