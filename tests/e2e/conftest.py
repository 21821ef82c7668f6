"""One mesh of real processes, real broker, real databases for all end-to-end tests of a run."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from voicemesh_cli import endpoints
from voicemesh_cli.caller import CallOptions, CallReport, load_recording, place_call
from voicemesh_cli.demo.published import PublishedEvent, listening
from voicemesh_cli.demo.records import wait_for_records
from voicemesh_cli.launcher import LaunchOptions, launch
from voicemesh_cli.telemetry import Trace, new_traceparent, receiver

RECORDINGS = Path(__file__).parents[2] / "examples" / "recordings"
KINDS = {"clinic": "appointment", "shop": "complaint"}
FILES = {"clinic": "clinic-booking.wav", "shop": "shop-complaint.wav"}


@dataclass
class CallMade:
    """A recorded call and all that came of it."""

    report: CallReport
    records: dict[str, object]
    events: list[PublishedEvent]
    trace: Trace
    folder: Path


async def _call(domain: str, mesh, traceparent: str, folder: Path) -> CallReport:
    context = endpoints.context()
    return await place_call(
        load_recording(RECORDINGS / FILES[domain]),
        mesh.addresses["dialogue"],
        CallOptions(
            domain=domain,
            tenant_id=context.tenant_id,
            region=context.region,
            correlation_id=context.correlation_id,
            phone="+15555550123" if domain == "clinic" else "+15555550124",
        ),
        out=folder / domain,
        metadata=[("traceparent", traceparent)],
    )


async def _make_calls(folder: Path) -> dict[str, CallMade]:
    traces = {domain: new_traceparent() for domain in KINDS}
    async with (
        receiver() as spans,
        launch(LaunchOptions(state_dir=folder / "state", otlp_endpoint=spans.endpoint)) as mesh,
        mesh.watched(),
        listening(mesh.nats_url, lambda _: None) as published,
    ):
        async with asyncio.TaskGroup() as tasks:
            calls = {d: tasks.create_task(_call(d, mesh, traces[d][2], folder)) for d in KINDS}
        reports = {domain: call.result() for domain, call in calls.items()}
        records = {
            domain: await wait_for_records(mesh.addresses["crm"], report.session_id, (KINDS[domain], "interaction"), 15)
            for domain, report in reports.items()
        }
    return {
        domain: CallMade(
            report,
            {record.kind: record for record in records[domain]},
            [event for event in published if event.event_id.startswith(report.session_id)],
            spans.trace(traces[domain][0]),
            folder / domain,
        )
        for domain, report in reports.items()
    }


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CallMade]:
    """Both recorded calls, made at once through one mesh."""
    return asyncio.run(_make_calls(tmp_path_factory.mktemp("mesh")))
