"""Every table of every service says whose data it is, where it lives, of which call, in which language."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from mesh.database import database, migrate, sqlite_url

SCOPE = {"tenant_id", "region", "correlation_id", "language"}
OF_NO_REQUEST = {"crm_allowances", "crm_leases", "dialogue_leases"}
"""How much may be written, and who may do something alone: they hold nothing of a call."""


@pytest.mark.parametrize("service", ["consent", "crm_gateway", "dialogue"])
async def test_every_table_has_tenant_region_correlation_id_and_language(tmp_path: Path, service: str) -> None:
    url = sqlite_url(tmp_path / "service.db")
    await migrate(url, f"services.{service}")
    async with database(url) as engine, engine.connect() as connection:
        inspector = await connection.run_sync(sa.inspect)
        columns = await connection.run_sync(
            lambda _: {table: inspector.get_columns(table) for table in inspector.get_table_names()}
        )
    own = {
        table: found
        for table, found in columns.items()
        if not table.startswith("alembic_version") and table not in OF_NO_REQUEST
    }
    assert own
    for table, found in own.items():
        required = {column["name"] for column in found if not column["nullable"]}
        assert required >= SCOPE, table
