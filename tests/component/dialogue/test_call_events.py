"""What a typed call through the whole mesh tells the bus: early while it is on, and for good."""

from pathlib import Path
from typing import Any

from fakes.background import eventually
from fakes.whole_mesh import WholeMesh, whole_mesh
from google.protobuf.message import Message
from voicemesh.common.v1.speech_pb2 import SPEAKER_CALLER, SPEAKER_UNSPECIFIED
from voicemesh.events.v1.early_events_pb2 import EscalationSuspected

import voicemesh_client as sdk
from mesh import bus as mesh_bus
from mesh.bus import STREAM_EARLY, STREAM_EVENTS, Bus
from mesh.bus.envelope import context_of, open_event

LINES = (
    "I'd like a cleaning on Tuesday at ten in the morning.",
    "My name is Sarah Miller.",
    "Yes, that's right.",
    "I want to speak to a human being.",
)
FROM_WORDS = {"TranscriptionCompleted", "IntentDetected", "AppointmentRequested", "UtteranceHeard", "IntentSuspected"}
"""What is learned from one turn's words, and how sure it is."""
OF_NOBODY = {"CallStarted", "CallCompleted", "ConversationEnded"}
"""What is learned from nobody's words."""


async def told(bus: Bus, stream: str) -> list[Message]:
    last = (await bus.jetstream.stream_info(stream)).state.last_seq
    messages = [await bus.jetstream.get_msg(stream, number) for number in range(1, last + 1)]
    return [open_event(message.headers or {}, message.data or b"") for message in messages]


async def call(mesh: WholeMesh) -> tuple[str, sdk.Session]:
    lines = iter(LINES)
    async with sdk.connect(mesh.dialogue) as client:
        session = client.session("clinic", language="en-US", time_zone="America/New_York", phone="+12125550123")
        async with session:
            async for event in session:
                if isinstance(event, sdk.AgentTurnEnded):
                    line = next(lines, None)
                    await (session.end("done") if line is None else session.send_text(line))
        return session.session_id, session


async def test_every_event_of_a_call_says_whose_when_where_and_how_sure(tmp_path: Path):
    async with whole_mesh(tmp_path) as mesh, mesh_bus.connect(mesh.nats_url, source="/voicemesh/test") as bus:
        session_id, _ = await call(mesh)

        async def over() -> bool:
            return any(name(event) == "v1.ConversationEnded" for event in await told(bus, STREAM_EVENTS))

        await eventually(over)
        final, early = await told(bus, STREAM_EVENTS), await told(bus, STREAM_EARLY)
    assert {"v1.CallStarted", "v1.AppointmentRequested", "v1.CallCompleted", "v2.CallCompleted"} <= set(
        map(name, final)
    )
    assert {name(event) for event in early} == {"v1.UtteranceHeard", "v1.IntentSuspected", "v1.EscalationSuspected"}
    of_call = [event for event in [*final, *early] if context_of(event).session_id == session_id]
    assert len(of_call) == len(final) + len(early)
    correlation = context_of(of_call[0]).correlation_id
    assert correlation
    for event in of_call:
        context, short = context_of(event), name(event).partition(".")[2]
        assert context.correlation_id == correlation, event
        assert (context.tenant_id, context.region, context.language) == ("default", "local", "en-US"), event
        assert context.HasField("occurred_at"), event
        assert context.HasField("audio_offset"), event
        assert context.speaker == (SPEAKER_UNSPECIFIED if short in OF_NOBODY else SPEAKER_CALLER), event
        assert context.customer.phone == "+12125550123", event
        if short in FROM_WORDS:
            assert context.turn_id, event
            # Typed words are what they are; what they mean is more or less sure.
            assert short in {"UtteranceHeard", "TranscriptionCompleted"} or context.HasField("confidence"), event
    check_twins(final)
    urgent = [event for event in early if isinstance(event, EscalationSuspected)]
    assert [event.intent for event in urgent] == ["human"]


def check_twins(final: list[Message]) -> None:
    """Both versions of the outcome say the same."""
    found: dict[str, Any] = {name(event): event for event in final}
    first, second = found["v1.CallCompleted"], found["v2.CallCompleted"]
    assert second.context.event_id == f"{first.context.event_id}.v2"
    assert (second.disposition, second.summary, second.outcome) == (first.disposition, first.summary, first.outcome)
    assert list(second.served_intents) == list(first.intents)
    assert second.caller_turns == len(LINES)
    assert second.agent_turns > 0
    assert second.transcript.uri


def name(event: Message) -> str:
    """The event's version and name, such as v1.CallStarted."""
    return event.DESCRIPTOR.full_name.removeprefix("voicemesh.events.")
