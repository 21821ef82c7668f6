"""What is not sure enough waits for a person, and becomes what that person decides: in the gateway's own CRM."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from fakes.background import eventually, running
from fakes.crm_world import World, a_request, an_event_context
from fakes.review_desk import Desk, desk, doubtful
from google.protobuf.message import Message
from voicemesh.common.v1.content_pb2 import ContentReference
from voicemesh.crm.v1 import crm_service_pb2 as crm_rpc
from voicemesh.crm.v1 import review_service_pb2 as rpc
from voicemesh.crm.v1.crm_pb2 import (
    RECORD_STATE_APPLIED,
    RECORD_STATE_DRAFT,
    RECORD_STATE_REJECTED,
    RECORD_STATE_REVIEWED,
    RECORD_STATE_UNSPECIFIED,
    ContactKey,
)
from voicemesh.events.v1.business_events_pb2 import (
    AppointmentCancelled,
    AppointmentRequested,
    AppointmentRescheduled,
    RecordWritten,
)
from voicemesh.events.v1.call_events_pb2 import CallCompleted as OldCallCompleted
from voicemesh.events.v1.review_events_pb2 import DraftApplied, DraftMade, DraftRejected, DraftReviewed
from voicemesh.events.v2.call_completed_pb2 import CallCompleted

from mesh.bus import Delivery
from mesh.errors import ErrorReason, MeshError, from_rpc_error

PHONE = "+15550000001"
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what no database does in its own way."""


@pytest.fixture
async def ana(crm: World) -> AsyncIterator[Desk]:
    async with desk(crm.address) as ana:
        yield ana


async def refused(asked: object) -> MeshError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked  # type: ignore[misc]
    return from_rpc_error(caught.value)


async def open_titles(crm: World) -> list[tuple[str, str]]:
    request = crm_rpc.LookupContactRequest(context=a_request(), contact=ContactKey(phone=PHONE))
    context = (await crm.stub.LookupContact(request)).caller_context
    return [(item.state, item.title) for item in context.open_items]


async def until_open(crm: World, *titles: tuple[str, str]) -> None:
    async def so() -> bool:
        return await open_titles(crm) == list(titles)

    await eventually(so)


@on_one_database
async def test_a_draft_shows_what_is_doubtful_and_where_it_was_said(crm: World, ana: Desk) -> None:
    await crm.publish(doubtful("e1", phone=PHONE))
    [draft] = await ana.until_waiting(1)
    assert (draft.vendor, draft.version, draft.record.state) == ("local", 1, RECORD_STATE_DRAFT)
    assert (draft.record.kind, draft.record.title) == ("appointment", "cleaning on 2026-11-26 at 10:00")
    found = [(doubt.field, doubt.value, doubt.confidence, doubt.threshold) for doubt in draft.doubts]
    assert found == [("day", "2026-11-26", 0.3, 0.5), ("date", "2026-11-26", 0.3, 0.5)]
    assert (draft.turn_id, draft.audio_offset.ToMilliseconds()) == ("t3", 12_500)
    assert (draft.due_at.ToDatetime() - draft.made_at.ToDatetime()).total_seconds() == 86_400
    assert {"date": "date", "time": "time", "service": "text"}.items() <= {
        field.name: field.type for field in draft.editable_fields
    }.items()
    [record] = await crm.records()
    assert (record.state, record.record_id) == (RECORD_STATE_DRAFT, draft.record.record_id)
    [step] = (await ana.show(draft.id)).steps
    assert (step.version, step.old_state, step.new_state, step.by) == (
        1,
        RECORD_STATE_UNSPECIFIED,
        RECORD_STATE_DRAFT,
        "local",
    )


