"""Forgets a contact in the dialogue: what they said, what their calls came to, and who they were.

What is to be erased is a row first, so that it is done whatever dies. Calls that are still on are erased when they are
over; a call that began after the erasure was asked for is none of its business.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v1.privacy_events_pb2 import ErasureCompleted, ErasureRequested

from mesh import logs
from mesh.bus import BusUnavailableError, Delivery, connect
from mesh.content import ContentError, ContentStore
from mesh.database import insert_once, is_away, scrub
from mesh.durations import to_timestamp
from mesh.outbox import Outbox
from services.dialogue.adapters.store import OUTBOX, SESSIONS, TURNS
from services.dialogue.content.filing import drop_contents
from services.dialogue.content.places import FOLDERS, folder_of
from services.dialogue.content.tables import ERASURES

SERVICE = "dialogue"
_SOURCE = "/voicemesh/dialogue"
_POLL_S = 2.0
_RETRY_S = 2.0
_log = logs.get_logger(__name__)
Row = Mapping[str, Any]


class Erasures:
    """Takes erasures in and sees them through.

    Args:
        engine: the dialogue's database.
        outbox: whose events tell that it is done.
        store: where content lies.
        region: this process's; every region forgets what it holds itself.
    """

    def __init__(self, engine: AsyncEngine, outbox: Outbox, store: ContentStore, region: str) -> None:
        self._engine = engine
        self._outbox = outbox
        self._store = store
        self._region = region
        self._woken = asyncio.Event()

    async def listen(self, nats_url: str) -> None:
        """Take in what is asked, for ever; a broker that is not there is tried again."""
        while True:
            try:
                async with connect(nats_url, source=_SOURCE) as bus:
                    durable = f"dialogue-erasure-{self._region}"
                    consumer = await bus.consumer([ErasureRequested], durable=durable, away=is_away)
                    await consumer.run(self.on_requested)
            except BusUnavailableError as error:
                _log.warning("erasure.no_bus", error=str(error))
            await asyncio.sleep(_RETRY_S)

    async def on_requested(self, event: Message, _: Delivery) -> None:
        """Write down what is to be erased; the same again changes nothing."""
        assert isinstance(event, ErasureRequested)
        context = event.context
        row = {
            "erasure_id": event.erasure_id,
            **{name: getattr(context, name) for name in ("tenant_id", "region", "correlation_id", "language")},
            "subject": {name: list(getattr(event, name)) for name in ("contact_ids", "customer_ids", "phones")},
            "requested_at": context.occurred_at.ToDatetime(UTC),
            "counts": {},
        }
        async with self._outbox.transaction() as connection:
            await insert_once(connection, ERASURES, row, unique=["erasure_id"])
        self._woken.set()

    async def run(self) -> None:
        """Erase, for ever; a database or a store that is away is tried again."""
        while True:
            self._woken.clear()
            try:
                await self.work()
            except (ContentError, SQLAlchemyError, OSError) as error:
                _log.warning("erasure.waiting", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._woken.wait()

    async def work(self) -> int:
        """Do what can be done now; return how many erasures are still open. Raises ContentError, SQLAlchemyError."""
        query = sa.select(ERASURES).where(ERASURES.c.completed_at.is_(None)).order_by(ERASURES.c.requested_at)
        async with self._engine.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        return sum([not await self._erase(row) for row in rows])

    async def _erase(self, erasure: Row) -> bool:
        """Erase the calls that are over; say whether that was all."""
        on = 0
        for session in await self._sessions(erasure):
            if session["ended_at"] is None or await self._untold(session):
                on += 1
                continue
            await self._drop(erasure, session)
            for kind in FOLDERS:
                folder = folder_of(kind, session["started_at"], session["session_id"])
                await self._store.delete_under(erasure["tenant_id"], folder)
            await self._forget(erasure, session)
        if on:
            _log.info("erasure.calls_are_on", erasure_id=erasure["erasure_id"], calls=on)
            return False
        await self._complete(erasure)
        return True

    async def _sessions(self, erasure: Row) -> list[Row]:
        """The contact's calls. One that is known to be another contact's is not theirs for a number they share."""
        subject = erasure["subject"]
        contacts = SESSIONS.c.contact_id.in_(subject["contact_ids"])
        theirs = sa.or_(
            contacts,
            SESSIONS.c.customer_id.in_(subject["customer_ids"]),
            sa.and_(SESSIONS.c.phone.in_(subject["phones"]), sa.or_(SESSIONS.c.contact_id == "", contacts)),
        )
        query = sa.select(SESSIONS).where(
            SESSIONS.c.tenant_id == erasure["tenant_id"], SESSIONS.c.started_at <= erasure["requested_at"], theirs
        )
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def _untold(self, session: Row) -> bool:
        """Whether events of a call wait to be published: told after the erasure, they would bring the contact back."""
        waits = sa.select(OUTBOX.c.id).where(
            OUTBOX.c.published_at.is_(None),
            OUTBOX.c.tenant_id == session["tenant_id"],
            OUTBOX.c.correlation_id == session["correlation_id"],
        )
        async with self._engine.connect() as connection:
            return (await connection.execute(waits.limit(1))).first() is not None

    async def _drop(self, erasure: Row, session: Row) -> None:
        """Let nothing of a call be filed any more, and count what was; what comes later is taken back by who brings it.

        The call is found again until `_forget`: a process that dies before its objects are gone leaves the rest.
        """
        async with self._outbox.transaction() as connection:
            kinds = await drop_contents(connection, session["tenant_id"], session["session_id"])
            await _count(connection, erasure["erasure_id"], {f"{kind}s": count for kind, count in kinds.items()})

    async def _forget(self, erasure: Row, session: Row) -> None:
        """Erase a call and count it, in one transaction: done again, it is neither found nor counted."""
        session_id = session["session_id"]
        mine = SESSIONS.c.session_id == session_id
        async with self._outbox.transaction() as connection:
            here = await connection.execute(
                sa.update(SESSIONS)
                .where(mine, *(SESSIONS.c[name] == session[name] for name in ("contact_id", "customer_id", "phone")))
                .values(
                    **dict.fromkeys(("contact_id", "customer_id", "phone", "summary"), ""),
                    **dict.fromkeys(("outcome", "appointment", "state")),
                    labels={},
                )
            )
            if not here.rowcount:
                return
            turns = await connection.execute(
                sa.update(TURNS)
                .where(TURNS.c.session_id == session_id)
                .values(text="", entities=None, commitments=None, sentiment=None)
            )
            events = await connection.execute(
                OUTBOX.delete().where(
                    OUTBOX.c.published_at.is_not(None),
                    OUTBOX.c.tenant_id == session["tenant_id"],
                    OUTBOX.c.correlation_id == session["correlation_id"],
                )
            )
            counts = {"sessions": 1, "turns": turns.rowcount, "events": events.rowcount}
            await _count(connection, erasure["erasure_id"], counts)

    async def _complete(self, erasure: Row) -> None:
        at = datetime.now(UTC)
        mine = ERASURES.c.erasure_id == erasure["erasure_id"]
        async with self._outbox.transaction() as connection:
            counts = await connection.scalar(sa.select(ERASURES.c.counts).where(mine))
            await connection.execute(sa.update(ERASURES).where(mine).values(completed_at=at, subject=None))
            await self._outbox.add(connection, self._completed(erasure, counts or {}, at))
        await scrub(self._engine)
        _log.info("erasure.completed", erasure_id=erasure["erasure_id"], **(counts or {}))

    def _completed(self, erasure: Row, counts: Mapping[str, int], at: datetime) -> ErasureCompleted:
        context = EventContext(
            event_id=f"{erasure['erasure_id']}.{SERVICE}.{self._region}",
            occurred_at=to_timestamp(at),
            tenant_id=erasure["tenant_id"],
            region=self._region,
            correlation_id=erasure["correlation_id"],
            language=erasure["language"],
        )
        return ErasureCompleted(context=context, erasure_id=erasure["erasure_id"], service=SERVICE, counts=counts)


async def _count(connection: AsyncConnection, erasure_id: str, counts: Mapping[str, int]) -> None:
    mine = ERASURES.c.erasure_id == erasure_id
    before = await connection.scalar(sa.select(ERASURES.c.counts).where(mine).with_for_update())
    total = dict(before or {})
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count
    await connection.execute(sa.update(ERASURES).where(mine).values(counts=total))
