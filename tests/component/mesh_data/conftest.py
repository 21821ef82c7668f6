"""Real servers and databases for the data layer's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fakes.databases import new_database
from fakes.nats_server import NatsServer, nats_server
from fakes.postgres_server import postgres_server

from mesh.database import sqlite_url


@pytest.fixture
async def nats() -> AsyncIterator[NatsServer]:
    """A broker with an empty store."""
    async with nats_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "data" / "test.db")
    return new_database(request.getfixturevalue("postgres"))