async def test_a_confirmed_draft_is_a_record_and_its_history_says_who(crm: World, ana: Desk) -> None:
    await crm.publish(doubtful("e1", phone=PHONE))
    [draft] = await ana.until_waiting(1)
    await until_open(crm, ("draft", "cleaning on 2026-11-26 at 10:00"))
    applied = await ana.confirm(draft.id, version=1, note="heard it myself")
    assert (applied.record.state, applied.version) == (RECORD_STATE_APPLIED, 3)
    [record] = await crm.records()
    assert (record.state, record.event_id) == (RECORD_STATE_APPLIED, "e1")
    await until_open(crm, ("open", "cleaning on 2026-11-26 at 10:00"))
    steps = (await ana.show(draft.id)).steps
    assert [(step.version, step.old_state, step.new_state, step.by, step.note) for step in steps[1:]] == [
        (2, RECORD_STATE_DRAFT, RECORD_STATE_REVIEWED, "ana", "heard it myself"),
        (3, RECORD_STATE_REVIEWED, RECORD_STATE_APPLIED, "local", ""),
    ]
    assert await ana.drafts(RECORD_STATE_DRAFT) == []


@on_one_database
async def test_an_override_changes_the_record_its_title_and_what_repeats_the_value(crm: World, ana: Desk) -> None:
    await crm.publish(doubtful("e1", phone=PHONE))
    [draft] = await ana.until_waiting(1)
    await ana.override(draft.id, {"date": "2026-11-27", "service": ""})
    [record] = await crm.records()
    assert dict(record.fields) == {"date": "2026-11-27", "day": "2026-11-27", "time": "10:00"}
    assert (record.state, record.title) == (RECORD_STATE_APPLIED, "Appointment on 2026-11-27")
    changes = (await ana.show(draft.id)).steps[1].changes
    assert [(change.field, change.old_value, change.new_value) for change in changes] == [
        ("date", "2026-11-26", "2026-11-27"),
        ("day", "2026-11-26", "2026-11-27"),
        ("service", "cleaning", ""),
    ]


@on_one_database
async def test_a_rejected_draft_is_open_no_more(crm: World, ana: Desk) -> None:
    await crm.publish(doubtful("e1", phone=PHONE))
    [draft] = await ana.until_waiting(1)
    await until_open(crm, ("draft", "cleaning on 2026-11-26 at 10:00"))
    rejected = await ana.reject(draft.id, note="wrong number")
    assert rejected.record.state == RECORD_STATE_REJECTED
    assert [record.state for record in await crm.records()] == [RECORD_STATE_REJECTED]
    await until_open(crm)


async def test_each_move_is_an_event_with_who_what_and_where(crm: World, ana: Desk) -> None:
    told: list[Message] = []

    async def note(event: Message, _: Delivery) -> None:
        told.append(event)

    consumer = await crm.bus.consumer(
        [DraftMade, DraftReviewed, DraftApplied, DraftRejected, RecordWritten], durable="notes"
    )
    async with running(consumer.run(note)):
        await crm.publish(doubtful("e1", phone=PHONE), doubtful("e2", phone=PHONE))
        first, second = await ana.until_waiting(2)
        await ana.override(first.id, {"date": "2026-11-27"}, note="asked the caller")
        await ana.reject(second.id, by="ben")

        async def all_told() -> bool:
            return len(told) >= 6

        await eventually(all_told)
    by_kind = {(type(event).__name__, event.source_event_id): event for event in told}  # type: ignore[attr-defined]
    assert set(by_kind) == {
        ("DraftMade", "e1"),
        ("DraftMade", "e2"),
        ("DraftReviewed", "e1"),
        ("DraftApplied", "e1"),
        ("RecordWritten", "e1"),
        ("DraftRejected", "e2"),
    }
    made = by_kind["DraftMade", "e1"]
    assert isinstance(made, DraftMade)
    assert [doubt.field for doubt in made.doubts] == ["day", "date"]
    reviewed = by_kind["DraftReviewed", "e1"]
    assert isinstance(reviewed, DraftReviewed)
    assert (reviewed.reviewed_by, reviewed.note, reviewed.vendor) == ("ana", "asked the caller", "local")
    assert (reviewed.context.turn_id, reviewed.context.audio_offset.ToMilliseconds()) == ("t3", 12_500)
    assert reviewed.context.customer.phone == PHONE
    applied = by_kind["DraftApplied", "e1"]
    assert isinstance(applied, DraftApplied)
    assert (applied.reviewed_by, [change.field for change in applied.changes]) == ("ana", ["date", "day"])
    rejected = by_kind["DraftRejected", "e2"]
    assert isinstance(rejected, DraftRejected)
    assert rejected.rejected_by == "ben"


