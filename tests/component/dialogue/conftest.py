"""A dialogue database of each kind."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fakes.call_store import CallStore
from fakes.databases import new_database
from fakes.postgres_server import postgres_server

from mesh.database import database, migrate, sqlite_url
from mesh.outbox import Outbox
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.store import OUTBOX


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CallStore]:
    """The dialogue's tables, empty, with a recorder."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "dialogue.db")
    else:
        url = new_database(request.getfixturevalue("postgres"))
    await migrate(url, "services.dialogue")
    async with contextlib.AsyncExitStack() as stack:
        engine = await stack.enter_async_context(database(url))
        made = await stack.enter_async_context(recorder(Outbox(engine, OUTBOX), "me"))
        yield CallStore(engine, made)
