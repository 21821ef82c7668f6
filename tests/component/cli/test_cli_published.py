"""The bystander on the bus, on a real nats-server."""

import asyncio
import dataclasses

import nats

from voicemesh_cli.demo.published import PublishedEvent, listening
from voicemesh_cli.launcher import LaunchOptions, launch


async def test_events_are_heard_once_with_their_type_subject_and_id(fake_options: LaunchOptions) -> None:
    told: asyncio.Queue[PublishedEvent] = asyncio.Queue()
    options = dataclasses.replace(fake_options, services=(), with_broker=True)
    async with launch(options) as mesh, listening(mesh.nats_url, told.put_nowait) as events:
        client = await nats.connect(mesh.nats_url)
        for number, subject in ((1, "CallStarted"), (1, "CallStarted"), (2, "CallCompleted")):
            headers = {"ce-type": f"voicemesh.events.v1.{subject}", "ce-id": f"call%20{number}"}
            await client.publish(f"voicemesh.events.v1.{subject}.local", b"1234", headers=headers)
        await client.publish("voicemesh.other", b"not an event")
        first, second = await told.get(), await told.get()
        await client.close()
    assert first == PublishedEvent("CallStarted", "voicemesh.events.v1.CallStarted.local", "call 1", 4)
    assert second.type == "CallCompleted"
    assert events == [first, second]
