"""The store's own promises: its tables are what the revisions make, and a broken database is a clear no."""

from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
from component.consent.consent_client import ask, check, reason_of, said
from pydantic import SecretStr
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub

from mesh.config import ConfigError
from mesh.database import migrate, sqlite_url
from mesh.testing import serve
from services.consent.adapters.tables import metadata
from services.consent.app import build
from services.consent.config import ConsentSettings

ON_EVERY_TABLE = {"tenant_id", "region", "correlation_id", "language"}


def _type_of(kind: sa.types.TypeEngine[object], engine: sa.Engine) -> str:
    return str(kind.compile(engine.dialect))


async def test_the_revisions_make_the_tables_the_code_uses(tmp_path: Path) -> None:
    path = tmp_path / "consent.db"
    await migrate(sqlite_url(path), "services.consent")
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        inspector = sa.inspect(engine)
        for table in metadata.sorted_tables:
            made = {column["name"]: column for column in inspector.get_columns(table.name)}
            assert set(made) == {column.name for column in table.columns}, table.name
            for column in table.columns:
                assert bool(made[column.name]["nullable"]) == bool(column.nullable), column
                assert _type_of(made[column.name]["type"], engine) == _type_of(column.type, engine), column
            assert set(made) >= ON_EVERY_TABLE
            indexes = {index["name"] for index in inspector.get_indexes(table.name)}
            assert {index.name for index in table.indexes} <= indexes
    finally:
        engine.dispose()


async def test_a_database_that_does_not_answer_is_no_yes(settings: ConsentSettings, tmp_path: Path) -> None:
    async with (
        serve(build, settings, service="consent") as consent,
        grpc.aio.insecure_channel(consent.address) as channel,
    ):
        stub = ConsentServiceStub(channel)
        await stub.RecordConsent(said())
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'consent.db'}")
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE consent_records RENAME TO hidden"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CheckConsent(ask(check()))
        assert reason_of(caught.value) == ("DEPENDENCY_UNAVAILABLE", {"dependency": "consent database"})
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE hidden RENAME TO consent_records"))
        engine.dispose()
        await stub.CheckConsent(ask(check()))


async def test_a_wrong_database_url_names_its_variable_and_hides_its_password(settings: ConsentSettings) -> None:
    settings = settings.model_copy(update={"consent_database_url": SecretStr("mysql://joe:hunter2@db.example/consent")})
    with pytest.raises((ConfigError, BaseExceptionGroup)) as caught:
        async with serve(build, settings, service="consent"):
            pass
    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ConfigError)
    assert "VOICEMESH_CONSENT_DATABASE_URL" in str(error)
    assert "hunter2" not in str(error)
