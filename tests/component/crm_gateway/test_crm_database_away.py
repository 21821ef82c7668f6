"""The database goes away under the sync process: events wait in their order, none is buried."""

import asyncio
from functools import partial
from pathlib import Path

import grpc
import prometheus_client
import pytest
from fakes.background import eventually
from fakes.crm_world import World, an_event_context, settings, sync_settings
from fakes.databases import new_database
from fakes.nats_server import NatsServer
from sqlalchemy.engine import make_url
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub
from voicemesh.events.v1.business_events_pb2 import ComplaintLogged

from mesh import bus as mesh_bus
from mesh.bus import ConsumerOptions
from mesh.testing import serve
from services.crm_gateway.app import build
from services.crm_gateway.sync import app

ATTEMPTS = 2


class Way:
    """The way to a TCP server, which can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._open = True
        self._writers: set[asyncio.StreamWriter] = set()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self._there)
        self._writers |= {writer, back}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._copy(reader, back))
            tasks.create_task(self._copy(there, writer))

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    def cut(self) -> None:
        self._open = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def mend(self) -> None:
        self._open = True


def counted(result: str) -> float:
    labels = {"consumer": "crm-sync-local-local", "type": ComplaintLogged.DESCRIPTOR.full_name, "result": result}
    return prometheus_client.REGISTRY.get_sample_value("voicemesh_events_consumed_total", labels) or 0.0


async def test_events_wait_for_the_database_in_their_order(
    tmp_path: Path, nats: NatsServer, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = partial(ConsumerOptions, max_attempts=ATTEMPTS, retry_first_s=0.01, retry_limit_s=0.02)
    monkeypatch.setattr(app, "ConsumerOptions", impatient)
    database_url = new_database(postgres)
    url = make_url(database_url)
    way = Way(url.host or "127.0.0.1", url.port or 5432)
    server = await asyncio.start_server(way.pass_on, "127.0.0.1", 0)
    there = url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    cut_off = sync_settings(tmp_path, nats_url=nats.url, database_url=there.render_as_string(hide_password=False))
    async with (
        server,
        serve(build, settings(tmp_path, nats_url=nats.url, database_url=database_url), service="crm") as hot,
        serve(app.build, cut_off, service="crm-sync"),
        mesh_bus.connect(nats.url, source="/voicemesh/test") as bus,
        grpc.aio.insecure_channel(hot.address) as channel,
    ):
        crm = World(CrmServiceStub(channel), bus, hot.address)
        away, dead = counted("away"), counted("dead")
        await crm.publish(ComplaintLogged(context=an_event_context("e0", phone="+15550000001"), category="late"))
        await crm.until_records(1)
        way.cut()
        for number in range(1, 4):
            context = an_event_context(f"e{number}", phone="+15550000001")
            await crm.publish(ComplaintLogged(context=context, category="late"))

        async def many_failures() -> bool:
            return counted("away") - away > 3 * ATTEMPTS

        await eventually(many_failures)
        way.mend()
        records = await crm.until_records(4)
        assert [record.event_id for record in records] == ["e3", "e2", "e1", "e0"]
        assert counted("dead") == dead
        assert (await bus.jetstream.stream_info("VOICEMESH_DEAD")).state.messages == 0
