"""Relational databases: SQLite for one machine, PostgreSQL for production, both behind SQLAlchemy's async engine.

Reads use ``engine.connect()``; every write uses :func:`transaction`, which takes SQLite's write lock at its beginning
(a transaction that first reads and then writes would otherwise fail when another process wrote in between).
"""

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mesh.config import ConfigError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_BUSY_TIMEOUT_MS = 10_000
_SCRUB_TIMEOUT_MS = 1_000
_IMMEDIATE = "voicemesh_immediate"
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How long PostgreSQL may be silent - cut off, not slow - until that is an error: 10 to 25 s; the last is in ms."""


class DatabaseUrlError(ConfigError):
    """A database URL that cannot be used; the text names the variable that holds it and what it should be."""


def is_away(error: BaseException) -> bool:
    """Say whether something failed because a database, or the network, is away, is full or gives no turn.

    Looks at the error and at what caused it. It is the fault of nothing that was to be written, and the same will work
    later; what a database says of a value, a statement or a limit is not that.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError | sa.exc.TimeoutError):
            return True
        if isinstance(cause, sa.exc.DBAPIError):
            return _is_outage(cause)
        cause = cause.__cause__
    return False


def _is_outage(error: sa.exc.DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or ""
    # 25006: a standby that takes no writes. 54...: a value over one of PostgreSQL's limits. SQLite's interface errors
    # are about values that it cannot hold.
    if error.connection_invalidated or state == "25006":
        return True
    if state.startswith("54") or (isinstance(error.orig, sqlite3.Error) and isinstance(error, sa.exc.InterfaceError)):
        return False
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment: aware datetimes go in and come out in UTC on both databases. Naive ones raise ``ValueError``."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn an aware datetime into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime does not say which moment it means: give it a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read a stored moment; SQLite keeps none of the time zone, so what it holds is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def sqlite_url(path: Path) -> str:
    """Give the URL of a SQLite file."""
    return URL.create("sqlite+aiosqlite", database=str(path.absolute())).render_as_string()


@contextlib.asynccontextmanager
async def database(url: str, *, variable: str = "VOICEMESH_DATABASE_URL") -> AsyncIterator[AsyncEngine]:
    """Open a database for the life of the context.

    ``url`` is ``sqlite+aiosqlite:///PATH`` or ``postgresql+psycopg://...``; ``variable`` is the environment variable
    that holds it. Raises :class:`DatabaseUrlError` when it is neither.

    SQLite runs in WAL mode (readers never wait for the writer) with ``synchronous=FULL``: a committed row survives
    a loss of power, not only the end of the process; an outbox would be no promise without it. A PostgreSQL server that
    is cut off without a word is an error within 25 s, unless the URL has libpq's settings for that.
    """
    parsed = _parse(url, variable)
    # Parameters are personal data: they must not reach a log inside an error's text.
    if parsed.get_backend_name() == "sqlite":
        _make_folder(parsed)
        engine = create_async_engine(parsed, hide_parameters=True)
        _prepare_sqlite(engine.sync_engine, foreign_keys=True)
    else:
        patience = {name: value for name, value in _PATIENCE.items() if name not in parsed.query}
        engine = create_async_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=patience)
    try:
        yield engine
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a transaction that writes: committed at the end of the block, rolled back when the block raises."""
    async with engine.execution_options(**{_IMMEDIATE: True}).begin() as connection:
        yield connection


async def scrub(engine: AsyncEngine) -> None:
    """Take what was erased out of SQLite's log of writes, too: it is written into the database, and cut to nothing.

    Where somebody reads or writes for longer than the wait for locks, the log is cut the next time. PostgreSQL's
    VACUUM, and how long its WAL is kept, are its operator's.
    """
    if engine.dialect.name != "sqlite":
        return
    async with engine.connect() as connection:
        # Not through SQLAlchemy, which would begin a transaction.
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        # Writers wait meanwhile.
        for pragma in (
            f"busy_timeout = {_SCRUB_TIMEOUT_MS}",
            "wal_checkpoint(TRUNCATE)",
            f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        ):
            await (await driver.execute(f"PRAGMA {pragma}")).close()


def upsert(table: sa.Table, connection: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    """Give the dialect's INSERT, which knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def insert_once(
    connection: AsyncConnection, table: sa.Table, values: Mapping[str, Any], *, unique: Sequence[str]
) -> bool:
    """Insert a row unless one with the same ``unique`` columns is there; say whether it was inserted.

    On PostgreSQL a concurrent transaction that holds the same key is waited for.
    """
    statement = upsert(table, connection).values(**values).on_conflict_do_nothing(index_elements=list(unique))
    # Not `rowcount`: psycopg's is not set for such a statement.
    returned = await connection.execute(statement.returning(table.c[unique[0]]))
    return returned.first() is not None


