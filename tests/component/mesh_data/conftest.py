"""Real servers and databases for the data layer's tests."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from fakes.nats_server import NatsServer, nats_server
from fakes.postgres_server import postgres_server
from sqlalchemy.engine import make_url

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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "data" / "test.db")
        return
    server = make_url(request.getfixturevalue("postgres"))
    name = f"test_{uuid.uuid4().hex}"
    with contextlib.closing(psycopg.connect(_conninfo(server), autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.set(database=name).render_as_string(hide_password=False)


def _conninfo(url: object) -> str:
    return str(url).replace("postgresql+psycopg", "postgresql")
