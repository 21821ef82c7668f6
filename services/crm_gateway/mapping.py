"""Mappings: how events become records, as versioned data (`mappings/VENDOR_vN.toml`, else `canonical_vN.toml`)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.message import Message
from voicemesh.common.v1.speech_pb2 import Slot
from voicemesh.events.v1.event_pb2 import EventContext

from mesh.bus import event_type, fact_id, up_converted
from mesh.durations import seconds, to_datetime
from services.crm_gateway.event_texts import storable_event
from services.crm_gateway.event_values import value_of, values_of_each
from services.crm_gateway.mapping_file import Each, MappingFile, Rule, Thresholds, load_mapping
from services.crm_gateway.model import Customer, NewRecord, RecordState, Scope
from services.crm_gateway.review.escrow import Doubt, Escrow
from services.crm_gateway.review.values import type_of
from services.crm_gateway.titles import title_of

__all__ = ["Mapper", "load_mapping"]

_WITHIN_H = 24.0


class Mapper:
    """Turns events into records by a mapping.

    Args:
        review_below: how sure an action must be where the mapping does not say.
        vendor: the business system it is for; it may ask for more, or less, than others.
    """

    def __init__(self, mapping: MappingFile, review_below: float, vendor: str = "") -> None:
        self._rules = mapping.events
        self._mapping = mapping
        self._vendor = mapping.vendors.get(vendor or mapping.vendor, Thresholds())
        self._review_below = review_below
        self.event_types = [event_type(name) for name in mapping.events]
        self._by_name = {kind.DESCRIPTOR.name: kind for kind in self.event_types}

    def map(self, event: Message) -> NewRecord | None:
        """Return the record an event becomes; None when the mapping has no rule for it.

        An event of an older version than the rule's is read as the rule's. An action in which something is less sure
        than it should be is a draft, with its `escrow`.

        Raises:
            EventError: it is of a version that cannot be read as the rule's.
        """
        wanted = self._by_name.get(event.DESCRIPTOR.name)
        if wanted is None:
            return None
        event = storable_event(up_converted(event, wanted))
        rule = self._rules[event.DESCRIPTOR.full_name]
        context: EventContext = event.context  # type: ignore[attr-defined]
        given: Sequence[Slot] = getattr(event, "slots", ())
        slots = list(given) if rule.slots else []
        fields = {slot.name: slot.value for slot in slots if slot.value}
        fields |= {name: value for name, field in rule.fields.items() if (value := _value(event, field))}
        spoken = _spoken(context, slots)
        escrow = self._escrow(rule, context, fields, given, spoken) if rule.action else None
        return NewRecord(
            event_id=fact_id(event),
            scope=Scope(
                context.tenant_id, context.region, context.correlation_id, context.language, context.session_id
            ),
            customer=_customer(context, spoken, escrow),
            kind=rule.kind,
            state=RecordState.DRAFT if escrow else RecordState.APPLIED,
            title=title_of(rule.titles, fields),
            open=rule.open,
            occurred_at=to_datetime(context.occurred_at) if context.HasField("occurred_at") else datetime.now(UTC),
            fields=fields,
            confidence=context.confidence if context.HasField("confidence") else None,
            turn_id=context.turn_id,
            closes=rule.closes,
            profile=rule.profile,
            escrow=escrow,
        )

    def _escrow(
        self,
        rule: Rule,
        context: EventContext,
        fields: Mapping[str, str],
        slots: Sequence[Slot],
        spoken: Mapping[str, Slot],
    ) -> Escrow | None:
        """Return why a person must look at it first; None: nobody must."""
        sources = {name: slot for slot in slots for name in _fields_of(slot, fields, rule)}
        doubts = [
            Doubt(name, fields[name], slot.confidence, threshold)
            for name, slot in sources.items()
            if slot.HasField("confidence") and slot.confidence < (threshold := self._threshold(rule, name))
        ]
        below = self._threshold(rule)
        # The event is as sure as its least sure value: where that one is named, it says it all.
        if context.HasField("confidence") and context.confidence < below:
            named = min((doubt.confidence for doubt in doubts), default=1.0)
            if context.confidence < named:
                doubts.insert(0, Doubt("", "", context.confidence, below))
        if not doubts:
            return None
        known = dict.fromkeys([*rule.fields, *fields])
        types = {name: type_of(name, sources[name].type if name in sources else "") for name in known}
        within_h = next((h for h in (level.review_within_h for level in self._levels(rule)) if h), _WITHIN_H)
        return Escrow(
            doubts=tuple(doubts),
            types=types,
            same={name: slot.name for name, slot in sources.items() if name != slot.name and slot.name in fields},
            person={name: slot.name for name, slot in spoken.items()},
            titles=rule.titles,
            within_s=within_h * 3600,
            audio_offset_s=seconds(context.audio_offset) if context.HasField("audio_offset") else None,
        )

    def _levels(self, rule: Rule) -> tuple[Thresholds, ...]:
        """Where a threshold may stand; the first that has it counts."""
        return (self._vendor, rule, self._mapping)

    def _threshold(self, rule: Rule, field: str = "") -> float:
        """Return how sure a field, or the event as a whole, should be."""
        levels = self._levels(rule)
        own = [level.review_fields.get(field) for level in levels] if field else []
        found = [*own, *(level.review_below for level in levels)]
        return next((threshold for threshold in found if threshold is not None), self._review_below)


def _value(event: Message, field: str | Each) -> str:
    return value_of(event, field) if isinstance(field, str) else values_of_each(event, field.path, field.each)


def _fields_of(slot: Slot, fields: Mapping[str, str], rule: Rule) -> list[str]:
    """Return the record's fields that hold a slot's value: its own, and those the event was given it for."""
    if not slot.value:
        return []
    repeated = [name for name in rule.fields if name != slot.name and fields.get(name) == slot.value]
    return [slot.name, *repeated] if slot.name in fields else repeated


def _spoken(context: EventContext, slots: Sequence[Slot]) -> dict[str, Slot]:
    """Return which of the customer's values the call does not know and the caller said in it (by entity type)."""
    known = {"phone": context.customer.phone, "name": context.customer.name}
    by_type = {slot.type: slot for slot in slots if slot.value}
    said = {"phone": by_type.get("phone"), "name": by_type.get("person_name")}
    return {name: slot for name, slot in said.items() if slot is not None and not known[name]}


def _customer(context: EventContext, spoken: Mapping[str, Slot], escrow: Escrow | None) -> Customer:
    """Say who the customer is: what the call knows, else what the caller said in it.

    What is doubted of that is nobody's name or number yet: whoever looks at the draft decides (`Escrow.person`).
    """
    known = context.customer
    doubted = {doubt.field for doubt in escrow.doubts} if escrow else set()
    sure = {name: slot for name, slot in spoken.items() if slot.name not in doubted}
    values = {"phone": known.phone, "name": known.name} | {name: slot.value for name, slot in sure.items()}
    confidences = {f"{name}_confidence": slot.confidence for name, slot in sure.items() if slot.HasField("confidence")}
    return Customer(known.contact_id, known.customer_id, values["phone"], values["name"], **confidences)
