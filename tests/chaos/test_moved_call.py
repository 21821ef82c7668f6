"""A spoken call whose dialogue process is killed in mid-word goes on at another: no word is lost, none comes twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from voicemesh_cli import endpoints
from voicemesh_cli.caller import CallerBegan, CallOptions, CallReport, Moment, load_recording, place_call
from voicemesh_cli.demo.records import wait_for_records
from voicemesh_cli.launcher import LaunchOptions, RunningMesh, launch
from voicemesh_cli.launcher.options import SERVICES

RECORDING = Path(__file__).parents[2] / "examples" / "recordings" / "clinic-booking.wav"


@asynccontextmanager
async def second_dialogue(mesh: RunningMesh, folder: Path) -> AsyncIterator[str]:
    """Run another instance of the dialogue, on the same broker and database."""
    targets = {
        f"VOICEMESH_{name.upper()}_TARGET": where for name, where in mesh.addresses.items() if name != "crm-sync"
    }
    options = LaunchOptions(
        state_dir=folder / "state",
        log_dir=folder / "second",
        services=tuple(spec for spec in SERVICES if spec.name == "dialogue"),
        with_broker=False,
        env={**targets, "VOICEMESH_NATS_URL": mesh.nats_url},
    )
    async with launch(options) as other:
        yield other.addresses["dialogue"]


async def call_and_kill(mesh: RunningMesh, addresses: str, turn: int, after_s: float) -> CallReport:
    """Place the call; kill the dialogue so many seconds after the caller has begun a turn."""
    reached = asyncio.Event()

    def watch(moment: Moment) -> None:
        if isinstance(moment.what, CallerBegan) and moment.what.index == turn:
            reached.set()

    async def kill() -> None:
        await reached.wait()
        await asyncio.sleep(after_s)
        os.kill(mesh.pids["dialogue"], signal.SIGKILL)

    options = CallOptions(domain="clinic", tenant_id=endpoints.context().tenant_id)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill())
        return await place_call(load_recording(RECORDING), addresses, options, observer=watch)


@pytest.mark.parametrize(("turn", "after_s"), [(1, 0.6), (2, 2.2)], ids=["in mid-word", "while the agent speaks"])
async def test_a_call_survives_the_death_of_the_process_that_served_it(tmp_path: Path, turn: int, after_s: float):
    async with launch(LaunchOptions(state_dir=tmp_path / "state")) as mesh, second_dialogue(mesh, tmp_path) as other:
        report = await call_and_kill(mesh, f"{mesh.addresses['dialogue']},{other}", turn, after_s)
        records = await wait_for_records(mesh.addresses["crm"], report.session_id, ("appointment", "interaction"), 20)
    heard = [turn.text for turn in report.turns]
    assert "cleaning" in heard[0]
    assert heard[1] == "My name is Sarah Miller."
    assert heard[2] == "No, I said Wednesday."
    assert report.disposition is not None
    assert report.disposition.code == "appointment_booked"
    kinds = [record.kind for record in records]
    assert (kinds.count("appointment"), kinds.count("interaction")) == (1, 1)
