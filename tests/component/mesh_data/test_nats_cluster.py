"""The cluster of `deploy/nats`: three real servers, one of which is killed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.background import eventually, running
from fakes.nats_cluster import NatsCluster, nats_cluster
from google.protobuf.message import Message
from nats.js.errors import NotFoundError
from voicemesh.events.v1.business_events_pb2 import HandoverRequested
from voicemesh.events.v1.event_pb2 import EventContext

from mesh import bus as mesh_bus
from mesh.bus import Bus, BusUnavailableError, Delivery
from mesh.bus.topology import load_topology
from services.dialogue.adapters.snapshots import BUCKET, Snapshots

TOPOLOGY = load_topology({"VOICEMESH_STREAM_REPLICAS": "3"})


def an_event(number: int) -> HandoverRequested:
    context = EventContext(event_id=f"e{number}", tenant_id="clinic", region="local")
    return HandoverRequested(context=context, reason="caller_asked")


@contextlib.asynccontextmanager
async def connected(cluster: NatsCluster) -> AsyncIterator[Bus]:
    """Connect once the servers have chosen a leader."""
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(60):
            while True:
                try:
                    bus = await stack.enter_async_context(
                        mesh_bus.connect(cluster.url, source="/voicemesh/test", topology=TOPOLOGY)
                    )
                    break
                except BusUnavailableError:
                    await asyncio.sleep(0.2)
        yield bus


async def publish(bus: Bus, event: Message) -> None:
    """Publish as the outbox's relay does: again, until it is confirmed."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await bus.publish(event)
            except BusUnavailableError:
                await asyncio.sleep(0.1)


async def sessions_have_copies(bus: Bus) -> bool:
    """Say whether the bucket of sessions is there; it must be kept three times then."""
    try:
        info = await bus.jetstream.stream_info(f"KV_{BUCKET}")
    except NotFoundError:
        return False
    assert info.config.num_replicas == 3
    return True


@pytest.mark.timeout(240)
async def test_the_cluster_outlives_the_loss_of_a_stream_s_leader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEMESH_STREAM_REPLICAS", "3")
    got: list[str] = []
    whole = asyncio.Event()

    async def handle(_: Message, delivery: Delivery) -> None:
        got.append(delivery.event_id)
        if len(set(got)) == 20:
            whole.set()

    async with nats_cluster(tmp_path) as cluster, connected(cluster) as bus:
        for number in range(10):
            await publish(bus, an_event(number))
        info = await bus.jetstream.stream_info("VOICEMESH_EVENTS")
        assert info.config.num_replicas == 3, cluster.logs()
        assert info.cluster is not None
        leader = info.cluster.leader
        async with running(Snapshots(cluster.url, 60).run()):
            await eventually(lambda: sessions_have_copies(bus), within_s=60)
        assert leader in {"nats-a", "nats-b", "nats-c"}
        await cluster.kill(leader)
        for number in range(10, 20):
            await publish(bus, an_event(number))
        async with asyncio.timeout(60):
            while True:
                try:
                    consumer = await bus.consumer([HandoverRequested], durable="reader")
                    break
                except BusUnavailableError:
                    await asyncio.sleep(0.1)
        async with running(consumer.run(handle)):
            await asyncio.wait_for(whole.wait(), 60)
        assert sorted(set(got)) == sorted(f"e{number}" for number in range(20))
        assert (await bus.jetstream.stream_info("VOICEMESH_EVENTS")).state.messages == 20
