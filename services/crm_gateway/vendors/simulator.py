"""The business system of `services/crm_gateway/simulator`: contacts, tickets, tokens that expire.

As it is started it takes whatever it is sent as often as it is sent, as many business systems do: that each record is
there once is the doing of this adapter and of the sync process. All the same whatever is made comes with an
`Idempotency-Key`, its id here: a system that counts it (`--idempotent`) makes nothing twice, however late it is done.
"""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cachetools import TTLCache

from mesh.config import ConfigError
from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.corrections.model import CONTACT, values_of
from services.crm_gateway.model import Contact, NewRecord, RejectedError, VendorRecord
from services.crm_gateway.sync_in.model import CursorError, Page, VendorChange
from services.crm_gateway.vendors.http import Answer, Asking, asking, check
from services.crm_gateway.vendors.simulator_changes import change_in, page_of

_CONTACTS = 100_000
"""Contacts whose id there is remembered."""
_KNOWN_S = 60.0
"""For so long: other processes hear that a contact was deleted there, and this one may not."""
_PAGE = 100
"""Records that are searched at once."""
_TEXT_LIMIT = 200
_NO_HEADERS: Mapping[str, str] = {}
_CALLED = {"display_name": "name"}
"""What fields of a contact are called there, where that is not their name here."""


