"""A dialogue process is killed in the middle of a call: the call leaves its outcome all the same, once."""

import asyncio
import os
import signal
from pathlib import Path

from voicemesh_cli import endpoints
from voicemesh_cli.demo.published import PublishedEvent, listening
from voicemesh_cli.demo.records import wait_for_records
from voicemesh_cli.launcher import LaunchOptions, launch
from voicemesh_cli.launcher.options import SERVICES
from voicemesh_client import AgentTurn, SessionStarted, VoicemeshError, connect

BOOKING = ["I'd like to book a cleaning for Tuesday at ten in the morning.", "My name is Sarah Miller.", "Yes."]


async def _book_and_be_cut_off(address: str, pid: int, booked: asyncio.Event) -> str:
    """Book by text until the appointment is an event, then kill the dialogue; return the session's id."""
    said = iter(BOOKING)
    session_id = ""
    async with connect(address) as mesh:
        try:
            async with mesh.session("clinic", tenant_id=endpoints.context().tenant_id, resume=False) as session:
                async for event in session:
                    if isinstance(event, SessionStarted):
                        session_id = event.session_id
                    elif isinstance(event, AgentTurn):
                        words = next(said, None)
                        if words is None:
                            break
                        await session.send_text(words)
                await booked.wait()
                os.kill(pid, signal.SIGKILL)
                async for _ in session:
                    pass
        except VoicemeshError:
            return session_id
    raise AssertionError("the client was not told that its session is gone")


async def test_a_call_outlives_the_death_of_its_process(tmp_path: Path):
    dialogue = tuple(spec for spec in SERVICES if spec.name == "dialogue")
    booked = asyncio.Event()

    def heard(event: PublishedEvent) -> None:
        if event.type == "AppointmentRequested":
            booked.set()

    async with launch(LaunchOptions(state_dir=tmp_path / "state")) as mesh:
        async with listening(mesh.nats_url, heard):
            session_id = await _book_and_be_cut_off(mesh.addresses["dialogue"], mesh.pids["dialogue"], booked)
        targets = {f"VOICEMESH_{k.upper()}_TARGET": v for k, v in mesh.addresses.items() if k != "crm-sync"}
        second = LaunchOptions(
            state_dir=tmp_path / "state",
            log_dir=tmp_path / "second",
            services=dialogue,
            with_broker=False,
            env={**targets, "VOICEMESH_NATS_URL": mesh.nats_url, "VOICEMESH_DIALOGUE_LEASE_S": "1"},
        )
        async with launch(second):
            records = await wait_for_records(mesh.addresses["crm"], session_id, ("appointment", "interaction"), 20)
    kinds = [record.kind for record in records]
    assert kinds.count("interaction") == 1
    assert kinds.count("appointment") == 1
    interaction = next(record for record in records if record.kind == "interaction")
    assert dict(interaction.fields)["disposition"] == "appointment_booked"
