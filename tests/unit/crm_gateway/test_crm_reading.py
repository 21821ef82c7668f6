"""Values of business systems in the canonical forms; the simulated one's documents; how far an intent has come."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicemesh.crm.v1.crm_pb2 import CallerContext

from services.crm_gateway.canonical import SCHEMA_VERSION, Consent, IntentStage, VendorLink, is_suppressed, stage_of
from services.crm_gateway.simulator.model import Faults, System
from services.crm_gateway.sync_in import reading
from services.crm_gateway.sync_in.model import UnreadableChangeError, VendorContact, VendorItem, place_of
from services.crm_gateway.vendors.simulator_changes import change_in, page_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_telephone_numbers_need_a_country_code() -> None:
    given = ["+1 (555) 000-0001", "555 0002", "+15550000001", "+44.20/7946.0000", "nonsense"]
    assert reading.phones(given) == ("+15550000001", "+442079460000")


def test_other_values_are_brought_into_form() -> None:
    assert reading.emails([" a@b.example ", "none", "a@b.example"]) == ("a@b.example",)
    assert [reading.language(value) for value in ("en_US", "es", "English")] == ["en-US", "es", ""]
    assert [reading.amount(value) for value in ("1E+3", 12.5, "", None, "NaN")] == ["1000", "12.5", "", "", ""]
    assert reading.line(" two\n words ", 5) == "two w"


@pytest.mark.parametrize("value", ["noon", "2026-11-20T12:00:00", None])
def test_a_moment_without_a_time_zone_is_none(value: object) -> None:
    with pytest.raises(UnreadableChangeError, match="updated_at is no moment"):
        reading.moment(value, "updated_at")


def system() -> System:
    there = System()
    contact = there.add("contacts", {"external_id": "x", "name": "Sarah", "phones": ["+15550000001"], "emails": []})
    there.add("deals", {"external_id": "y", "contact_id": contact["id"], "title": "A roof", "state": "offer"})
    ticket = {"external_id": "z", "contact_id": contact["id"], "kind": "complaint", "title": "late", "state": "applied"}
    there.add("tickets", ticket)
    return there


def test_what_the_simulated_system_lists_can_be_read() -> None:
    there = system()
    items, cursor = there.changes(0, 100)
    page = page_of({"items": [*items, {"type": "deal"}, "?"], "next": str(cursor), "more": False})
    contact, deal, ticket = page.changes
    assert isinstance(contact, VendorContact)
    assert (contact.display_name, contact.phones, contact.emails) == ("Sarah", ("+15550000001",), ())
    assert isinstance(deal, VendorItem)
    assert (deal.kind, deal.record_id, deal.contact_id) == ("deal", "", contact.contact_id)
    assert isinstance(ticket, VendorItem)
    assert (ticket.kind, ticket.record_id) == ("complaint", "z")
    assert page.cursor == "3"
    assert [text.partition(":")[0] for text in page.refused] == [
        "a deal without `data`",
        "it tells neither of a contact, nor of a ticket or a deal",
    ]


def test_a_page_that_is_none_says_so() -> None:
    with pytest.raises(UnreadableChangeError, match="no page of changes"):
        page_of({"items": []})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"contact_id": ""}, "contact_id is empty"),
        ({"contact_id": "C" * 129}, "contact_id has 129 characters"),
        ({"external_id": "C\0"}, "external_id holds"),
        ({"customer_id": "c" * 129}, "customer_id has 129"),
        ({"display_name": "Sa\0rah"}, "display_name holds"),
        ({"display_name": "\ud800"}, "display_name holds"),
        ({"stage": "s" * 65}, "stage has 65"),
        ({"emails": ("a@b.example", "a@b.example")}, "emails says the same twice"),
        ({"phones": ("+15550000001\0",)}, "phones holds"),
        ({"revision": -1}, "revision is no count"),
        ({"revision": 10**20}, "revision is no count"),
        ({"changed_at": datetime(2026, 11, 20)}, "changed_at is no moment"),  # noqa: DTZ001
        ({"changed_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=9)))}, "changed_at is no moment"),
    ],
)
def test_a_contact_that_cannot_be_kept_is_none(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableChangeError, match=words):
        VendorContact(**{"contact_id": "C1", "changed_at": NOON, **values})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"item_id": "D" * 129}, "item_id has 129"),
        ({"kind": ""}, "kind is empty"),
        ({"kind": "k" * 65}, "kind has 65"),
        ({"contact_id": "\0"}, "contact_id holds"),
        ({"record_id": "r" * 129}, "record_id has 129"),
        ({"title": "a\0roof"}, "title holds"),
        ({"amount": "9" * 33}, "amount has 33"),
        ({"currency": "EURO"}, "currency has 4"),
    ],
)
def test_an_item_that_cannot_be_kept_is_none(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableChangeError, match=words):
        VendorItem(**{"item_id": "D1", "kind": "deal", "changed_at": NOON, **values})


def test_of_a_page_what_cannot_be_kept_is_refused_by_itself() -> None:
    there = system()
    there.deals[0] |= {"currency": "EURO", "title": "A\0 roof"}
    items, _ = there.changes(0, 100)
    next(item for item in items if item["type"] == "contact")["data"]["id"] = "C" * 129
    page = page_of({"items": items, "next": "3", "more": False})
    assert page.refused == ("contact_id has 129 characters, at most 128 are kept",)
    deal = next(change for change in page.changes if isinstance(change, VendorItem) and change.kind == "deal")
    assert (deal.title, deal.currency) == ("A roof", "")
    with pytest.raises(UnreadableChangeError, match="the cursor holds"):
        page_of({"items": [], "next": "3\0", "more": False})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"type": "contact", "data": {"name": 3}}', b"\xff"])
def test_a_webhook_that_cannot_be_read_says_so_without_what_it_holds(body: bytes) -> None:
    with pytest.raises(UnreadableChangeError):
        change_in(body)


def test_each_item_is_listed_once_as_it_is_now() -> None:
    there = system()
    (deal,) = there.deals
    for number in range(5):
        there.edit("deals", deal["id"], {"title": f"Offer {number}"})
    items, cursor = there.changes(0, 100)
    assert [item["data"]["id"] for item in items].count(deal["id"]) == 1
    assert items[-1]["data"]["title"] == "Offer 4"
    assert there.changes(cursor, 100) == ([], cursor)
    with pytest.raises(ValueError, match="no cursor"):
        there.changes(cursor + 1, 100)
    assert there.edit("deals", "nothing", {}) is None


@given(st.integers(1, 7))
def test_pages_of_any_size_list_everything(size: int) -> None:
    there = system()
    for number in range(10):
        there.add("contacts", {"external_id": str(number)})
    found, cursor = list[Any](), 0
    while page := there.changes(cursor, size):
        items, cursor = page
        found += items
        if not items:
            break
    assert len(found) == 13


def test_of_two_changes_the_later_one_counts_then_the_higher_revision() -> None:
    first = VendorItem("1", "deal", NOON, revision=9)
    assert place_of(first) < place_of(VendorItem("1", "deal", NOON + timedelta(microseconds=1), revision=1))
    assert place_of(first) < place_of(VendorItem("1", "deal", NOON, revision=10))
    same = VendorItem("1", "deal", NOON, revision=9, state="won")
    assert place_of(first) != place_of(same), "no two different ones have one place"


@pytest.mark.parametrize(
    ("known", "stage"),
    [
        ({}, IntentStage.UNKNOWN),
        ({"interactions": 1}, IntentStage.CONTACTED),
        ({"interactions": 1, "inquired": True}, IntentStage.INQUIRING),
        ({"interactions": 1, "inquired": True, "done": True}, IntentStage.DONE),
        ({"done": True, "open_items": 1}, IntentStage.PENDING),
    ],
)
def test_how_far_an_intent_has_come(known: dict[str, Any], stage: IntentStage) -> None:
    assert stage_of(**({"open_items": 0, "done": False, "inquired": False, "interactions": 0} | known)) is stage


def test_who_is_not_to_be_reached() -> None:
    link = VendorLink("there", "1", "", suppressed=False, changed_at=NOON)
    assert not is_suppressed([], [link])
    assert is_suppressed([], [VendorLink("there", "1", "", suppressed=True, changed_at=NOON)])
    assert is_suppressed([Consent("", "", "suppressed", NOON)], [])
    assert not is_suppressed([Consent("sms", "", "suppressed", NOON), Consent("", "", "revoked", NOON)], [link])


def test_the_page_on_the_canonical_schema_has_every_field_and_the_present_version() -> None:
    page = (Path(__file__).parents[3] / "docs" / "crm-sync.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if re.match(r"\| \d{1,2} \|", line)]
    named = {name for _, names in rows for name in re.findall(r"`(\w+)", names)}
    fields = {field.name for field in CallerContext.DESCRIPTOR.fields} - {"schema_version"}
    assert fields <= named
    assert max(int(version) for version, _ in rows) == SCHEMA_VERSION


def test_faults_of_webhooks_are_shares() -> None:
    there = System(Faults(webhook_lost=1.0))
    assert there.chance(there.faults.webhook_lost)
    assert not there.chance(there.faults.webhook_twice)
