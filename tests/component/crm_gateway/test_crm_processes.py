"""The gateway's two processes as they are started in production, and ended as crashes do."""

import signal
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fakes.background import eventually
from fakes.crm_process import Process, started
from fakes.crm_world import a_request, an_event_context
from fakes.nats_server import NatsServer
from voicemesh.crm.v1 import crm_service_pb2 as pb
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged, RecordWritten

from mesh import bus as mesh_bus
from mesh.bus import Bus
from mesh.database import database, migrate
from services.crm_gateway.adapters import conflict_tables, review_tables, sync_tables, tables


async def sources_of_written(bus: Bus) -> list[str]:
    """Give the event ids that RecordWritten names, of all that lie in the stream."""
    state = (await bus.jetstream.stream_info("VOICEMESH_EVENTS")).state
    messages = [await bus.jetstream.get_msg("VOICEMESH_EVENTS", n) for n in range(1, state.messages + 1)]
    return [
        RecordWritten.FromString(message.data or b"").source_event_id
        for message in messages
        if (message.subject or "").startswith("voicemesh.events.v1.RecordWritten")
    ]


@pytest.mark.slow
async def test_a_sync_process_killed_again_and_again_writes_each_event_once(tmp_path: Path, nats: NatsServer) -> None:
    count = 120
    sync = Process("services.crm_gateway.sync", tmp_path, nats.url)
    hot = Process("services.crm_gateway", tmp_path, nats.url)
    async with started(hot) as address, grpc.aio.insecure_channel(address) as channel:
        stub = CrmServiceStub(channel)

        async def written() -> int:
            response = await stub.ListRecords(pb.ListRecordsRequest(context=a_request(), page_size=1000))
            return len(response.records)

        async with mesh_bus.connect(nats.url, source="/voicemesh/test") as bus:
            for number in range(count):
                context = an_event_context(f"e{number}", session_id=f"s{number}", phone="+15550000001")
                await bus.publish(ComplaintLogged(context=context))
            for part in (1, count // 3, 2 * count // 3):
                await sync.start()

                async def so_many(part: int = part) -> bool:
                    return await written() >= part

                await eventually(so_many)
                await sync.end(signal.SIGKILL)
            async with started(sync):

                async def all_are_announced() -> bool:
                    return len(await sources_of_written(bus)) >= count

                await eventually(all_are_announced, within_s=60)
            assert await written() == count
            assert sorted(await sources_of_written(bus)) == sorted(f"e{number}" for number in range(count))


async def test_a_signal_ends_both_processes_cleanly(tmp_path: Path, nats: NatsServer) -> None:
    for module in ("services.crm_gateway", "services.crm_gateway.sync"):
        process = Process(module, tmp_path, nats.url, VOICEMESH_DRAIN_S="1")
        await process.start()
        assert await process.end(signal.SIGTERM) == 0, (tmp_path / "log").read_text()


async def test_the_hot_path_serves_without_its_broker(tmp_path: Path, nats: NatsServer) -> None:
    await nats.stop()
    async with (
        started(Process("services.crm_gateway", tmp_path, nats.url)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        response = await CrmServiceStub(channel).ListRecords(pb.ListRecordsRequest(context=a_request()))
        assert list(response.records) == []


async def test_the_revisions_make_the_tables_the_code_expects(database_url: str) -> None:
    await migrate(database_url, "services.crm_gateway")

    def differences(connection: sa.Connection) -> list[object]:
        ours = {"include_object": lambda _o, name, kind, _r, _c: kind != "table" or name in tables.metadata.tables}
        return list(compare_metadata(MigrationContext.configure(connection, opts=ours), tables.metadata))

    async with database(database_url) as engine, engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        # Those two belong to no request: how much may be written, and who may do something alone.
        for name in set(tables.metadata.tables) - {"crm_allowances", "crm_leases"}:
            columns = {column.name for column in tables.metadata.tables[name].columns}
            assert {"tenant_id", "region", "correlation_id", "language"} <= columns, name
        assert set(tables.metadata.tables) < set(names)
        assert {review_tables.drafts.name, sync_tables.links.name, conflict_tables.conflicts.name} < set(names)
