"""What a call's end tells of where its words lie. Pure."""

from dataclasses import dataclass, field

from google.protobuf.message import Message
from voicemesh.common.v1.content_pb2 import ContentReference
from voicemesh.events.v1 import call_events_pb2 as v1
from voicemesh.events.v2 import call_completed_pb2 as v2

from services.crm_gateway.review.model import Content, Evidence


@dataclass(frozen=True, slots=True)
class CallEvidence:
    """Where a call's transcript lies, and what its turns sounded like."""

    tenant_id: str
    session_id: str
    transcript_reference: str
    transcript: Content | None = None
    audio: dict[str, Content] = field(default_factory=dict)
    """By the caller's turn."""

    def of_turn(self, turn_id: str) -> Evidence:
        """Return the part that concerns one turn."""
        return Evidence(self.transcript_reference, self.transcript, self.audio.get(turn_id))


def evidence_of(event: Message) -> CallEvidence | None:
    """Return where a call's words lie; None: the event does not say."""
    match event:
        case v2.CallCompleted():
            transcript = _content(event.transcript) if event.HasField("transcript") else None
            audio = {one.turn_id: _content(one.audio) for one in event.recordings if one.HasField("audio")}
            place = transcript.uri if transcript else ""
            found = CallEvidence(event.context.tenant_id, event.context.session_id, place, transcript, audio)
        case v1.CallCompleted():
            found = CallEvidence(event.context.tenant_id, event.context.session_id, event.transcript_reference)
        case _:
            return None
    return found if found.session_id and (found.transcript_reference or found.audio) else None


def _content(reference: ContentReference) -> Content:
    return Content(reference.uri, reference.sha256, reference.media_type, reference.size)