class Simulator:
    """A `RemoteVendor` that is correctable, takes batches and is auditable (`model.py`), and a `ChangeSource`.

    Args:
        system: what is asked, without authentication.
        now: monotonic seconds.
    """

    name = "simulator"

    def __init__(
        self, system: Asking, client_id: str, secret: str, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._system = system
        self._credentials = {"client_id": client_id, "client_secret": secret}
        self._token = ""
        self._contacts: TTLCache[str, str] = TTLCache(_CONTACTS, _KNOWN_S, timer=now)

    async def find(self, record: NewRecord) -> str | None:
        """Search by the record's id, which each ticket carries."""
        return await self._search("/tickets", record.record_id)

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        """Make a ticket, and its contact before it where there is none. Raises what `check` raises."""
        ticket = await self._ticket(record, contact)
        return await self._make("/tickets", ticket)

    async def write_many(self, records: Sequence[tuple[NewRecord, Contact | None]]) -> Sequence[str | Exception]:
        """Make tickets with one request, and their contacts before. Raises what `check` raises."""
        tickets = [
            {**await self._ticket(record, contact), "idempotency_key": record.record_id} for record, contact in records
        ]
        answer = (await self._ask("POST", "/tickets/batch", json={"items": tickets})).json()
        return [
            str(result["id"]) if "id" in result else RejectedError(json.dumps(result["errors"])[:_TEXT_LIMIT])
            for result in answer["results"]
        ]

    async def holds(self, tenant_id: str, record_ids: Collection[str]) -> Mapping[str, Sequence[VendorRecord]]:  # noqa: ARG002
        """Search by the records' ids; it knows no tenants. Raises what `check` raises."""
        found: dict[str, list[VendorRecord]] = {}
        for wanted in _pages(sorted(record_ids)):
            answer = await self._ask("POST", "/tickets/search", json={"external_ids": wanted})
            for ticket in map(_record, filter(_is_there, answer.json()["items"])):
                found.setdefault(ticket.record_id, []).append(ticket)
        return found

    async def written_since(self, tenant_id: str, since: datetime) -> AsyncIterator[VendorRecord]:  # noqa: ARG002
        """Read all tickets in pages. Raises what `check` raises."""
        cursor: str | None = "0"
        while cursor is not None:
            page = (await self._ask("GET", "/tickets", params={"cursor": cursor})).json()
            for ticket in filter(_is_there, page["items"]):
                if datetime.fromisoformat(ticket["created_at"]) >= since:
                    yield _record(ticket)
            cursor = page["next"]

    async def _ticket(self, record: NewRecord, contact: Contact | None) -> dict[str, Any]:
        return {
            "external_id": record.record_id,
            "contact_id": await self._contact(contact) if contact else None,
            "kind": record.kind,
            "state": record.state,
            "open": record.open,
            "title": record.title,
            "fields": dict(record.fields),
            "occurred_at": record.occurred_at.isoformat(),
        }

    async def correct(self, record: NewRecord, contact: Contact | None) -> str:
        """Change a ticket, or its contact; found by their ids there, else by ours. Raises what `check` raises."""
        if record.kind != CONTACT:
            ticket = await self._search("/tickets", record.corrects) or record.corrects
            # Only what it says: whether it is open is known better there.
            said = {"title": record.title, "fields": dict(record.fields)}
            return str((await self._ask("PATCH", f"/tickets/{ticket}", json=said)).json()["id"])
        if contact is None:
            raise RejectedError("the contact is not known here any more")
        there = record.corrects
        if there == contact.contact_id:
            found = await self._search("/contacts", there)
            if found is None:
                # It is made with what is right, by the first record of it.
                return there
            there = found
        known = {_CALLED.get(name, name): value for name, value in values_of(contact).items() if name in record.fields}
        return str((await self._ask("PATCH", f"/contacts/{there}", json=known)).json()["id"])

    def parse(self, headers: Mapping[str, str], body: bytes) -> Sequence[VendorChange]:  # noqa: ARG002
        """Return what a webhook says: one change. Raises ``UnreadableChangeError``."""
        return [change_in(body)]

    async def changes(self, cursor: str) -> Page:
        """Return what changed behind a cursor. Raises ``CursorError``, and what `check` raises."""
        try:
            answer = await self._ask("GET", "/changes", params={"cursor": cursor})
        except RejectedError as error:
            raise CursorError(str(error)) from error
        return page_of(answer.json())

    async def _contact(self, contact: Contact) -> str:
        known = contact.id_at(self.name) or self._contacts.get(contact.contact_id)
        # Deliveries of one contact come one after the other: nobody else makes it between search and making.
        known = known or await self._search("/contacts", contact.contact_id)
        if known is None:
            body = {
                "external_id": contact.contact_id,
                "name": contact.display_name,
                "phones": list(contact.phones),
                "emails": list(contact.emails),
            }
            known = await self._make("/contacts", body)
        self._contacts[contact.contact_id] = known
        return known

    async def _make(self, path: str, item: dict[str, Any]) -> str:
        answer = await self._ask("POST", path, json=item, headers={"Idempotency-Key": item["external_id"]})
        return str(answer.json()["id"])

    async def _search(self, path: str, external_id: str) -> str | None:
        found = (await self._ask("GET", path, params={"external_id": external_id})).json()["items"]
        return next((str(item["id"]) for item in found if _is_there(item)), None)

    async def _ask(self, method: str, path: str, *, headers: Mapping[str, str] = _NO_HEADERS, **content: Any) -> Answer:
        """Ask with a token; one that is too old is renewed once."""
        for _ in range(2):
            if not self._token:
                answer = check(await self._system.ask("POST", "/oauth/token", data=self._credentials))
                self._token = answer.json()["access_token"]
            used = self._token
            sent = {"authorization": f"Bearer {used}", **headers}
            answer = await self._system.ask(method, path, headers=sent, **content)
            if answer.status != 401:
                break
            # Another attempt may have renewed it meanwhile.
            if self._token == used:
                self._token = ""
        return check(answer)


def _pages(record_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (record_ids[begin : begin + _PAGE] for begin in range(0, len(record_ids), _PAGE))


def _is_there(item: dict[str, Any]) -> bool:
    return not item["deleted"]


def _record(ticket: dict[str, Any]) -> VendorRecord:
    return VendorRecord(
        record_id=ticket["external_id"],
        vendor_record_id=ticket["id"],
        kind=ticket["kind"],
        state=ticket["state"],
        title=ticket["title"],
        fields=ticket["fields"],
    )


@contextlib.asynccontextmanager
async def create(settings: CrmSyncSettings) -> AsyncIterator[Simulator]:
    """Connect.

    Raises:
        ConfigError: without an address.
    """
    if not settings.crm_url:
        raise ConfigError("VOICEMESH_CRM_URL is empty: give the simulator's address, such as http://127.0.0.1:4180")
    async with asking(settings, settings.crm_url) as system:
        yield Simulator(system, settings.crm_client_id, settings.crm_secret.get_secret_value())
