"""Content is handed out, listed and deleted here, and nowhere else: each request leaves one row in the log of accesses.

The row, and the event that tells of it, are on disk before anything is handed out.
"""

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Never, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.events.v1.event_pb2 import EventContext
from voicemesh.events.v1.privacy_events_pb2 import ContentAccessed

from mesh.content import ContentAwayError, ContentError, ContentMissingError, ContentStore, ContentUriError, path_of
from mesh.durations import to_timestamp
from mesh.errors import ErrorReason, MeshError, name_of
from mesh.interceptors.principals import Principal, caller, refusal
from mesh.outbox import Outbox
from services.dialogue.adapters.store import SESSIONS
from services.dialogue.content.filing import drop_contents
from services.dialogue.content.places import FOLDERS, RECORDING, TRANSCRIPT, folder_of
from services.dialogue.content.tables import ACCESSES, CONTENTS

SCOPES = {TRANSCRIPT: "content:transcript", RECORDING: "content:audio"}
_PAGE = 50
_LONGEST_URI = 600
T = TypeVar("T")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Asked:
    """What somebody asks."""

    action: str
    scope: str = ""
    """Empty: it takes none, for what is asked is refused whoever asks."""
    uri: str = ""
    session_id: str = ""


class ContentAccess:
    """The use cases of content. All raise `MeshError`.

    UNAUTHENTICATED where nobody says who asks, PERMISSION_DENIED without the scope, DEPENDENCY_UNAVAILABLE while the
    database or the store is away.
    """

    def __init__(self, engine: AsyncEngine, outbox: Outbox, store: ContentStore) -> None:
        self._engine = engine
        self._outbox = outbox
        self._store = store

    async def get(self, context: RequestContext, uri: str, sha256: str = "") -> tuple[Row, bytes]:
        """Return content, and its row.

        Raises:
            MeshError: INVALID_REQUEST for what is no address, NOT_FOUND, CONTENT_UNREADABLE.
        """
        try:
            kind, session_id = _named(uri)
        except MeshError as error:
            shown = uri.replace("\0", "")[:_LONGEST_URI]
            return await self._logged(context, _Asked("get", uri=shown), partial(_raise, error))
        asked = _Asked("get", SCOPES[kind], uri, session_id)
        return await self._logged(context, asked, lambda: self._read(context.tenant_id, uri, sha256))

    async def contents(self, context: RequestContext, session_id: str) -> Sequence[Row]:
        """Return the rows of a call's content, the transcript first."""
        asked = _Asked("list", "content:list", session_id=session_id)
        return await self._logged(context, asked, lambda: self._rows(context.tenant_id, session_id))

    async def delete(self, context: RequestContext, session_id: str) -> Sequence[Row]:
        """Delete a call's content; return what its rows were. Nothing of the call is filed any more, either.

        The log has its row in the transaction that takes the rows, before an object goes; a store that is away is
        a second row, and asking again deletes what is left.

        Raises:
            MeshError: NOT_FOUND where there is no such call.
        """
        asked = _Asked("delete", "content:delete", session_id=session_id)

        async def drop(connection: AsyncConnection) -> None:
            await drop_contents(connection, context.tenant_id, session_id)

        find = partial(self._call, context.tenant_id, session_id)
        started_at, rows = await self._logged(context, asked, find, with_it=drop)
        try:
            for kind in FOLDERS:
                folder = folder_of(kind, started_at, session_id)
                await _answered(self._store.delete_under(context.tenant_id, folder))
        except MeshError as error:
            await self._logged(context, asked, partial(_raise, error))
        return rows

    async def accesses(
        self, context: RequestContext, *, session_id: str, principal: str, size: int, token: str
    ) -> tuple[list[Row], str]:
        """Return a page of the log, the newest first, and the token of the page behind.

        Raises:
            MeshError: INVALID_REQUEST for a token that was not handed out.
        """
        asked = _Asked("log", "content:log", session_id=session_id)
        size = size or _PAGE

        async def read() -> list[Row]:
            before = _sequence(token)
            query = sa.select(ACCESSES).where(ACCESSES.c.tenant_id == context.tenant_id)
            for column, value in ((ACCESSES.c.session_id, session_id), (ACCESSES.c.principal, principal)):
                query = query.where(column == value) if value else query
            query = query.where(ACCESSES.c.sequence < before) if before is not None else query
            async with self._engine.connect() as connection:
                found = await connection.execute(query.order_by(ACCESSES.c.sequence.desc()).limit(size + 1))
                return [dict(row) for row in found.mappings()]

        rows = await self._logged(context, asked, read)
        more = len(rows) > size
        rows = rows[:size]
        return rows, _token(rows[-1]["sequence"]) if more else ""

    async def _logged(
        self,
        context: RequestContext,
        asked: _Asked,
        answer: Callable[[], Awaitable[T]],
        *,
        with_it: Callable[[AsyncConnection], Awaitable[None]] | None = None,
    ) -> T:
        """Return the answer to who may have it, once it is written down that they ask.

        Args:
            with_it: what is done in the row's transaction, when there is an answer.
        """
        principal, refused = _caller(asked.scope)
        granted = refused is None
        failed: Exception | None = refused
        result = None
        if granted:
            try:
                result = await _answered(answer())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is written down, and then raised
                failed = error
        row = {
            **{key: getattr(context, key) for key in ("tenant_id", "region", "correlation_id", "language")},
            "access_id": uuid.uuid4().hex,
            "at": datetime.now(UTC),
            "principal": principal.name,
            "purpose": principal.purpose,
            "action": asked.action,
            "scope": asked.scope,
            "uri": asked.uri,
            "session_id": asked.session_id,
            "granted": granted,
            "reason": _reason(failed),
        }
        await _answered(self._write(row, with_it if failed is None else None))
        if failed is not None:
            raise failed
        return result  # type: ignore[return-value]  # it is the answer where nothing was refused

    async def _write(
        self, row: dict[str, Any], with_it: Callable[[AsyncConnection], Awaitable[None]] | None = None
    ) -> None:
        async with self._outbox.transaction() as connection:
            if with_it is not None:
                await with_it(connection)
            await connection.execute(sa.insert(ACCESSES).values(**row))
            await self._outbox.add(connection, _event(row))

    async def _rows(self, tenant_id: str, session_id: str) -> Sequence[Row]:
        mine = (CONTENTS.c.tenant_id == tenant_id, CONTENTS.c.session_id == session_id)
        query = sa.select(CONTENTS).where(*mine).order_by(CONTENTS.c.kind.desc(), CONTENTS.c.created_at)
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def _read(self, tenant_id: str, uri: str, sha256: str) -> tuple[Row, bytes]:
        query = sa.select(CONTENTS).where(CONTENTS.c.tenant_id == tenant_id, CONTENTS.c.uri == uri.partition("#")[0])
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise _not_found(uri)
        if sha256 and sha256 != row["sha256"]:
            raise _unreadable(uri, "the hash is not that of what was filed there")
        if row["body"] is not None:
            return dict(row), bytes(row["body"])
        try:
            return dict(row), await self._store.get(tenant_id, uri, row["sha256"])
        except ContentMissingError:
            raise _not_found(uri) from None
        except ContentAwayError:
            raise
        except ContentError as error:
            raise _unreadable(uri, str(error)) from error

    async def _call(self, tenant_id: str, session_id: str) -> tuple[datetime, Sequence[Row]]:
        """Return when a call began, and its content's rows."""
        rows = await self._rows(tenant_id, session_id)
        async with self._engine.connect() as connection:
            mine = (SESSIONS.c.tenant_id == tenant_id, SESSIONS.c.session_id == session_id)
            started_at = await connection.scalar(sa.select(SESSIONS.c.started_at).where(*mine))
        if started_at is None:
            raise _not_found(session_id, "session")
        return started_at, rows


