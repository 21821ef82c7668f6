"""What happened in a call, as events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from voicemesh.common.v1 import speech_pb2
from voicemesh.common.v1.content_pb2 import ContentReference
from voicemesh.events.v1 import business_events_pb2, call_events_pb2, event_pb2
from voicemesh.events.v2 import call_completed_pb2

from mesh import logs
from mesh.bus import up_converted
from mesh.durations import to_duration, to_timestamp
from services.dialogue import model
from services.dialogue.adapters.outcomes import outcome_proto
from services.dialogue.policy import Outcome, Slot, State

_log = logs.get_logger(__name__)
_NAME_SLOT_TYPE = "person_name"
_CALLER, _AGENT, _NOBODY = speech_pb2.SPEAKER_CALLER, speech_pb2.SPEAKER_AGENT, speech_pb2.SPEAKER_UNSPECIFIED
_MOST_NAMES = 32


class CallEvents:
    """Makes the events of one call; ids are derived from the session, so that nothing counts twice."""

    def __init__(self, info: model.SessionInfo) -> None:
        self._info = info
        self.contact_id = ""
        self.contact_name = ""
        """What the records call the caller; only for leaving it out of what is stored."""
        self.caller_name = ""
        self._heard_names: list[str] = []
        self.of_card = False
        """Whether the caller's next words may be a part of a payment card."""

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the records, the caller or the caller's words told so far."""
        return (self.contact_name, self.caller_name, *self._heard_names)

    def learn_names(self, names: Iterable[str]) -> None:
        """Keep names that stood in the caller's words; the newest 32 of a call."""
        new = [name for name in dict.fromkeys(names) if name not in self._heard_names]
        self._heard_names = [*self._heard_names, *new][-_MOST_NAMES:]

    def started(self, at: datetime) -> call_events_pb2.CallStarted:
        """The call began."""
        return call_events_pb2.CallStarted(
            context=self.context("call-started", at, place=0.0),
            direction=self._info.direction,
            domain=self._info.domain,
            device=self._info.device,
            labels=dict(self._info.labels),
        )

    def transcribed(self, turn_id: str, heard: model.Heard, at: datetime) -> call_events_pb2.TranscriptionCompleted:
        """A turn was transcribed."""
        context = self.context(f"{turn_id}.transcription", at, turn_id=turn_id, place=heard.start, speaker=_CALLER)
        set_confidence(context, heard.confidence)
        return call_events_pb2.TranscriptionCompleted(
            context=context,
            transcript_reference=transcript_reference(self._info.session_id, turn_id),
            word_count=len(heard.words) or len(heard.text.split()),
            start=to_duration(heard.start),
            end=to_duration(heard.end),
        )

    def understood(
        self, turn_id: str, heard: model.Heard, understanding: model.Understanding, at: datetime
    ) -> call_events_pb2.IntentDetected:
        """A turn's meaning was found."""
        context = self.context(f"{turn_id}.intent", at, turn_id=turn_id, place=heard.start, speaker=_CALLER)
        set_confidence(context, understanding.confidence)
        event = call_events_pb2.IntentDetected(
            context=context, intent=understanding.intent, out_of_scope=understanding.out_of_scope
        )
        if understanding.sentiment is not None:
            event.sentiment.score = understanding.sentiment
        return event

    def outcome(
        self, turn_id: str, index: int, outcome: Outcome, at: datetime, learned: tuple[str, float] | None = None
    ) -> Message | None:
        """A delivered turn's outcome; None, and a log entry, for an event that does not exist.

        `turn_id` is the agent's turn by which it took effect; `learned` the caller's before it and where that began, in
        seconds on the audio clock. Without that the agent's turn is all it was learned from.
        """
        message_type = getattr(business_events_pb2, outcome.event, None)
        if message_type is None:
            _log.error("outcome.unknown", event_type=outcome.event, session_id=self._info.session_id)
            return None
        whose, place = learned or (turn_id, None)
        speaker = _AGENT if learned is None else _CALLER
        context = self.context(f"{turn_id}.{index}.{outcome.event}", at, turn_id=whose, place=place, speaker=speaker)
        set_confidence(context, outcome.confidence)
        known = {field.name for field in message_type.DESCRIPTOR.fields} - {"context", "slots"}
        fields: dict[str, Any] = {key: value for key, value in outcome.fields.items() if key in known}
        if "slots" in message_type.DESCRIPTOR.fields_by_name:
            fields["slots"] = [slot(s) for s in outcome.slots]
        event: Message = message_type(context=context, **fields)
        return event

    def completed(self, end: model.Ended, sentiment: float | None, at: datetime) -> call_events_pb2.CallCompleted:
        """The call's one outcome."""
        event = call_events_pb2.CallCompleted(
            context=self.context("call-completed", at, place=end.duration),
            disposition=end.disposition,
            summary=end.summary,
            intents=end.intents,
            slots=[slot(s) for s in end.slots],
            duration=to_duration(end.duration),
            transcript_reference=end.transcript.uri if end.transcript else transcript_reference(self._info.session_id),
            domain=self._info.domain,
            direction=self._info.direction,
        )
        if sentiment is not None:
            event.sentiment.score = sentiment
        if end.outcome is not None:
            event.outcome.CopyFrom(outcome_proto(end.outcome))
        return event

    def completed_versions(self, end: model.Ended, sentiment: float | None, at: datetime) -> list[Message]:
        """The call's one outcome in every version that is published, the oldest first."""
        first = self.completed(end, sentiment, at)
        second = up_converted(first, call_completed_pb2.CallCompleted)
        second.caller_turns, second.agent_turns = end.caller_turns, end.agent_turns
        if end.transcript is not None:
            second.transcript.CopyFrom(_content(end.transcript))
        for recording in end.recordings:
            second.recordings.add(turn_id=recording.turn_id, audio=_content(recording))
        return [first, second]

    def conversation_ended(self, end: model.Ended, at: datetime) -> call_events_pb2.ConversationEnded:
        """The technical end."""
        return call_events_pb2.ConversationEnded(
            context=self.context("conversation-ended", at, place=end.duration),
            duration=to_duration(end.duration),
            caller_turns=end.caller_turns,
            agent_turns=end.agent_turns,
        )

    def learn_name(self, state: State | None) -> None:
        """Keep the name the caller gave: later events carry it."""
        for known in state.slots if state else ():
            if known.type == _NAME_SLOT_TYPE:
                self.caller_name = known.value

    def context(
        self,
        suffix: str,
        at: datetime,
        *,
        turn_id: str = "",
        place: float | None = None,
        speaker: speech_pb2.Speaker.ValueType = _NOBODY,
    ) -> event_pb2.EventContext:
        """What every event of this call carries.

        Args:
            suffix: makes its id.
            place: seconds on the audio clock.
            speaker: whose words it was learned from; unspecified: from nobody's, as that a call began.
        """
        info = self._info
        context = event_pb2.EventContext(
            event_id=f"{info.session_id}.{suffix}",
            occurred_at=to_timestamp(at),
            tenant_id=info.tenant_id,
            region=info.region,
            correlation_id=info.correlation_id,
            language=info.language,
            session_id=info.session_id,
            turn_id=turn_id,
            speaker=speaker,
            customer=event_pb2.CustomerReference(
                contact_id=self.contact_id,
                customer_id=info.customer_id,
                phone=info.phone,
                name=self.caller_name,
            ),
        )
        if place is not None:
            context.audio_offset.CopyFrom(to_duration(place))
        return context


def transcript_reference(session_id: str, turn_id: str = "") -> str:
    """Return where the redacted transcript of a turn, or of a whole call, lies."""
    return f"voicemesh:dialogue/sessions/{session_id}" + (f"/turns/{turn_id}" if turn_id else "")


def _content(content: model.Content) -> ContentReference:
    return ContentReference(uri=content.uri, sha256=content.sha256, media_type=content.media_type, size=content.size)


def slot(value: Slot) -> speech_pb2.Slot:
    """Return a slot's proto."""
    proto = speech_pb2.Slot(
        name=value.name, value=value.value, raw=value.raw, type=value.type, confirmed=value.confirmed
    )
    if value.confidence is not None:
        proto.confidence = value.confidence
    return proto


def set_confidence(context: event_pb2.EventContext, confidence: float | None) -> None:
    """Say how sure an event is; None: not known."""
    if confidence is not None:
        context.confidence = confidence
