"""Any system that takes a POST: each record once more until it is taken, signed as Standard Webhooks says."""

import contextlib
import json
import time
from collections.abc import AsyncIterator

from mesh.config import ConfigError
from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.corrections.model import CONTACT
from services.crm_gateway.model import Contact, NewRecord
from services.crm_gateway.standard_webhooks import ID, SIGNATURE, TIMESTAMP, key_of, sign
from services.crm_gateway.vendors.http import Asking, asking, check


class Webhook:
    """A `RemoteVendor` and a `CorrectableVendor`.

    Args:
        key: of the signature; empty: nothing is signed.
    """

    name = "webhook"

    def __init__(self, system: Asking, url: str, key: bytes) -> None:
        self._system = system
        self._url = url
        self._key = key

    async def find(self, record: NewRecord) -> str | None:  # noqa: ARG002
        """Answer None: a receiver takes each `webhook-id` once."""
        return None

    async def write(self, record: NewRecord, contact: Contact | None) -> str:
        """Send a record; its id there is its id here. Raises what `check` raises."""
        await self._send(record, document(record, contact))
        return record.record_id

    async def correct(self, record: NewRecord, contact: Contact | None) -> str:
        """Send a correction, as a message of its own that names what it corrects. Raises what `check` raises."""
        said = document(record, contact)
        said["type"] = "contact.corrected" if record.kind == CONTACT else "record.corrected"
        await self._send(record, said | {"corrects": record.corrects})
        return record.corrects

    async def _send(self, record: NewRecord, said: dict[str, object]) -> None:
        body = json.dumps(said, ensure_ascii=False).encode()
        timestamp = str(int(time.time()))
        headers = {"content-type": "application/json", ID: record.record_id, TIMESTAMP: timestamp}
        if self._key:
            headers[SIGNATURE] = sign(self._key, record.record_id, timestamp, body)
        check(await self._system.ask("POST", self._url, data=body, headers=headers))


def document(record: NewRecord, contact: Contact | None) -> dict[str, object]:
    """Return what is sent of a record."""
    scope = record.scope
    known = contact and {
        "contact_id": contact.contact_id,
        "customer_id": contact.customer_id,
        "name": contact.display_name,
        "phones": list(contact.phones),
        "emails": list(contact.emails),
    }
    return {
        "type": f"record.{record.kind}",
        "timestamp": record.occurred_at.isoformat(),
        "data": {
            "record_id": record.record_id,
            "event_id": record.event_id,
            "tenant_id": scope.tenant_id,
            "region": scope.region,
            "correlation_id": scope.correlation_id,
            "language": scope.language,
            "session_id": scope.session_id,
            "turn_id": record.turn_id,
            "kind": record.kind,
            "state": record.state,
            "title": record.title,
            "fields": dict(record.fields),
            "confidence": record.confidence,
            "closes": record.closes,
            "contact": known,
        },
    }


@contextlib.asynccontextmanager
async def create(settings: CrmSyncSettings) -> AsyncIterator[Webhook]:
    """Make ready to send.

    Raises:
        ConfigError: without an address, or with a secret that is none.
    """
    if not settings.crm_url:
        raise ConfigError("VOICEMESH_CRM_URL is empty: give the address that records are sent to")
    try:
        key = key_of(settings.crm_secret.get_secret_value())
    except ValueError as error:
        raise ConfigError(f"VOICEMESH_CRM_SECRET: {error}") from None
    async with asking(settings) as system:
        yield Webhook(system, settings.crm_url, key)
