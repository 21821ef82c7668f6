"""A call's transcript as a document: a pure function of its rows, which are redacted when they are written.

Form 1: ``{"version": 1, "session_id", "language", "domain", "direction", "started_at", "turns": [...]}``. A turn has
``turn_id``, ``speaker`` ("caller" or "agent") and ``text``; one of the caller's also ``start_s`` and ``end_s`` (seconds
on the audio clock), ``intent`` and ``confidence``. The place of the agent's turns is not known; all turns are in the
order in which they ended.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dialogue.adapters.store import SESSIONS, TURNS

MEDIA_TYPE = "application/json"
_OF_SESSION = ("session_id", "language", "domain", "direction")
_OF_CALLER = ("start_s", "end_s", "intent", "confidence")


def document(session: Mapping[str, Any], turns: Iterable[Mapping[str, Any]]) -> bytes:
    """Make the document; the same rows make the same bytes."""
    made: dict[str, Any] = {"version": 1, **{name: session[name] for name in _OF_SESSION}}
    made["started_at"] = session["started_at"].astimezone(UTC).isoformat(timespec="milliseconds")
    made["turns"] = [_turn(turn) for turn in turns]
    return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()


def _turn(row: Mapping[str, Any]) -> dict[str, Any]:
    turn = {"turn_id": row["turn_id"], "speaker": row["speaker"], "text": row["text"]}
    if row["speaker"] == "caller":
        turn |= {name: row[name] for name in _OF_CALLER}
    return turn


async def read_transcript(connection: AsyncConnection, session_id: str) -> tuple[datetime, bytes] | None:
    """Return when a call began and its transcript; None for a call without a word."""
    session = (await connection.execute(sa.select(SESSIONS).where(SESSIONS.c.session_id == session_id))).mappings()
    query = sa.select(TURNS).where(TURNS.c.session_id == session_id).order_by(TURNS.c.recorded_at, TURNS.c.turn_id)
    turns = (await connection.execute(query)).mappings().all()
    row = session.first()
    return None if row is None or not turns else (row["started_at"], document(dict(row), map(dict, turns)))
