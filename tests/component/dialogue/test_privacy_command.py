"""`voicemesh privacy` on a whole mesh: a call is seen, its contact is forgotten everywhere, keys are changed."""

import asyncio
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

import grpc
from fakes.background import eventually
from fakes.whole_mesh import WholeMesh, whole_mesh
from voicemesh.common.v1 import audio_pb2, context_pb2
from voicemesh.crm.v1 import crm_pb2, crm_service_pb2
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceStub

RECORDING = Path(__file__).parents[3] / "examples" / "recordings" / "clinic-booking.wav"
CONTEXT = context_pb2.RequestContext(tenant_id="default", region="local", correlation_id="seen", language="en-US")
PHONE = "+15557770123"
ALL = "content:transcript,content:audio,content:list,content:log,content:delete,privacy:erase"


def start(rate: int) -> ConverseRequest:
    form = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=rate)
    inbound = dialogue_pb2.DIRECTION_INBOUND
    begin = dialogue_pb2.StartSession(
        context=CONTEXT, domain="clinic", input_audio=form, output_audio=form, direction=inbound
    )
    begin.customer.phone = PHONE
    return ConverseRequest(start=begin)


async def call(mesh: WholeMesh) -> str:
    """Call from the contact's number with a recording; return the session's id once the call is over."""
    async with grpc.aio.insecure_channel(mesh.crm) as channel:
        contact = crm_pb2.Contact(display_name="Zoe Zanzibar", phones=[PHONE])
        await CrmServiceStub(channel).UpsertContact(
            crm_service_pb2.UpsertContactRequest(context=CONTEXT, contact=contact)
        )
    with wave.open(str(RECORDING)) as file:
        rate, audio = file.getframerate(), file.readframes(file.getnframes())
    size = rate // 25 * 2
    async with grpc.aio.insecure_channel(mesh.dialogue) as channel:
        stream = DialogueServiceStub(channel).Converse()

        async def send() -> None:
            await stream.write(start(rate))
            for sequence, place in enumerate(range(0, len(audio), size)):
                frame = dialogue_pb2.CallerAudio(data=audio[place : place + size], sequence=sequence)
                await stream.write(ConverseRequest(audio=frame))
            await stream.write(ConverseRequest(end_of_audio=dialogue_pb2.EndOfAudio()))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            responses = [response async for response in stream]
    return next(response.started.session_id for response in responses if response.HasField("started"))


async def privacy(mesh: WholeMesh, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run the command as a person does; its document."""
    environment = {
        **os.environ,
        "VOICEMESH_STATE_DIR": str(folder),
        "VOICEMESH_DIALOGUE_TARGET": mesh.dialogue,
        "VOICEMESH_CRM_TARGET": mesh.crm,
    }
    command = [sys.executable, "-m", "voicemesh_cli", "privacy", *arguments, "--json"]
    child = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    stdout, _ = await child.communicate()
    return json.loads(stdout)


async def test_a_call_is_seen_and_its_contact_forgotten(tmp_path: Path):
    async with whole_mesh(tmp_path, dialogue_keep_audio=True, local_scopes=ALL) as mesh:
        session = await call(mesh)

        async def filed() -> bool:
            return list((tmp_path / "content" / "default" / "transcripts").rglob("*.json")) != []

        await eventually(filed)
        rotated = await privacy(mesh, tmp_path, "rotate", "--forget-old")
        assert rotated["rewritten"] >= 2, "a transcript and a recording"
        assert (rotated["unreadable"], len(rotated["keys"])) == (0, 1)

        shown = await privacy(mesh, tmp_path, "show", session, "--as", "ana", "--purpose", "complaint ñ")
        turns = shown["transcript"]["turns"]
        assert {turn["speaker"] for turn in turns} == {"caller", "agent"}
        caller = next(turn["turn_id"] for turn in turns if turn["speaker"] == "caller")
        file = tmp_path / "turn.wav"
        await privacy(mesh, tmp_path, "show", session, "--turn", caller, "--out", str(file))
        with wave.open(str(file)) as recording:
            assert recording.getnframes() > 0
        log = (await privacy(mesh, tmp_path, "log", "--by", "ana"))["accesses"]
        assert [(row["action"], row["purpose"], row["granted"]) for row in log] == [
            ("get", "complaint ñ", True),
            ("list", "complaint ñ", True),
        ]

        dry = await privacy(mesh, tmp_path, "erase", PHONE, "--dry-run")
        assert dry["services"]["crm"]["counts"]["contacts"] == 1
        done = await privacy(mesh, tmp_path, "erase", PHONE)
        assert done["completed"], done
        counts = {name: service["counts"] for name, service in done["services"].items()}
        assert counts["crm"]["contacts"] == 1
        assert counts["dialogue"]["sessions"] == counts["dialogue"]["transcripts"] == 1
        assert counts["dialogue"]["recordings"] >= 1
        assert "consent" in counts
        assert (await privacy(mesh, tmp_path, "status", done["erasure_id"]))["completed"]
        gone = await privacy(mesh, tmp_path, "show", session)
        assert "is kept" in gone["error"]["message"]
        assert [path for path in (tmp_path / "content").rglob("*") if path.is_file()] == []
