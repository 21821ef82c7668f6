"""SQLite and PostgreSQL behind one engine."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from fakes.nats_server import free_port
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mesh.config import ConfigError
from mesh.database import (
    DatabaseUrlError,
    UtcDateTime,
    database,
    insert_once,
    is_away,
    migrate,
    sqlite_url,
    transaction,
)

metadata = sa.MetaData()
parents = sa.Table("parents", metadata, sa.Column("id", sa.Integer, primary_key=True))
moments = sa.Table(
    "moments",
    metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("at", UtcDateTime),
    sa.Column("parent_id", sa.ForeignKey("parents.id")),
)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "it is empty"),
        ("not a url", "cannot be read"),
        ("mysql://u:secret@host/db", "'mysql' is no database"),
        ("sqlite://", "names no file"),
        ("sqlite+aiosqlite:///:memory:", "names no file"),
        ("postgresql://user:secret@host:port/db", "cannot be read"),
    ],
)
async def test_a_wrong_url_names_its_variable_and_no_password(url: str, complaint: str) -> None:
    with pytest.raises(DatabaseUrlError, match=complaint) as caught:
        async with database(url, variable="VOICEMESH_CRM_DATABASE_URL"):
            pass
    assert str(caught.value).startswith("VOICEMESH_CRM_DATABASE_URL must be")
    assert "secret" not in str(caught.value)


async def test_moments_come_back_in_utc(database_url: str) -> None:
    local = datetime(2026, 11, 24, 15, 30, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(moments.insert().values(name="a", at=local))
        async with engine.connect() as connection:
            stored = (await connection.execute(sa.select(moments.c.at))).scalar_one()
    assert stored == local
    assert stored.tzinfo is UTC or stored.utcoffset() == timedelta(0)


async def test_a_naive_moment_is_refused(database_url: str) -> None:
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
        naive = datetime(2026, 1, 1)  # noqa: DTZ001
        with pytest.raises(sa.exc.StatementError, match="time zone"):
            async with transaction(engine) as connection:
                await connection.execute(moments.insert().values(name="a", at=naive))


async def test_foreign_keys_hold_and_a_failed_block_leaves_nothing(database_url: str) -> None:
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)

        async def write_a_row_and_an_orphan() -> None:
            async with transaction(engine) as connection:
                await connection.execute(parents.insert().values(id=1))
                await connection.execute(moments.insert().values(name="private", parent_id=7))

        with pytest.raises(IntegrityError) as caught:
            await write_a_row_and_an_orphan()
        assert "private" not in str(caught.value), "parameters are personal data"
        async with engine.connect() as connection:
            assert (await connection.execute(sa.select(parents))).all() == []


async def test_transactions_that_read_before_they_write_do_not_lose_updates(database_url: str) -> None:
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(parents.insert().values(id=0))

        async def add_one() -> None:
            async with transaction(engine) as connection:
                top = sa.select(parents.c.id).with_for_update()
                value = (await connection.execute(top)).scalar_one()
                await connection.execute(parents.update().values(id=value + 1))

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(add_one())
        async with engine.connect() as connection:
            assert (await connection.execute(sa.select(parents.c.id))).scalar_one() == 20


async def test_insert_once_says_whether_it_was_new(database_url: str) -> None:
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
        answers = []

        async def insert() -> None:
            async with transaction(engine) as connection:
                answers.append(await insert_once(connection, moments, {"name": "a"}, unique=["name"]))

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(insert())
    assert sorted(answers) == [False] * 7 + [True]


REVISION = '''
"""One table."""
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("things", sa.Column("id", sa.Integer, primary_key=True))
    {end}
'''


def _package(folder: Path, end: str = "pass") -> None:
    migrations = folder / "odd %name" / "tiny" / "migrations"
    migrations.mkdir(parents=True, exist_ok=True)
    (migrations.parent / "__init__.py").touch()
    (migrations / "__init__.py").touch()
    (migrations / "r0001_things.py").write_text(REVISION.replace("{end}", end))


def _migrate_in_a_process(folder: Path, url: str) -> "subprocess.Popen[bytes]":
    code = "import asyncio,sys; from mesh.database import migrate; asyncio.run(migrate(sys.argv[1], 'tiny'))"
    return subprocess.Popen([sys.executable, "-c", code, url], cwd=folder / "odd %name", stderr=subprocess.PIPE)


async def test_processes_that_start_at_once_all_find_the_schema(database_url: str, tmp_path: Path) -> None:
    _package(tmp_path)
    processes = [_migrate_in_a_process(tmp_path, database_url) for _ in range(4)]
    for process in processes:
        _, errors = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, errors.decode()
    async with database(database_url) as engine, engine.connect() as connection:
        versions = (await connection.exec_driver_sql("SELECT version_num FROM alembic_version_tiny")).all()
        assert [tuple(row) for row in versions] == [("0001",)]
        assert (await connection.exec_driver_sql("SELECT * FROM things")).all() == []


async def test_a_migration_that_fails_leaves_the_old_state(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(tmp_path, end='raise RuntimeError("half way")')
    monkeypatch.syspath_prepend(tmp_path / "odd %name")
    with pytest.raises(RuntimeError, match="half way"):
        await migrate(database_url, "tiny")
    async with database(database_url) as engine, engine.connect() as connection:
        assert await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()) == []


async def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/none"
    with pytest.raises(ConfigError, match="VOICEMESH_DATABASE_URL: the database cannot be used") as caught:
        await migrate(url, "services.dialogue")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str, tmp_path: Path) -> None:
    _package(tmp_path)
    await asyncio.to_thread(_migrate_in_a_process(tmp_path, database_url).communicate)
    async with database(database_url) as engine, engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version_tiny SET version_num = '9999'")
    process = _migrate_in_a_process(tmp_path, database_url)
    _, errors = await asyncio.to_thread(process.communicate)
    assert process.returncode != 0
    assert "made by a newer version of tiny" in errors.decode()


async def test_sqlite_files_keep_readers_and_writers_apart(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "one.db")
    async with database(url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
        async with transaction(engine) as writer, engine.connect() as reader:
            await writer.execute(parents.insert().values(id=1))
            assert (await reader.execute(sa.select(parents))).all() == []
            assert (await reader.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
            assert (await reader.exec_driver_sql("PRAGMA synchronous")).scalar() == 2


async def failure_of(url: str, statement: str) -> DBAPIError:
    async def fail() -> None:
        async with database(url) as engine, transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
            await connection.execute(sa.text(statement))

    with pytest.raises(DBAPIError) as caught:
        await fail()
    return caught.value


async def test_a_database_that_is_away_is_told_from_a_value_that_is_wrong(tmp_path: Path, database_url: str) -> None:
    folder = tmp_path / "folder.db"
    folder.mkdir()
    for away in (f"postgresql+psycopg://u:p@127.0.0.1:{free_port()}/db", sqlite_url(folder)):
        error = await failure_of(away, "SELECT 1")
        assert is_away(error)
        # As a service's own error tells of it.
        wrapped = RuntimeError("the store does not answer")
        wrapped.__cause__ = error
        assert is_away(wrapped)
    refused = await failure_of(database_url, "INSERT INTO moments (name) VALUES (NULL)")
    assert not is_away(refused)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (ConnectionResetError(), True),
        (PoolTimeoutError("the pool is empty"), True),
        (ValueError("a value"), False),
        (sa.exc.ProgrammingError("SELECT", None, Exception("no such table")), False),
        (sa.exc.InternalError("INSERT", None, Exception("closed"), connection_invalidated=True), True),
        (sa.exc.InterfaceError("INSERT", None, sqlite3.InterfaceError("a parameter")), False),
        (sa.exc.InterfaceError("INSERT", None, Exception("the connection is closed")), True),
    ],
)
def test_what_counts_as_away(error: Exception, *, away: bool) -> None:
    assert is_away(error) is away


@pytest.mark.parametrize(("state", "away"), [("57P01", True), ("25006", True), ("40001", True), ("54000", False)])
def test_postgresql_says_what_kind_of_failure_it_is(state: str, *, away: bool) -> None:
    class RefusalError(Exception):
        sqlstate = state

    assert is_away(sa.exc.OperationalError("INSERT", None, RefusalError())) is away
