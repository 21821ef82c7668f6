"""Sessions of the SDK against a real gRPC server."""

from __future__ import annotations

import voicemesh_client as sdk
from voicemesh_client import AudioFormat

PCM = AudioFormat.pcm16(16_000)


async def test_a_typed_conversation(dialogue) -> None:
    async def script(call):
        await call.start()
        text = (await call.read("text")).text.text
        await call.send(agent_turn={"turn_id": "a1", "text": f"you said {text}"})
        await call.read("end")
        await call.end("typed")

    dialogue.script = script
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", customer_id="c-42") as session:
        assert session.session_id == "s-1"
        await session.send_text("hello")
        seen = []
        async for event in session:
            seen.append(event)
            if isinstance(event, sdk.AgentTurn):
                await session.end("done")
    assert [type(e) for e in seen] == [sdk.SessionStarted, sdk.AgentTurn, sdk.SessionEnded]
    assert seen[1].text == "you said hello"
    assert seen[2].disposition.code == "typed"
    assert "secret" not in repr(seen[0])
    start = dialogue.calls[0].received[0].start
    assert start.customer.id == "c-42"
    assert len(start.context.correlation_id) == 32
    assert not start.acknowledges_playback
    assert dialogue.calls[0].of("end")[0].reason == "done"


async def test_audio_is_recut_into_numbered_frames(dialogue) -> None:
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", input_audio=PCM) as session:
        for size in (1, 999, 640, 641, 3):
            await session.send_audio(bytes(size))
        await session.end_of_audio()
    frames = dialogue.calls[0].of("audio")
    assert [len(frame.data) for frame in frames] == [640, 640, 640, 364]
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3]
    kinds = [r.WhichOneof("request") for r in dialogue.calls[0].received]
    assert kinds == ["start", *["audio"] * 4, "end_of_audio", "end"]
