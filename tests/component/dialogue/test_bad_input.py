"""What bad input gets: the right reason, a sentence that says what to do, nothing left behind, the next call fine.

Every case runs against the whole mesh with its real engines; afterwards the process's tasks, files and calls in
progress are counted and a good call is made.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from fakes.whole_mesh import WholeMesh, whole_mesh
from voicemesh.common.v1 import audio_pb2, context_pb2
from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceStub

from mesh.errors import from_rpc_error, name_of
from mesh.interceptors.metrics import IN_PROGRESS
from services.dialogue.metrics import SESSIONS

_ROUNDS = 2
CONVERSE = "/voicemesh.dialogue.v1.DialogueService/Converse"
PCM16 = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000)
STEREO = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000, channels=2)


def start(**changes) -> ConverseRequest:
    message = dialogue_pb2.StartSession(
        context=context_pb2.RequestContext(
            tenant_id="default", region="local", correlation_id="bad-input", language="en-US"
        ),
        domain="clinic",
        input_audio=PCM16,
        output_audio=PCM16,
        direction=dialogue_pb2.DIRECTION_INBOUND,
        acknowledges_playback=False,
    )
    context = changes.pop("context", {})
    for key, value in context.items():
        setattr(message.context, key, value)
    for key, value in changes.items():
        if value is None:
            message.ClearField(key)
        elif hasattr(value, "DESCRIPTOR"):
            getattr(message, key).CopyFrom(value)
        else:
            setattr(message, key, value)
    return ConverseRequest(start=message)


def audio(data: bytes, sequence: int = 0) -> ConverseRequest:
    return ConverseRequest(audio=dialogue_pb2.CallerAudio(data=data, sequence=sequence))


def text(words: str) -> ConverseRequest:
    return ConverseRequest(text=dialogue_pb2.CallerText(text=words))


END = ConverseRequest(end=dialogue_pb2.EndSession())
NOT_UTF8 = b"\x22\x04\x0a\x02\xff\xfe"  # field 4 (text), whose field 1 holds two bytes that are no UTF-8


@dataclass(frozen=True)
class Case:
    """What is sent, and the reason and words that must come back."""

    name: str
    messages: list[ConverseRequest | bytes]
    reason: str
    says: str


CASES = [
    Case("rate too low", [start(input_audio=audio_pb2.AudioFormat(encoding=1, sample_rate_hz=4000))],
         "INVALID_REQUEST", "start.input_audio.sample_rate_hz"),
    Case("rate too high", [start(input_audio=audio_pb2.AudioFormat(encoding=1, sample_rate_hz=96_000))],
         "INVALID_REQUEST", "must be from 8000 to 48000"),
    Case("no encoding", [start(input_audio=audio_pb2.AudioFormat(sample_rate_hz=16_000))],
         "INVALID_REQUEST", "encoding"),
    Case("unknown encoding", [start(input_audio=audio_pb2.AudioFormat(encoding=99, sample_rate_hz=16_000))],
         "INVALID_AUDIO", "use PCM16, MULAW or ALAW"),
    Case("output in an impossible rate", [start(output_audio=audio_pb2.AudioFormat(encoding=1, sample_rate_hz=1))],
         "INVALID_REQUEST", "start.output_audio.sample_rate_hz"),
    Case("half a sample", [start(), audio(b"abc")], "INVALID_AUDIO", "cut frames at whole samples"),
    Case("half a stereo sample",
         [start(input_audio=STEREO), audio(b"ab")], "INVALID_AUDIO", "multiples of 4"),
    Case("audio before the configuration", [audio(b"abcd")], "PROTOCOL_VIOLATION", "send StartSession first"),
    Case("text before the configuration", [text("hello")], "PROTOCOL_VIOLATION", "send StartSession first"),
    Case("two configurations", [start(), start()], "PROTOCOL_VIOLATION", "a second start"),
    Case("a frame of two megabytes", [start(), audio(bytes(2 * 1024 * 1024))], "INVALID_REQUEST", "at most 65536"),
    Case("frames out of order", [start(), audio(b"ab", 5)], "PROTOCOL_VIOLATION", "audio frame 0"),
    Case("text that is not UTF-8", [start(), NOT_UTF8], "MALFORMED_MESSAGE", "UTF-8"),
    Case("bytes that are no message", [b"\xff\xff\xff"], "MALFORMED_MESSAGE", "protobuf"),
    Case("an empty message", [ConverseRequest()], "INVALID_REQUEST", "set one of"),
    Case("empty text", [start(), text("")], "INVALID_REQUEST", "text.text"),
    Case("a language nobody speaks", [start(context={"language": "fi-FI"})], "UNRECOGNIZED_LANGUAGE", "use one of"),
    Case("a language that is no tag", [start(context={"language": "English!"})], "INVALID_REQUEST", "BCP 47"),
    Case("an unknown domain", [start(domain="bakery")], "NOT_FOUND", "use one of clinic, shop"),
    Case("an unknown time zone", [start(context={"time_zone": "Mars/Base"})], "INVALID_REQUEST", "IANA"),
    Case("no tenant", [start(context={"tenant_id": ""})], "INVALID_REQUEST", "start.context.tenant_id"),
    Case("a telephone number that is none", [start(customer=dialogue_pb2.Customer(phone="call me"))],
         "INVALID_REQUEST", "E.164"),
    Case("keys that are none", [start(), ConverseRequest(dtmf=dialogue_pb2.Dtmf(digits="12x"))],
         "INVALID_REQUEST", "telephone keys"),
    Case("a resume token that is none", [ConverseRequest(resume=dialogue_pb2.ResumeSession(resume_token="x"))],
         "SESSION_NOT_RESUMABLE", "start a new session"),
    Case("outbound without consent", [start(direction=dialogue_pb2.DIRECTION_OUTBOUND,
         customer=dialogue_pb2.Customer(phone="+15555550188"))], "CONSENT_UNKNOWN", "record the customer's consent"),
    Case("nothing but an end", [END], "PROTOCOL_VIOLATION", "send StartSession first"),
]  # fmt: skip


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[WholeMesh]:
    settings = {"dialogue_silence_s": 0.6, "dialogue_start_limit_s": 1.0, "stall_limit_s": 1.0}
    async with whole_mesh(tmp_path, **settings) as running:
        yield running


def _raw(channel: grpc.aio.Channel):
    return channel.stream_stream(
        CONVERSE, request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString()
    )


async def _provoke(address: str, messages: list[ConverseRequest | bytes]) -> grpc.aio.AioRpcError:
    async with grpc.aio.insecure_channel(address) as channel:
        call = _raw(channel)()

        async def send() -> None:
            with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
                for message in messages:
                    await call.write(message)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _read_all(call)
        return caught.value


async def _read_all(call) -> None:
    async with asyncio.timeout(15):
        while await call.read() is not grpc.aio.EOF:
            pass


async def _good_call(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        call = DialogueServiceStub(channel).Converse()
        await call.write(start(output_audio=PCM16, domain="shop"))
        await call.write(text("what are your opening hours?"))
        kinds = set()
        async with asyncio.timeout(15):
            while "agent_audio" not in kinds or "understanding" not in kinds:
                kinds.add((await call.read()).WhichOneof("response"))
        await call.write(END)
        async with asyncio.timeout(15):
            while (response := await call.read()) is not grpc.aio.EOF:
                kinds.add(response.WhichOneof("response"))
        assert "ended" in kinds


def _in_progress() -> float:
    return sum(sample.value for metric in IN_PROGRESS.collect() for sample in metric.samples)


def _sessions() -> float:
    return sum(sample.value for metric in SESSIONS.collect() for sample in metric.samples)


def _tasks() -> int:
    return len(asyncio.all_tasks())


def _files() -> int:
    """Count open files and sockets; the databases' own pools open and keep theirs when they like."""
    opened = []
    for link in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            opened.append(str(link.readlink()))
    return sum(".db" not in Path(name).name for name in opened)


