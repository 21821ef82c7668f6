"""The CRM gateway: reads of callers' contexts, records written a second, time to the record, and whether voices notice.

Contexts are read in the service's own process, without gRPC. Records go through a real broker to the simulated
business system over HTTP; the workers share the machine with broker, simulator and database. Each record is of a caller
nobody knows yet, which is the most work: a contact is made here, looked for there, made there, and then the record.
How it grows with workers is measured on SQLite, which has one writer, and on PostgreSQL where one is installed.

Voices are heard beside a business system that is well and one that hangs, in turns on one mesh, so that what else the
machine does meets both alike.
"""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from chaos.calls import place
from chaos.house import House, free_port
from chaos.judge import all_tickets
from fakes.databases import new_database
from fakes.postgres_server import postgres_server
from load import DEMO, Level, cpu_seconds, one_call
from rich.console import Console
from rich.table import Table
from rows import merge_into, percentile
from voicemesh.events.v1.call_events_pb2 import CallCompleted
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext

from mesh import bus as mesh_bus
from mesh.database import database, migrate, sqlite_url
from mesh.outbox import Outbox
from services.crm_gateway.adapters import tables
from services.crm_gateway.adapters.contacts import ContactStore
from services.crm_gateway.cache import ContextCache
from services.crm_gateway.handlers import Gateway
from services.crm_gateway.hub import Hub
from services.crm_gateway.model import Contact, ContactKey, Scope
from voicemesh_cli.launcher import LaunchOptions, RunningMesh, launch
from voicemesh_cli.launcher.process import started

HERE = Path(__file__).resolve().parent
CONTACTS = 500
READERS = 32
READS = 20_000
HANGING = {"hangs": 1.0, "hang_s": 600.0}
OUTCOMES = 1000
WORKERS = (1, 2, 3)
NO_VARIABLES: Mapping[str, str] = {}
CALLS = 14
"""Of five turns each, in each round."""
_ROUNDS = ("well", "down", "down", "well")
"""In this order, so that what grows or fades with time meets both alike."""
_APART_S = 1.3
_PATIENCE_S = 120.0
_LOOK_S = 0.1
_SCOPE = Scope("default", "local", "bench", "en-US")


