"""Runs the demo: mesh up, call, outcome, mesh down, trace."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from voicemesh_cli import endpoints
from voicemesh_cli.caller import CallOptions, load_recording, place_call
from voicemesh_cli.demo.findings import CALL_RECORD, Findings
from voicemesh_cli.demo.published import listening
from voicemesh_cli.demo.records import wait_for_records
from voicemesh_cli.demo.screen import Screen
from voicemesh_cli.launcher import LaunchOptions, RunningMesh, launch
from voicemesh_cli.launcher.view import starting
from voicemesh_cli.telemetry import Span, new_traceparent, receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from rich.console import Console

    from voicemesh_cli.demo.plan import Plan

# From the end of the call to its record: an outbox, the bus, the sync process. Milliseconds when all is well.
_RECORDS_LIMIT_S = 15.0
# How long the caller waits before speaking: nobody likes to wait for a demo.
_GAP_S = 0.15
# A number that is set aside for fiction.
_CALLERS_PHONE = "+15555550123"


async def run(plan: Plan, out: Path, console: Console) -> Findings:
    """Play the plan's call through a mesh of its own and find out what came of it.

    The call's WAV files and the services' logs are written to `out`; the mesh's other state is in a temporary
    folder. Nothing is left running. Raises LaunchError, VoicemeshError or grpc.RpcError where the run cannot
    go on; what only turned out wrong is in the findings.
    """
    return await _Run(plan, out, console).run()


class _Run:
    """One run of the demo."""

    def __init__(self, plan: Plan, out: Path, console: Console) -> None:
        self._plan = plan
        self._out = out
        self._console = console
        self._seconds: dict[str, float] = {}

    async def run(self) -> Findings:
        """Everything from the first process to the last span."""
        trace_id, span_id, traceparent = new_traceparent()
        async with receiver() as spans:
            with tempfile.TemporaryDirectory(prefix="voicemesh-demo-") as folder:
                async with self._mesh(Path(folder), spans.endpoint) as mesh:
                    began_ns = time.time_ns()
                    findings = await self._call(mesh, traceparent)
                    name = f"call {self._plan.recording_name}"
                    spans.add(Span(trace_id, span_id, "", "client", name, began_ns, time.time_ns()))
            # Services that were stopped in order have sent their last spans.
            findings.trace = spans.trace(trace_id)
        return findings

    @contextlib.asynccontextmanager
    async def _mesh(self, folder: Path, otlp_endpoint: str) -> AsyncIterator[RunningMesh]:
        """A mesh whose start and stop are shown; the block is cancelled if one of its processes dies."""
        async with contextlib.AsyncExitStack() as stack:
            with starting(self._console) as progress, self._timed("start"):
                options = LaunchOptions(
                    state_dir=folder,
                    log_dir=self._out / "logs",
                    otlp_endpoint=otlp_endpoint,
                    stop_in_order=False,  # the only call is over by then
                    on_progress=progress,
                )
                mesh = await stack.enter_async_context(launch(options))
            async with mesh.watched():
                yield mesh
            with self._console.status("stopping the mesh"), self._timed("stop"):
                await stack.aclose()

    async def _call(self, mesh: RunningMesh, traceparent: str) -> Findings:
        """Place the call and wait for its outcome."""
        screen = Screen(self._console)
        context = endpoints.context()
        options = CallOptions(
            domain=self._plan.domain,
            device="voicemesh demo",
            tenant_id=context.tenant_id,
            region=context.region,
            correlation_id=context.correlation_id,
            phone=_CALLERS_PHONE,
            gap_s=_GAP_S,
        )
        async with listening(mesh.nats_url, screen.published) as published:
            with screen.shown(), self._timed("call"):
                report = await place_call(
                    load_recording(self._plan.recording),
                    mesh.addresses["dialogue"],
                    options,
                    out=self._out,
                    observer=screen.observe,
                    metadata=[("traceparent", traceparent)],
                )
            with self._console.status("waiting for the record"), self._timed("outcome"):
                kinds = (self._plan.record_kind, CALL_RECORD)
                records = await wait_for_records(mesh.addresses["crm"], report.session_id, kinds, _RECORDS_LIMIT_S)
            return Findings(self._plan, report, published, records, seconds=self._seconds)

    @contextlib.contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = time.monotonic() - began