async def _settled(count: Callable[[], float], allowed: float) -> float:
    """Wait until no more than `allowed` are left; return what is left."""
    for _ in range(500):
        if count() <= allowed:
            break
        await asyncio.sleep(0.01)
    return count()


def _forget_errors() -> None:
    """Errors that were caught hold their frames, and these the calls and sockets of the client, in a ring."""
    gc.collect()


async def _leaves_nothing(address: str, misbehave: Callable[[], Awaitable[None]]) -> None:
    await misbehave()  # opens what stays open: channels, pools, connections
    # What leaks grows every time. A connection of the mesh that was being made anew while files were counted does not.
    left = [await _left_after(address, misbehave) for _ in range(_ROUNDS)]
    assert min(tasks for tasks, _ in left) <= 0, "a task is left"
    assert min(files for _, files in left) <= 0, "a file or socket is left"
    await _good_call(address)


async def _left_after(address: str, misbehave: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Return by how much tasks and files grew."""
    await _good_call(address)
    assert await _settled(_in_progress, 0) == 0, "a stream is left"
    _forget_errors()
    tasks, files = _tasks(), _files()
    await misbehave()
    assert await _settled(_in_progress, 0) == 0, "a stream is left"
    left = await _settled(_tasks, tasks) - tasks
    _forget_errors()
    return left, await _settled(_files, files) - files


async def test_every_bad_input_gets_its_reason_and_leaves_nothing(mesh: WholeMesh):
    async def misbehave() -> None:
        for case in CASES:
            error = from_rpc_error(await _provoke(mesh.dialogue, case.messages))
            assert (name_of(error.reason), case.name) == (case.reason, case.name), error.message
            assert case.says in error.message, case.name

    await _leaves_nothing(mesh.dialogue, misbehave)


async def test_a_client_that_never_starts_is_ended(mesh: WholeMesh):
    async def misbehave() -> None:
        error = from_rpc_error(await _provoke(mesh.dialogue, []))
        assert name_of(error.reason) == "DEADLINE_EXCEEDED"
        assert "StartSession" in error.message

    await _leaves_nothing(mesh.dialogue, misbehave)


async def test_silence_for_ever_is_ended(mesh: WholeMesh):
    async def misbehave() -> None:
        silence = [audio(bytes(640), sequence) for sequence in range(100)]
        error = from_rpc_error(await _provoke(mesh.dialogue, [start(output_audio=None), *silence]))
        assert name_of(error.reason) == "ASR_TIMEOUT"
        assert "microphone" in error.message

    await _leaves_nothing(mesh.dialogue, misbehave)


@pytest.mark.parametrize("how", ["cancel", "close", "half-close"])
async def test_a_client_that_vanishes_is_cleaned_up_after(mesh: WholeMesh, how: str):
    async def misbehave() -> None:
        async with grpc.aio.insecure_channel(mesh.dialogue) as channel:
            call = DialogueServiceStub(channel).Converse()
            await call.write(start())
            for sequence in range(20):
                await call.write(audio(bytes(640), sequence))
            assert (await call.read()).HasField("started")
            if how == "cancel":
                call.cancel()
            elif how == "half-close":
                await call.done_writing()
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await _read_all(call)
                assert name_of(from_rpc_error(caught.value).reason) == "CONNECTION_DROPPED"

    await _leaves_nothing(mesh.dialogue, misbehave)


async def test_a_client_that_never_reads_is_ended(mesh: WholeMesh):
    # A small window of the client's own, so that the network's buffers do not read in its place.
    window = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384)]

    async def misbehave() -> None:
        async with grpc.aio.insecure_channel(mesh.dialogue, options=window) as channel:
            call = DialogueServiceStub(channel).Converse()
            await call.write(start(output_audio=audio_pb2.AudioFormat(encoding=1, sample_rate_hz=48_000)))
            assert (await call.read()).HasField("started")
            assert await _settled(_sessions, 0) == 0, "the server waits for a client that does not read"
            assert await _settled(_in_progress, 0) == 0, "the stream waits for a client that does not read"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _read_all(call)
            error = from_rpc_error(caught.value)
            assert name_of(error.reason) == "SLOW_CONSUMER"
            assert "read the stream" in error.message

    await _leaves_nothing(mesh.dialogue, misbehave)