async def contexts(folder: Path) -> dict[str, object]:
    """Read contexts as calls do: mostly known ones, some that were not asked for in a while."""
    url = sqlite_url(folder / "crm.db")
    await migrate(url, "services.crm_gateway")
    async with database(url) as engine:
        store = ContactStore(engine, Outbox(engine, tables.outbox))
        gateway = Gateway(store, ContextCache(store.context, window_s=5, keep_s=600, size=10_000), Hub(), 1.0)
        for number in range(CONTACTS):
            await gateway.upsert(_SCOPE, Contact("", f"C-{number}", f"Caller {number}", (f"+1555{number:07d}",)))
        chosen, times, cold = random.Random(20), list[float](), list[float]()

        async def read() -> None:
            for _ in range(READS // READERS):
                key = ContactKey("phone", f"+1555{chosen.randrange(CONTACTS):07d}")
                began = time.perf_counter()
                await gateway.contexts.read(_SCOPE, key)
                times.append(1000 * (time.perf_counter() - began))

        # The first round reads them from the store: a call's first look at its caller is not what is measured here.
        for _ in range(2):
            cold, times = times, []
            began = time.perf_counter()
            async with asyncio.TaskGroup() as tasks:
                for _ in range(READERS):
                    tasks.create_task(read())
            took = time.perf_counter() - began
    return {
        "context_reads_per_s": round(len(times) / took),
        "context_cold_p99_ms": round(percentile(cold, 0.99), 3),
        "context_p50_ms": round(percentile(times, 0.5), 3),
        "context_p99_ms": round(percentile(times, 0.99), 3),
    }


@dataclass
class Remote:
    """The simulated business system and the processes that write to it."""

    client: httpx.AsyncClient
    workers: list[int]
    """Their process ids."""

    async def misbehave(self, faults: dict[str, float]) -> None:
        """Change how it misbehaves."""
        (await self.client.put("/simulator/faults", json=faults)).raise_for_status()

    async def tickets(self) -> int:
        """Count what was written."""
        return int((await self.client.get("/simulator/counts")).json()["tickets"])


@contextlib.asynccontextmanager
async def remote(
    folder: Path, nats_url: str, workers: int, database: Mapping[str, str] = NO_VARIABLES
) -> AsyncIterator[Remote]:
    """Run the simulated business system and so many workers for it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    base = dict(os.environ)
    environment = base | {
        "VOICEMESH_NATS_URL": nats_url,
        "VOICEMESH_STATE_DIR": str(folder),
        "VOICEMESH_METRICS_LISTEN": "127.0.0.1:0",
        "VOICEMESH_LISTEN": "127.0.0.1:0",
        "VOICEMESH_CRM_VENDOR": "simulator",
        "VOICEMESH_CRM_SYNC_TENANT": "*",
        "VOICEMESH_CRM_URL": url,
        "VOICEMESH_CRM_RATE_PER_S": "100000",
        "VOICEMESH_CRM_BURST": "100000",
        **database,
    }
    async with contextlib.AsyncExitStack() as stack:
        command = [sys.executable, "-m", "services.crm_gateway.simulator", "--port", str(port)]
        log = folder / "simulator.log"
        await stack.enter_async_context(started("simulator", command, env=base, log_file=log, grace_s=2))
        there = Remote(await stack.enter_async_context(httpx.AsyncClient(base_url=url)), [])
        await _until_answers(there.client)
        for number in range(workers):
            command = [sys.executable, "-m", "services.crm_gateway.sync"]
            log = folder / f"worker-{number}.log"
            worker = await stack.enter_async_context(
                started(f"worker-{number}", command, env=environment, log_file=log, grace_s=5)
            )
            there.workers.append(worker.pid)
        yield there


async def _until_answers(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await client.get("/simulator/counts")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def until(wanted: int, count: Callable[[], Awaitable[int]]) -> int:
    """Wait until there are so many; return how many there are. Raises ``TimeoutError``."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            found = await count()
            if found >= wanted:
                return found
            await asyncio.sleep(_LOOK_S)


async def outcomes(
    folder: Path, workers: int, count: int, database: Mapping[str, str] = NO_VARIABLES
) -> tuple[float, float]:
    """Publish so many outcomes at once; return how many were written a second, and the workers' CPU ms for each."""
    broker = LaunchOptions(state_dir=folder, services=())
    async with launch(broker) as mesh, mesh_bus.connect(mesh.nats_url, source="/voicemesh/bench") as bus:
        async with asyncio.TaskGroup() as tasks:
            places = asyncio.Semaphore(64)
            for number in range(count):
                tasks.create_task(_publish(bus, number, places))
        async with remote(folder, mesh.nats_url, workers, database) as there:
            # From the first ticket on: the workers' start is not what is measured.
            first = await until(1, there.tickets)
            began, used = time.perf_counter(), cpu_seconds(there.workers)
            done = await until(count, there.tickets)
            took, used = time.perf_counter() - began, cpu_seconds(there.workers) - used
            return (done - first) / took, 1000 * used / (done - first)


async def _growth(console: Console, kind: str, folder: Callable[[], Path], server: str = "") -> dict[str, object]:
    """Write records with one worker and with more; `server` has the databases, else they are SQLite's."""
    figures: dict[str, object] = {}
    for workers in WORKERS:
        console.print(f"writing records, {workers} worker(s), {kind}", style="dim")
        database = {"VOICEMESH_CRM_DATABASE_URL": new_database(server)} if server else {}
        rate, cpu_ms = await outcomes(folder(), workers, OUTCOMES, database)
        where = f"_{kind}" if server else ""
        behind = where + ("" if workers == 1 else f"_{workers}_workers")
        figures |= {f"outcomes_per_s{behind}": round(rate, 1), f"outcome_cpu_ms{behind}": round(cpu_ms, 2)}
    return figures


async def _publish(bus: mesh_bus.Bus, number: int, places: asyncio.Semaphore) -> None:
    context = EventContext(
        event_id=uuid.uuid4().hex,
        tenant_id="default",
        region="local",
        correlation_id=f"bench-{number}",
        language="en-US",
        session_id=f"s-{number}",
        customer=CustomerReference(customer_id=f"C-{number}", phone=f"+1555{number:07d}"),
    )
    context.occurred_at.GetCurrentTime()
    async with places:
        await bus.publish(CallCompleted(context=context, disposition="appointment_booked", summary="Booked."))


async def time_to_record(folder: Path, count: int, per_s: float) -> list[float]:
    """Place so many calls a second; return the seconds from each call's end to its ticket."""
    async with House(folder, {}, {}, batches=False).open() as house:
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(place(number, house.dialogues))
                await asyncio.sleep(1 / per_s)
        async with httpx.AsyncClient(base_url=house.simulator) as client:
            await until(2 * count, Remote(client, []).tickets)
            found = [item for item in await all_tickets(client) if item["kind"] == "interaction"]
    return [(_moment(item["created_at"]) - _moment(item["occurred_at"])) for item in found]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def voices(folder: Path, calls: int) -> tuple[list[float], list[float]]:
    """Place spoken calls beside a business system that hangs, and one that is well; return both's waits in ms."""
    waits: dict[str, list[float]] = {"down": [], "well": []}
    async with launch(LaunchOptions(state_dir=folder)) as mesh, remote(folder, mesh.nats_url, 1) as there:
        # The first calls of a new mesh wait longer than all later ones.
        await _call(mesh, Level(1))
        for state in _ROUNDS:
            await there.misbehave(HANGING if state == "down" else {})
            level = Level(calls)
            await _call(mesh, level)
            if level.unanswered or level.refused:
                raise RuntimeError(f"calls went wrong: {level}")
            waits[state] += level.waits_ms
    return waits["down"], waits["well"]


async def _call(mesh: RunningMesh, level: Level) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(level.calls):
            name = list(DEMO)[number % len(DEMO)]
            path = HERE.parent / "examples" / "recordings" / name
            tasks.create_task(one_call(path, DEMO[name], _APART_S * number, mesh, level))


def voice_figures(down: list[float], well: list[float]) -> dict[str, object]:
    """Return how long callers wait in each state, and the ratio of the states: medians, and the slowest of twenty.

    `voice_ratio_vendor_down` is that of the medians.
    """
    figures: dict[str, object] = {"voice_turns_vendor_down": len(down), "voice_turns_vendor_well": len(well)}
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        waits = {"down": percentile(down, share), "well": percentile(well, share)}
        figures |= {f"voice_{name}_ms_vendor_{state}": round(wait, 1) for state, wait in waits.items()}
        figures[f"voice_{name}_ratio_vendor_down"] = round(waits["down"] / waits["well"], 3)
    return figures | {"voice_ratio_vendor_down": figures["voice_p50_ratio_vendor_down"]}


async def measure(console: Console, parts: list[str]) -> dict[str, object]:
    """Measure the parts."""
    figures: dict[str, object] = {}
    with contextlib.ExitStack() as stack:

        def folder() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicemesh-crm-")))

        if "contexts" in parts:
            console.print("reading contexts", style="dim")
            figures |= await contexts(folder())
        if "outcomes" in parts:
            figures |= await _growth(console, "sqlite", folder)
            with contextlib.suppress(pytest.skip.Exception), postgres_server() as server:
                figures |= await _growth(console, "postgresql", folder, server)
        if "record" in parts:
            console.print("calls to records", style="dim")
            waits = await time_to_record(folder(), 100, 5)
            figures |= {
                "record_p50_s": round(percentile(waits, 0.5), 3),
                "record_p95_s": round(percentile(waits, 0.95), 3),
            }
        if "voice" in parts:
            console.print("voices beside a business system that hangs, and one that is well", style="dim")
            down, well = await voices(folder(), CALLS)
            figures |= voice_figures(down, well)
    return figures


def main() -> int:
    """Measure, print, and write bench/results/crm.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ("contexts", "outcomes", "record", "voice")
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    console = Console()
    figures = asyncio.run(measure(console, parser.parse_args().parts))
    table = Table(title="CRM gateway")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, str(value))
    console.print(table)
    merge_into(HERE / "results" / "crm.json", figures)
    console.print("written to bench/results/crm.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
