"""Between the protos and the domain."""

from collections.abc import Iterable

from google.protobuf.message import Message
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.common.v1.speech_pb2 import IntentCandidate, Sentiment
from voicemesh.crm.v1 import caller_pb2
from voicemesh.crm.v1 import crm_pb2 as pb

from mesh.durations import to_duration, to_timestamp
from services.crm_gateway import model
from services.crm_gateway.canonical import SCHEMA_VERSION, Consent, IntentStage, PriorInteractions, VendorLink

_STATES = {
    model.RecordState.DRAFT: pb.RECORD_STATE_DRAFT,
    model.RecordState.REVIEWED: pb.RECORD_STATE_REVIEWED,
    model.RecordState.APPLIED: pb.RECORD_STATE_APPLIED,
    model.RecordState.REJECTED: pb.RECORD_STATE_REJECTED,
}
_STAGES = {
    IntentStage.UNKNOWN: caller_pb2.INTENT_STAGE_UNSPECIFIED,
    IntentStage.CONTACTED: caller_pb2.INTENT_STAGE_CONTACTED,
    IntentStage.INQUIRING: caller_pb2.INTENT_STAGE_INQUIRING,
    IntentStage.PENDING: caller_pb2.INTENT_STAGE_PENDING,
    IntentStage.DONE: caller_pb2.INTENT_STAGE_DONE,
}


def scope(context: RequestContext) -> model.Scope:
    """On whose behalf."""
    return model.Scope(context.tenant_id, context.region, context.correlation_id, context.language, context.session_id)


def key(key: pb.ContactKey) -> model.ContactKey | None:
    """One of a contact's names; None when none is given."""
    match key.WhichOneof("key"):
        case "contact_id":
            return model.ContactKey("contact_id", key.contact_id)
        case "customer_id":
            return model.ContactKey("customer_id", key.customer_id)
        case "phone":
            return model.ContactKey("phone", key.phone)
        case _:
            return None


def contact(contact: pb.Contact) -> model.Contact:
    """A contact as it was given."""
    return model.Contact(
        contact_id=contact.contact_id,
        customer_id=contact.customer_id,
        display_name=contact.display_name,
        phones=tuple(contact.phones),
        emails=tuple(contact.emails),
        language=contact.language,
        region=contact.region,
        version=contact.version,
    )


def contact_pb(contact: model.Contact) -> pb.Contact:
    """A contact."""
    return pb.Contact(
        contact_id=contact.contact_id,
        customer_id=contact.customer_id,
        display_name=contact.display_name,
        phones=contact.phones,
        emails=contact.emails,
        language=contact.language,
        region=contact.region,
        version=contact.version,
        updated_at=to_timestamp(contact.updated_at) if contact.updated_at else None,
    )


def known(message: Message, field: str) -> float | None:
    """An optional number; None when it is absent."""
    return getattr(message, field) if message.HasField(field) else None


def caller_context_pb(context: model.CallerContext, calls: Iterable[model.LiveCall] = ()) -> pb.CallerContext:
    """What is known of a caller; `calls` are those in progress."""
    last = context.last_interaction_at
    return pb.CallerContext(
        contact=contact_pb(context.contact) if context.contact else None,
        last_interaction=context.last_interaction,
        last_interaction_at=to_timestamp(last) if last else None,
        open_items=map(_open_item_pb, context.open_items),
        suppressed=context.suppressed,
        as_of=to_timestamp(context.as_of),
        stale=context.stale,
        live_calls=[_live_call_pb(call) for call in calls],
        schema_version=SCHEMA_VERSION,
        consents=map(_consent_pb, context.consents),
        prior=_prior_pb(context.prior),
        intent_stage=_STAGES[context.intent_stage],
        links=map(_link_pb, context.links),
    )


def _open_item_pb(item: model.OpenItem) -> pb.OpenItem:
    return pb.OpenItem(
        record_id=item.record_id,
        kind=item.kind,
        title=item.title,
        state=item.state,
        vendor=item.vendor,
        amount=item.amount,
        currency=item.currency,
        changed_at=to_timestamp(item.changed_at) if item.changed_at else None,
    )


def _consent_pb(consent: Consent) -> caller_pb2.ConsentState:
    return caller_pb2.ConsentState(
        channel=consent.channel,
        purpose=consent.purpose,
        state=consent.state,
        changed_at=to_timestamp(consent.changed_at),
    )


def _prior_pb(prior: PriorInteractions) -> caller_pb2.PriorInteractions:
    return caller_pb2.PriorInteractions(
        count=prior.count,
        first_at=to_timestamp(prior.first_at) if prior.first_at else None,
        last_at=to_timestamp(prior.last_at) if prior.last_at else None,
        summary=prior.summary,
        disposition=prior.disposition,
        intents=prior.intents,
        sentiment=prior.sentiment,
    )


def _link_pb(link: VendorLink) -> caller_pb2.VendorLink:
    return caller_pb2.VendorLink(
        vendor=link.vendor,
        vendor_contact_id=link.vendor_contact_id,
        stage=link.stage,
        suppressed=link.suppressed,
        changed_at=to_timestamp(link.changed_at),
    )


def _live_call_pb(call: model.LiveCall) -> pb.LiveCall:
    message = pb.LiveCall(session_id=call.session_id)
    if call.intent:
        message.intent.CopyFrom(IntentCandidate(name=call.intent, confidence=call.intent_confidence))
    if call.sentiment is not None:
        message.sentiment.CopyFrom(Sentiment(score=call.sentiment, confidence=call.sentiment_confidence))
    if call.at_s is not None:
        message.audio_offset.CopyFrom(to_duration(call.at_s))
    return message


def new_record_pb(record: model.NewRecord) -> pb.Record:
    """A record that was not written yet."""
    return pb.Record(
        record_id=record.record_id,
        kind=record.kind,
        state=_STATES[record.state],
        title=record.title,
        fields=dict(record.fields),
        event_id=record.event_id,
        session_id=record.scope.session_id,
        correlation_id=record.scope.correlation_id,
        tenant_id=record.scope.tenant_id,
        region=record.scope.region,
        language=record.scope.language,
        confidence=record.confidence,
    )


def record_pb(record: model.Record) -> pb.Record:
    """A record."""
    return pb.Record(
        record_id=record.record_id,
        kind=record.kind,
        state=_STATES[record.state],
        contact_id=record.contact_id,
        title=record.title,
        fields=dict(record.fields),
        event_id=record.event_id,
        session_id=record.scope.session_id,
        correlation_id=record.scope.correlation_id,
        tenant_id=record.scope.tenant_id,
        region=record.scope.region,
        language=record.scope.language,
        created_at=to_timestamp(record.created_at),
        confidence=record.confidence,
    )
