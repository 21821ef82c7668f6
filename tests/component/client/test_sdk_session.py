"""Sessions of the SDK against a real gRPC server."""

from __future__ import annotations

from array import array

import grpc
import pytest
from fakes.dialogue_server import PCM, FastClock, sdk_tasks, talking

import voicemesh_client as sdk
from voicemesh_client import AudioFormat


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
    assert sdk_tasks() == []


async def test_audio_is_recut_into_numbered_frames(dialogue) -> None:
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", input_audio=PCM, frame_ms=20) as session:
        for size in (1, 999, 640, 641, 3):
            await session.send_audio(bytes(size))
        await session.end_of_audio()
    frames = dialogue.calls[0].of("audio")
    assert [len(frame.data) for frame in frames] == [640, 640, 640, 364]
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3]
    kinds = [r.WhichOneof("request") for r in dialogue.calls[0].received]
    assert kinds == ["start", *["audio"] * 4, "end_of_audio", "end"]


async def test_all_kinds_of_messages_reach_the_mesh(dialogue) -> None:
    options: sdk.SessionOptions = {
        "language": "de-DE",
        "region": "eu",
        "tenant_id": "acme",
        "phone": "+15550123456",
        "device": "test",
        "direction": sdk.Direction.OUTBOUND,
        "labels": {"a": "b"},
        "correlation_id": "abc",
        "output_audio": AudioFormat.mulaw(),
    }
    async with sdk.connect(dialogue.address) as mesh, mesh.session("shop", **options) as session:
        await session.send_dtmf("12#")
        await session.update(language="en-US", muted=True)
        with pytest.raises(RuntimeError, match="without input_audio"):
            await session.send_audio(b"\0\0")
    call = dialogue.calls[0]
    start = call.received[0].start
    assert (start.context.language, start.context.region, start.context.tenant_id) == ("de-DE", "eu", "acme")
    assert (start.customer.phone, start.device, start.direction) == ("+15550123456", "test", 2)
    assert (dict(start.labels), start.context.correlation_id, start.domain) == ({"a": "b"}, "abc", "shop")
    assert start.acknowledges_playback
    assert (start.output_audio.encoding, start.output_audio.sample_rate_hz) == (2, 8_000)
    assert not start.HasField("input_audio")
    assert call.of("dtmf")[0].digits == "12#"
    update = call.of("update")[0]
    assert (update.language, update.muted, update.HasField("on_hold")) == ("en-US", True, False)


async def test_playing_a_file_at_the_pace_of_speech(dialogue, tmp_path) -> None:
    samples = array("h", range(16_000))
    sdk.write_wav(tmp_path / "a.wav", samples.tobytes(), PCM)
    async with talking(dialogue, clock=FastClock(), input_audio=PCM, frame_ms=20) as session:
        began = await session.play_file(tmp_path / "a.wav")
        assert session.clock.now() - began >= 1.0
        await session.play_file(tmp_path / "a.wav", realtime=False)
        sdk.write_wav(tmp_path / "b.wav", b"\0\0", AudioFormat.pcm16(8_000))
        with pytest.raises(ValueError, match="8000 Hz and the session 16000 Hz"):
            await session.play_file(tmp_path / "b.wav")
    frames = dialogue.calls[0].of("audio")
    assert b"".join(frame.data for frame in frames) == samples.tobytes() * 2
    assert [frame.sequence for frame in frames] == list(range(100))


async def test_playback_is_acknowledged_and_stopped(dialogue) -> None:
    async def script(call):
        await call.start()
        await call.say("a1", PCM.silence(0.25))
        while not (await call.read("playback")).playback.finished:
            pass
        await call.send(agent_audio={"turn_id": "a2", "data": PCM.silence(60)})
        await call.read("playback")
        await call.send(stop_playback={"turn_id": "a2"})
        while not (await call.read("playback")).playback.finished:
            pass
        await call.end()

    dialogue.script = script
    played = []
    async with talking(dialogue, clock=FastClock(), output_audio=PCM, sink=played.append) as session:
        await session.wait_ended()
        await session.speaker.wait_idle()
    progress = dialogue.calls[0].of("playback")
    first = [p for p in progress if p.turn_id == "a1"]
    assert first[-1].finished
    assert first[-1].played.ToMilliseconds() == 250
    assert [p.played.ToMilliseconds() for p in first] == sorted(p.played.ToMilliseconds() for p in first)
    second = [p for p in progress if p.turn_id == "a2"]
    assert second[-1].finished
    assert second[-1].played.ToMilliseconds() < 60_000
    assert sum(len(p.data) for p in played if p.turn_id == "a1") == PCM.size(0.25)


class Traced(grpc.aio.StreamStreamClientInterceptor):
    """Adds a header, as tracing does."""

    async def intercept_stream_stream(self, continuation, details, requests):
        metadata = grpc.aio.Metadata(*(details.metadata or ()), ("x-span", "1"))
        return await continuation(details._replace(metadata=metadata), requests)


async def test_metadata_and_interceptors_go_with_the_call(dialogue) -> None:
    traceparent = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    mesh = sdk.connect(dialogue.address, metadata=[traceparent], interceptors=[Traced()])
    async with mesh:
        async with mesh.session("clinic", metadata=[("x-extra", "2")]) as session:
            await session.send_text("hello")
        assert sdk_tasks() == []
        headers = dialogue.calls[0].headers
        assert headers.items() >= {traceparent, ("x-span", "1"), ("x-extra", "2")}
        assert await mesh.domains() == [sdk.Domain("clinic", "A clinic", ("en-US",), ("main",))]
        assert await mesh.get_session("s-1", correlation_id="c") == sdk.SessionState("s-1", True, None)


async def test_outside_its_context_a_mesh_is_not_connected() -> None:
    with pytest.raises(RuntimeError, match="not connected"):
        sdk.connect("127.0.0.1:1").session("clinic")
    with pytest.raises(ValueError, match="use 1 to 65,536"):
        sdk.SessionConfig(domain="clinic", input_audio=PCM, frame_ms=0)