async def migrate(url: str, package: str, *, variable: str = "VOICEMESH_DATABASE_URL") -> None:
    """Bring a database to the newest revision of ``package``'s ``migrations`` folder (Alembic's ``upgrade head``).

    The whole upgrade is one transaction under a lock, so that processes that start at once wait for each other, and
    one that is killed leaves the old state. Each package has its own version table and may share a database.

    Raises:
        ConfigError: naming ``variable``, when the database cannot be reached or has a newer schema.
    """
    try:
        await asyncio.to_thread(_migrate, _parse(url, variable), package)
    except sa.exc.OperationalError as error:
        # The driver's own words: SQLAlchemy's would quote statements.
        raise ConfigError(
            f"{variable}: the database cannot be used ({_first_line(error.orig)}); is it there?"
        ) from error
    except CommandError as error:
        raise ConfigError(
            f"{variable}: the database was made by a newer version of {package} ({error}); run that version"
        ) from error


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def _migrate(url: URL, package: str) -> None:
    if url.get_backend_name() == "sqlite":
        _make_folder(url)
        engine = sa.create_engine(url.set(drivername="sqlite"), hide_parameters=True)
        # Foreign keys stay off: SQLite changes a table by copying it and dropping the original.
        _prepare_sqlite(engine, foreign_keys=False)
    else:
        engine = sa.create_engine(url, hide_parameters=True)
    name = package.rpartition(".")[2]
    root = resources.files("mesh") / "database_env"
    versions = resources.files(package) / "migrations"
    with contextlib.ExitStack() as stack:
        stack.callback(engine.dispose)
        config = Config()
        config.set_main_option("script_location", _option(stack.enter_context(resources.as_file(root))))
        config.set_main_option("version_locations", _option(stack.enter_context(resources.as_file(versions))))
        config.set_main_option("path_separator", "newline")
        connection = stack.enter_context(engine.execution_options(**{_IMMEDIATE: True}).begin())
        if connection.dialect.name == "postgresql":
            lock = sa.select(sa.func.pg_advisory_xact_lock(advisory_key(f"migrate:{name}")))
            connection.execute(lock)
        config.attributes["connection"] = connection
        config.attributes["version_table"] = f"alembic_version_{name}"
        command.upgrade(config, "head")


def advisory_key(name: str) -> int:
    """Give the key of a PostgreSQL advisory lock (64 bits, signed) that stands for ``name``."""
    return int.from_bytes(hashlib.sha256(f"voicemesh:{name}".encode()).digest()[:8], "big", signed=True)


def _option(path: Path) -> str:
    # Alembic reads its options through configparser, to which a percent sign is special.
    return str(path).replace("%", "%%")


def _parse(url: str, variable: str) -> URL:
    wanted = (
        f"{variable} must be a database URL such as sqlite+aiosqlite:////var/lib/voicemesh/NAME.db or "
        "postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME"
    )
    if not url:
        raise DatabaseUrlError(f"{wanted}; it is empty")
    try:
        parsed = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The cause would show the URL, and the URL may hold a password.
        raise DatabaseUrlError(f"{wanted}; it cannot be read as a URL") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise DatabaseUrlError(f"{wanted}; {parsed.drivername!r} is no database this service can use")
    if driver.startswith("sqlite") and parsed.database in {None, "", ":memory:"}:
        raise DatabaseUrlError(f"{wanted}; it names no file, and what is in memory is lost with the process")
    return parsed.set(drivername=driver)


def _make_folder(url: URL) -> None:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)


def _prepare_sqlite(engine: Engine, *, foreign_keys: bool) -> None:
    def connected(connection: Any, _record: object) -> None:
        # The driver's own transactions begin late and never immediately; ours begin in `began`.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        # What is erased is written over, not only left to be used again.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.close()

    def began(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", began)