def _caller(scope: str) -> tuple[Principal, MeshError | None]:
    """Return who asks, nobody included, and why they may not; None: they may."""
    try:
        principal = caller()
    except MeshError as error:
        return Principal("", "", frozenset()), error
    return principal, refusal(principal, scope) if scope else None


async def _raise(error: Exception) -> Never:
    raise error


def _reason(failed: Exception | None) -> str:
    """Return why there was no answer; empty: there was one."""
    if failed is None:
        return ""
    return name_of(failed.reason if isinstance(failed, MeshError) else ErrorReason.ERROR_REASON_INTERNAL)


def _event(row: Row) -> ContentAccessed:
    context = EventContext(
        event_id=row["access_id"],
        occurred_at=to_timestamp(row["at"]),
        tenant_id=row["tenant_id"],
        region=row["region"],
        correlation_id=row["correlation_id"],
        language=row["language"],
        session_id=row["session_id"],
    )
    told = ("principal", "purpose", "action", "scope", "uri", "granted", "reason")
    return ContentAccessed(context=context, **{name: row[name] for name in told})


def _named(uri: str) -> tuple[str, str]:
    """Return the kind and the session that an address names."""
    try:
        parts = path_of(uri).split("/")
    except ContentUriError as error:
        raise _invalid("uri", str(error)) from None
    kinds = {folder: kind for kind, folder in FOLDERS.items()}
    if len(parts) != 4 or parts[0] not in kinds:
        raise _invalid("uri", f"{uri!r} names no content of a call: send the uri that an event carries")
    return kinds[parts[0]], parts[2]


def _token(sequence: int) -> str:
    return base64.urlsafe_b64encode(str(sequence).encode()).decode()


def _sequence(token: str) -> int | None:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else None
    except (ValueError, binascii.Error):
        raise _invalid("page_token", "send the next_page_token of the page before") from None


def _invalid(field: str, why: str) -> MeshError:
    return MeshError(ErrorReason.ERROR_REASON_INVALID_REQUEST, f"{field}: {why}", metadata={"field": field})


def _not_found(name: str, kind: str = "content") -> MeshError:
    return MeshError(
        ErrorReason.ERROR_REASON_NOT_FOUND,
        f"there is no {kind} {name!r}: it was erased, its time ran out, or it is another tenant's",
        metadata={"kind": kind, "name": name},
    )


def _unreadable(uri: str, why: str) -> MeshError:
    return MeshError(ErrorReason.ERROR_REASON_CONTENT_UNREADABLE, why, metadata={"uri": uri})


async def _answered(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except (ContentAwayError, SQLAlchemyError, OSError) as error:
        away = "content-store" if isinstance(error, ContentAwayError) else "database"
        raise MeshError(
            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
            f"the {away} does not answer; ask again in a moment",
            retry_after_s=1.0,
            metadata={"dependency": away},
        ) from error