@on_one_database
async def test_what_cannot_follow_is_refused_with_what_to_do(crm: World, ana: Desk) -> None:
    await crm.publish(doubtful("e1", phone=PHONE))
    [draft] = await ana.until_waiting(1)
    old = await refused(ana.confirm(draft.id, version=7))
    assert (old.reason, old.metadata["version"]) == (ErrorReason.ERROR_REASON_VERSION_CONFLICT, "1")
    assert "look at it again" in old.message
    for values, complaint in (
        ({"date": "tomorrow"}, "2026-11-26"),
        ({"time": "ten"}, "10:00"),
        ({"colour": "red"}, "no such field"),
    ):
        wrong = await refused(ana.override(draft.id, values))
        assert wrong.reason == ErrorReason.ERROR_REASON_INVALID_REQUEST
        assert complaint in wrong.message
    assert [step.version for step in (await ana.show(draft.id)).steps] == [1], "what is refused leaves nothing"
    await ana.reject(draft.id)
    for again in (ana.confirm(draft.id), ana.reject(draft.id)):
        late = await refused(again)
        assert (late.reason, late.metadata["state"]) == (ErrorReason.ERROR_REASON_WRONG_STATE, "rejected")
        assert late.code is grpc.StatusCode.FAILED_PRECONDITION
    missing = await refused(ana.confirm(draft.id + 100))
    assert missing.reason == ErrorReason.ERROR_REASON_NOT_FOUND
    async with desk(crm.address, "shop") as other:
        assert await other.drafts() == []
        assert (await refused(other.show(draft.id))).reason == ErrorReason.ERROR_REASON_NOT_FOUND


async def test_of_two_who_decide_at_once_one_is_told_to_look_again(crm: World, ana: Desk) -> None:
    await crm.publish(*(doubtful(f"e{number}", phone=PHONE) for number in range(8)))
    for draft in await ana.until_waiting(8):
        answers = await asyncio.gather(
            ana.confirm(draft.id, version=1), ana.reject(draft.id, version=1, by="ben"), return_exceptions=True
        )
        lost = [from_rpc_error(each) for each in answers if isinstance(each, grpc.aio.AioRpcError)]
        assert [each.reason for each in lost] == [ErrorReason.ERROR_REASON_VERSION_CONFLICT]
        assert [step.version for step in (await ana.show(draft.id)).steps] in ([1, 2], [1, 2, 3])


async def test_a_draft_ends_the_open_one_only_once_it_is_applied(crm: World, ana: Desk) -> None:
    unsure = an_event_context("e2", phone=PHONE, session_id="s2")
    unsure.confidence = 0.2
    await crm.publish(
        AppointmentRequested(context=an_event_context("e1", phone=PHONE), service="cleaning", date="2026-11-24"),
        AppointmentRescheduled(context=unsure, date="2026-11-25"),
    )
    [draft] = await ana.until_waiting(1)
    await until_open(crm, ("draft", "Moved to 2026-11-25"), ("open", "cleaning on 2026-11-24"))
    later = AppointmentRequested(context=an_event_context("e3", phone=PHONE), service="check", date="2026-12-01")
    await crm.publish(later)
    await crm.until_records(3)
    await ana.confirm(draft.id)
    await until_open(crm, ("open", "check on 2026-12-01"), ("open", "Moved to 2026-11-25"))


@on_one_database
async def test_a_draft_that_was_overtaken_is_not_open_when_it_is_applied(crm: World, ana: Desk) -> None:
    unsure = an_event_context("e2", phone=PHONE, session_id="s2")
    unsure.confidence = 0.2
    await crm.publish(
        AppointmentRequested(context=an_event_context("e1", phone=PHONE), service="cleaning", date="2026-11-24"),
        AppointmentRescheduled(context=unsure, date="2026-11-25"),
        AppointmentCancelled(context=an_event_context("e3", phone=PHONE)),
    )
    await crm.until_records(3)
    await until_open(crm)
    [draft] = await ana.until_waiting(1)
    await ana.confirm(draft.id)
    states = {record.event_id: record.state for record in await crm.records()}
    assert states["e2"] == RECORD_STATE_APPLIED
    await until_open(crm)


