"""A real broker and real databases for the gateway's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
from fakes.crm_world import World, settings, world
from fakes.databases import new_database
from fakes.nats_server import NatsServer, nats_server
from fakes.postgres_server import postgres_server
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub

from mesh.database import sqlite_url
from mesh.testing import serve
from services.crm_gateway.app import build


@pytest.fixture
async def nats() -> AsyncIterator[NatsServer]:
    async with nats_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "crm.db")
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture
async def stub(tmp_path: Path, database_url: str) -> AsyncIterator[CrmServiceStub]:
    """The hot path alone, without a broker."""
    async with (
        serve(build, settings(tmp_path, database_url=database_url), service="crm") as crm,
        grpc.aio.insecure_channel(crm.address) as channel,
    ):
        yield CrmServiceStub(channel)


@pytest.fixture
async def crm(tmp_path: Path, nats: NatsServer, database_url: str) -> AsyncIterator[World]:
    """Hot path and sync process on one broker."""
    async with world(tmp_path, nats.url, database_url) as running:
        yield running
