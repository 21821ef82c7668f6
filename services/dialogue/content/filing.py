"""Files transcripts: a row in the transaction that ends the call, then an object in the content store.

The row holds the transcript until the store has it, so that no call loses its own when the process dies or the store is
away, and none is filed twice: whoever ends the call writes the one row.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import prometheus_client
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from mesh import logs
from mesh.backoff import backoff_s
from mesh.content import ContentError, ContentStore, path_of
from mesh.database import insert_once, transaction
from services.dialogue.adapters.store import SESSIONS
from services.dialogue.content.places import RECORDING, TRANSCRIPT, transcript_path
from services.dialogue.content.tables import CONTENTS
from services.dialogue.content.transcripts import MEDIA_TYPE, read_transcript
from services.dialogue.model import Content

_log = logs.get_logger(__name__)
_filed = prometheus_client.Counter("voicemesh_content_stored", "Objects written to the content store.", ["kind"])
_failures = prometheus_client.Counter(
    "voicemesh_content_failures", "Attempts to write to the content store that failed.", ["kind"]
)
_waiting = prometheus_client.Gauge("voicemesh_content_waiting", "Transcripts that wait for the content store.")
_POLL_S = 5.0
_BATCH = 32
_SCOPE = ("tenant_id", "region", "correlation_id", "language")


class Filing:
    """Files the transcripts of calls that end. What waits for the store is bounded by the disk alone."""

    def __init__(self, engine: AsyncEngine, store: ContentStore) -> None:
        self._engine = engine
        self.store = store
        self._woken = asyncio.Event()

    async def file(self, connection: AsyncConnection, session_id: str) -> Content | None:
        """File the transcript of a call in the transaction that ends it.

        None for a call without a word, and for one whose content was erased.
        Again returns the same and changes nothing. Call `wake` once the transaction is committed.
        """
        found = await read_transcript(connection, session_id)
        if found is None:
            return None
        started_at, data = found
        reference = self.store.reference(transcript_path(started_at, session_id, data), data, MEDIA_TYPE)
        content = Content(reference.uri, reference.sha256, MEDIA_TYPE, reference.size)
        return content if await add_content(connection, session_id, TRANSCRIPT, content, body=data) else None

    async def recordings(self, connection: AsyncConnection, session_id: str) -> tuple[Content, ...]:
        """Return the recordings of a call's turns that are in the store."""
        query = (
            sa.select(CONTENTS)
            .where(CONTENTS.c.session_id == session_id, CONTENTS.c.kind == RECORDING)
            .order_by(CONTENTS.c.created_at, CONTENTS.c.turn_id)
        )
        return tuple(content_of(dict(row)) for row in (await connection.execute(query)).mappings())

    def wake(self) -> None:
        """Have the store given what waits now, not at the next look."""
        self._woken.set()

    async def run(self) -> None:
        """Give the store what waits, for ever; a store or a database that is away is waited for."""
        failures = 0
        while True:
            self._woken.clear()
            try:
                while await self.upload():
                    failures = 0
            except (ContentError, SQLAlchemyError, OSError) as error:
                failures += 1
                _failures.labels(TRANSCRIPT).inc()
                _log.warning("content.waiting", failures=failures, error=str(error))
                await asyncio.sleep(backoff_s(failures, first_s=0.2, limit_s=30.0))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._woken.wait()

    async def upload(self) -> int:
        """Give the store some of what waits; return how much that was. Raises ContentError, SQLAlchemyError."""
        query = sa.select(CONTENTS).where(CONTENTS.c.body.is_not(None)).order_by(CONTENTS.c.created_at).limit(_BATCH)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        _waiting.set(len(rows))
        for row in rows:
            await self._upload(dict(row))
        return len(rows)

    async def _upload(self, row: Mapping[str, Any]) -> None:
        await self.store.put(row["tenant_id"], path_of(row["uri"]), bytes(row["body"]), row["media_type"])
        mine = sa.and_(*(CONTENTS.c[name] == row[name] for name in ("session_id", "kind", "turn_id", "uri")))
        async with transaction(self._engine) as connection:
            done = await connection.execute(sa.update(CONTENTS).where(mine).values(body=None))
        if not done.rowcount:
            # Erased while it was on its way.
            await self.store.delete(row["tenant_id"], row["uri"])
        _filed.labels(row["kind"]).inc()


async def add_content(
    connection: AsyncConnection, session_id: str, kind: str, content: Content, *, body: bytes | None = None
) -> bool:
    """Write down where something of a session lies, unless that was written before.

    Returns:
        Whether it may lie there: False when there is no such session, or its content was erased. Then the caller
        deletes what it put into the store.
    """
    query = sa.select(*(SESSIONS.c[name] for name in _SCOPE)).where(
        SESSIONS.c.session_id == session_id, SESSIONS.c.content_gone_at.is_(None)
    )
    # Who erases waits until this is committed, and finds it; or was first, and this finds nothing.
    scope = (await connection.execute(query.with_for_update(key_share=True))).mappings().first()
    if scope is None:
        return False
    row = {
        **scope,
        "session_id": session_id,
        "kind": kind,
        "turn_id": content.turn_id,
        "uri": content.uri,
        "sha256": content.sha256,
        "media_type": content.media_type,
        "size": content.size,
        "body": body,
        "created_at": datetime.now(UTC),
    }
    await insert_once(connection, CONTENTS, row, unique=["session_id", "kind", "turn_id"])
    return True


async def drop_contents(connection: AsyncConnection, tenant_id: str, session_id: str) -> Counter[str]:
    """Forget where a session's content lies, and let nothing more of it be filed; return how much of which kind.

    First this, committed, and then the objects: what is on its way to the store finds its row gone, or gets none, and
    takes its object back.
    """
    mine = (SESSIONS.c.tenant_id == tenant_id, SESSIONS.c.session_id == session_id)
    await connection.execute(sa.update(SESSIONS).where(*mine).values(content_gone_at=datetime.now(UTC)))
    gone = CONTENTS.delete().where(CONTENTS.c.tenant_id == tenant_id, CONTENTS.c.session_id == session_id)
    return Counter((await connection.execute(gone.returning(CONTENTS.c.kind))).scalars())


def content_of(row: Mapping[str, Any]) -> Content:
    """Return what a row refers to."""
    return Content(row["uri"], row["sha256"], row["media_type"], row["size"], row["turn_id"])