async def test_when_its_call_has_ended_a_draft_says_where_transcript_and_audio_lie(crm: World, ana: Desk) -> None:
    def reference(name: str, kind: str) -> ContentReference:
        return ContentReference(uri=f"content:///{name}", sha256="ab" * 32, media_type=kind, size=17)

    ended = CallCompleted(context=an_event_context("e2.v2"), transcript=reference("s1.json", "application/json"))
    ended.recordings.add(turn_id="t2", audio=reference("t2.flac", "audio/flac"))
    ended.recordings.add(turn_id="t3", audio=reference("t3.flac", "audio/flac"))
    other = OldCallCompleted(context=an_event_context("e4", session_id="s2"), transcript_reference="content:///s2.json")
    await crm.publish(doubtful("e1"), doubtful("e3", session_id="s2"), ended, other)
    await crm.until_records(4)
    first, second = await ana.drafts()
    assert (first.transcript_reference, first.transcript) == ("content:///s1.json", ended.transcript)
    assert first.audio.uri == "content:///t3.flac", "of the turn it was learned in"
    assert (second.transcript_reference, second.HasField("audio")) == ("content:///s2.json", False)
    told: list[Message] = []

    async def note(event: Message, _: Delivery) -> None:
        told.append(event)

    consumer = await crm.bus.consumer([DraftReviewed], durable="notes")
    async with running(consumer.run(note)):
        await ana.confirm(first.id)

        async def is_told() -> bool:
            return bool(told)

        await eventually(is_told)
    [reviewed] = told
    assert isinstance(reviewed, DraftReviewed)
    assert (reviewed.transcript, reviewed.audio) == (first.transcript, first.audio)
    assert {record.event_id for record in await crm.records(kind="interaction")} == {"e2", "e4"}


@on_one_database
async def test_drafts_come_in_pages_and_by_what_is_asked_for(crm: World, ana: Desk) -> None:
    await crm.publish(*(doubtful(f"e{number}", session_id=f"s{number}") for number in range(5)))
    drafts = await ana.until_waiting(5)
    numbers: list[int] = []
    request = rpc.ListDraftsRequest(context=ana.context, page_size=2)
    while True:
        page = await ana.stub.ListDrafts(request)
        numbers += [draft.id for draft in page.drafts]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert numbers == sorted(draft.id for draft in drafts)
    assert await ana.drafts(vendor="simulator") == await ana.drafts(kind="complaint") == []
    assert [draft.record.session_id for draft in await ana.drafts(session_id="s3")] == ["s3"]
    long_ago = rpc.DraftFilter()
    long_ago.older_than.FromSeconds(3600)
    listed = await ana.stub.ListDrafts(rpc.ListDraftsRequest(context=ana.context, filter=long_ago))
    assert list(listed.drafts) == []
    bad = await refused(ana.stub.ListDrafts(rpc.ListDraftsRequest(context=ana.context, page_token="bad")))
    assert bad.reason == ErrorReason.ERROR_REASON_INVALID_REQUEST


@on_one_database
async def test_a_console_sees_drafts_come_and_go(crm: World, ana: Desk) -> None:
    await crm.publish(doubtful("e1"))
    [first] = await ana.until_waiting(1)
    watching = ana.stub.WatchDrafts(rpc.WatchDraftsRequest(context=ana.context))

    async def following() -> tuple[int, str, int]:
        told = await watching.read()
        return told.sequence, told.draft.record.event_id, told.draft.record.state

    async with asyncio.timeout(60):
        assert await following() == (0, "e1", RECORD_STATE_DRAFT)
        await crm.publish(doubtful("e2"))
        assert await following() == (1, "e2", RECORD_STATE_DRAFT)
        await ana.reject(first.id)
        assert await following() == (2, "e1", RECORD_STATE_REJECTED)
    watching.cancel()
