"""Consents as rows, inside the caller's transaction."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mesh.database import upsert
from services.crm_gateway.adapters.sync_tables import consents
from services.crm_gateway.canonical import Consent
from services.crm_gateway.model import ContactKey, Scope


async def write(connection: AsyncConnection, scope: Scope, key: ContactKey, said: Consent, event_id: str) -> bool:
    """Write the word of an event on one consent of one name down; False: a later one is known, or this one."""
    values = {
        "region": scope.region,
        "correlation_id": scope.correlation_id,
        "language": scope.language,
        "state": said.state,
        "event_id": event_id,
        "changed_at": said.changed_at,
    }
    keys = {
        "tenant_id": scope.tenant_id,
        "key_kind": key.kind,
        "key_value": key.value,
        "channel": said.channel,
        "purpose": said.purpose,
    }
    at_once = sa.and_(consents.c.changed_at == said.changed_at, consents.c.event_id < event_id)
    statement = upsert(consents, connection).values(**keys, **values)
    statement = statement.on_conflict_do_update(
        index_elements=list(keys), set_=values, where=sa.or_(consents.c.changed_at < said.changed_at, at_once)
    )
    return (await connection.execute(statement.returning(consents.c.tenant_id))).first() is not None
