"""The streams of a real nats-server against those of the file."""

from collections.abc import AsyncIterator, Mapping

import pytest
from fakes.nats_server import NatsServer
from voicemesh.events.v1.business_events_pb2 import HandoverRequested
from voicemesh.events.v1.event_pb2 import EventContext

from mesh import bus as mesh_bus
from mesh.bus import Bus
from mesh.bus.streams import apply, differences
from mesh.bus.topology import Topology, load_topology
from mesh.config import ConfigError


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    async with mesh_bus.connect(nats.url, source="/voicemesh/test", topology=load_topology({})) as connected:
        yield connected


def told(**environment: str) -> Topology:
    return load_topology({f"VOICEMESH_STREAM_{name}": value for name, value in environment.items()})


async def found(bus: Bus, topology: Topology) -> Mapping[tuple[str, str], str]:
    return {
        (one.stream, one.value): one.verdict
        for stream in topology.streams.values()
        for one in await differences(bus.jetstream, stream)
    }


async def publish(bus: Bus, count: int = 1) -> None:
    for number in range(count):
        context = EventContext(event_id=f"e{number}", tenant_id="clinic", region="local")
        await bus.publish(HandoverRequested(context=context, reason="caller_asked"))


async def test_a_new_server_gets_what_the_file_says(bus: Bus) -> None:
    assert await found(bus, load_topology({})) == {}
    config = (await bus.jetstream.stream_info("VOICEMESH_EARLY")).config
    assert (config.storage, config.max_age, config.max_bytes) == ("memory", 300, 67_108_864)


async def test_a_stream_that_exists_is_left_alone_until_it_is_applied(nats: NatsServer, bus: Bus) -> None:
    wanted = told(EVENTS_MAX_AGE_S="1209600", EARLY_DUPLICATE_WINDOW_S="30")
    async with mesh_bus.connect(nats.url, source="/voicemesh/test", topology=wanted):
        different = await found(bus, wanted)
    assert different == {
        ("VOICEMESH_EVENTS", "max_age_s"): "can be mended",
        ("VOICEMESH_EARLY", "duplicate_window_s"): "can be mended",
    }
    await publish(bus)
    for stream in wanted.streams.values():
        assert await apply(bus.jetstream, stream) == []
    assert await found(bus, wanted) == {}
    info = await bus.jetstream.stream_info("VOICEMESH_EVENTS")
    assert (info.config.max_age, info.state.messages) == (1_209_600, 1)


async def test_what_would_delete_something_is_never_applied(bus: Bus) -> None:
    await publish(bus, 3)
    wanted = told(EVENTS_MAX_BYTES="100", EVENTS_DUPLICATE_WINDOW_S="60", EARLY_STORAGE="file")
    assert await found(bus, wanted) == {
        ("VOICEMESH_EVENTS", "max_bytes"): "would delete",
        ("VOICEMESH_EVENTS", "duplicate_window_s"): "can be mended",
        ("VOICEMESH_EARLY", "storage"): "cannot be changed",
    }
    left = [one.value for stream in wanted.streams.values() for one in await apply(bus.jetstream, stream)]
    assert left == ["max_bytes", "storage"]
    assert set(await found(bus, wanted)) == {("VOICEMESH_EVENTS", "max_bytes"), ("VOICEMESH_EARLY", "storage")}
    assert (await bus.jetstream.stream_info("VOICEMESH_EVENTS")).state.messages == 3


async def test_a_shorter_age_is_applied_only_while_nothing_is_older(bus: Bus) -> None:
    wanted = told(EVENTS_MAX_AGE_S="3600")
    assert await found(bus, wanted) == {("VOICEMESH_EVENTS", "max_age_s"): "can be mended"}
    await publish(bus)
    assert await found(bus, wanted) == {("VOICEMESH_EVENTS", "max_age_s"): "can be mended"}, "it is younger"
    # A stream's age cannot be waited for here; a limit below the server's resolution has passed already.
    tiny = wanted.streams["events"].model_copy(update={"max_age_s": 1e-6})
    assert [one.verdict for one in await differences(bus.jetstream, tiny)] == ["would delete"]
    assert [one.value for one in await apply(bus.jetstream, tiny)] == ["max_age_s"]
    assert (await bus.jetstream.stream_info("VOICEMESH_EVENTS")).state.messages == 1


async def test_a_missing_stream_is_made(bus: Bus) -> None:
    await bus.jetstream.delete_stream("VOICEMESH_DEAD")
    topology = load_topology({})
    assert await found(bus, topology) == {("VOICEMESH_DEAD", ""): "missing"}
    assert await apply(bus.jetstream, topology.streams["dead"]) == []
    assert await found(bus, topology) == {}


async def test_more_replicas_than_there_are_servers_are_refused_in_words(nats: NatsServer) -> None:
    with pytest.raises(ConfigError, match="VOICEMESH_STREAM_REPLICAS=1, or start a cluster"):
        async with mesh_bus.connect(nats.url, source="/voicemesh/test", topology=told(REPLICAS="3")):
            pytest.fail("it connected")
