"""Spoken conversations through the whole mesh with its real engines."""

import asyncio
import time
import wave
from pathlib import Path

import grpc
import pytest
from fakes.loop_watch import watched_loop
from fakes.whole_mesh import WholeMesh, whole_mesh
from voicemesh.common.v1 import audio_pb2, context_pb2
from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest, ConverseResponse
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceStub

RECORDING = Path(__file__).parents[3] / "examples" / "recordings" / "clinic-booking.wav"
BLOCKED_S = 0.1
"""No step of the loop may compute for longer: five frames of every other call's audio wait meanwhile."""


@pytest.fixture
async def mesh(tmp_path: Path):
    async with whole_mesh(tmp_path) as running:
        yield running


def start(rate: int) -> ConverseRequest:
    form = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=rate)
    context = context_pb2.RequestContext(tenant_id="default", region="local", correlation_id="spoken", language="en-US")
    return ConverseRequest(
        start=dialogue_pb2.StartSession(
            context=context,
            domain="clinic",
            input_audio=form,
            output_audio=form,
            direction=dialogue_pb2.DIRECTION_INBOUND,
        )
    )


async def speak(mesh: WholeMesh) -> list[ConverseResponse]:
    """Send all of a recording at once, then its end; return what comes back until the mesh ends the call."""
    with wave.open(str(RECORDING)) as file:
        rate, audio = file.getframerate(), file.readframes(file.getnframes())
    size = rate // 25 * 2
    async with grpc.aio.insecure_channel(mesh.dialogue) as channel:
        call = DialogueServiceStub(channel).Converse()

        async def send() -> None:
            await call.write(start(rate))
            for sequence, place in enumerate(range(0, len(audio), size)):
                frame = dialogue_pb2.CallerAudio(data=audio[place : place + size], sequence=sequence)
                await call.write(ConverseRequest(audio=frame))
            await call.write(ConverseRequest(end_of_audio=dialogue_pb2.EndOfAudio()))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            return [response async for response in call]


async def test_what_is_said_last_is_answered_and_the_call_ends_by_itself(mesh: WholeMesh):
    responses = await speak(mesh)
    said = [r.transcript.turn_id for r in responses if r.HasField("transcript") and r.transcript.is_final]
    answered = [r.agent_turn.in_reply_to for r in responses if r.HasField("agent_turn")]
    assert said
    assert answered[-1] == said[-1]
    assert responses[-1].HasField("ended")
    assert [r.sequence for r in responses] == list(range(len(responses)))


async def test_no_inference_holds_up_the_loop(mesh: WholeMesh):
    await speak(mesh)  # what is loaded and compiled once is not the call's
    with watched_loop() as watch:
        await speak(mesh)
    seconds, step = watch.longest()
    assert seconds < BLOCKED_S, step


async def test_a_loop_that_is_held_up_is_noticed():
    def compute() -> None:
        until = time.thread_time() + 2 * BLOCKED_S
        while time.thread_time() < until:
            pass

    with watched_loop() as watch:
        asyncio.get_running_loop().call_soon(compute)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    seconds, step = watch.longest()
    assert seconds > BLOCKED_S
    assert "compute" in step
