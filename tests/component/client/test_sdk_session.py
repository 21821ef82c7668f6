"""Sessions of the SDK against a real gRPC server."""

from __future__ import annotations

import asyncio
import contextlib
from array import array

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

import voicemesh_client as sdk
from voicemesh_client import AudioFormat

PCM = AudioFormat.pcm16(16_000)


class FastClock:
    """Runs a hundred times as fast as the machine's clock."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() * 100

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds / 100))


def sdk_tasks() -> list[str]:
    """The tasks that the SDK, or gRPC on its behalf, has left running."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    ours = ("SessionStream.", "Session.", "Speaker.", "Connection.", "_StreamRequestMixin.", "Intercepted")
    return [name for name in names if name.startswith(ours)]


@contextlib.asynccontextmanager
async def talking(dialogue, *, clock: sdk.Clock | None = None, **options: object):
    """A session with the fake mesh."""
    async with sdk.connect(dialogue.address, clock=clock) as mesh, mesh.session("clinic", **options) as session:
        yield session


async def refuse(call, reason: str, text: str) -> None:
    detail = Any()
    detail.Pack(ErrorInfo(reason=reason, domain="voicemesh", metadata={"detail": "3 bytes"}))
    status = Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=text, details=[detail])
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await call.context.abort(grpc.StatusCode.INVALID_ARGUMENT, text, trailing)


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
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", input_audio=PCM) as session:
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
    async with talking(dialogue, clock=FastClock(), input_audio=PCM) as session:
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


async def test_a_refused_start_is_raised_where_the_session_is_entered(dialogue) -> None:
    async def script(call):
        await call.read()
        await refuse(call, "UNRECOGNIZED_LANGUAGE", "no engine speaks tlh")

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
        await refuse(call, "INVALID_AUDIO", "half a sample")

    dialogue.script = script
    seen = []
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", input_audio=PCM) as session:
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
        await refuse(call, "OVERLOADED", "full")

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
    async with sdk.connect(dialogue.address) as mesh, mesh.session("clinic", input_audio=PCM) as session:
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
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(session.send_audio(frame * 200))
            # The network's own buffers take some; after them nothing moves any more.
            before = -1
            while before != session._sequence or before < 1:
                before = session._sequence
                await asyncio.sleep(0.05)
            assert not sending.done()
            assert session._sequence < 200
            slow.set()
        await session.end()
    assert len(dialogue.calls[0].of("audio")) == 222
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
        # Nothing more goes out for a second: the mesh waits for the application.
        before, still = -1, 0
        while still < 20 or sent < 1:
            still = still + 1 if before == sent else 0
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 1_000
        assert len([event async for event in session]) == 1_002


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
        async with talking(dialogue, input_audio=PCM, output_audio=PCM, handlers=handlers) as session:
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
