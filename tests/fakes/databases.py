"""Empty databases of each kind, for tests that run on both."""

import contextlib
import uuid

import psycopg
from sqlalchemy.engine import make_url


def new_database(server: str) -> str:
    """Make an empty database on a PostgreSQL server and give its URL."""
    url = make_url(server)
    name = f"test_{uuid.uuid4().hex}"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with contextlib.closing(psycopg.connect(plain, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return url.set(database=name).render_as_string(hide_password=False)
