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
        twin = {"ce-type": "voicemesh.events.v2.CallCompleted", "ce-id": "call%202.v2", "ce-versions": "v1,v2"}
        await client.publish("voicemesh.events.v2.CallCompleted.local", b"12345", headers=twin)
        await client.publish("voicemesh.other", b"not an event")
        await client.publish("voicemesh.events.v1.CallStarted.local", b"", headers={"ce-id": "call%203"})
        first, second, last = await told.get(), await told.get(), await told.get()
        await client.close()
    assert first == PublishedEvent("CallStarted", "voicemesh.events.v1.CallStarted.local", "call 1", 4)
    assert second.type == "CallCompleted"
    assert last.event_id == "call 3", "another version of an event is the same event"
    assert events == [first, second, last]
