"""What is erased from SQLite is in none of its files."""

from pathlib import Path

import sqlalchemy as sa

from mesh.database import database, scrub, sqlite_url, transaction

SECRET = "Zebedee Quillfeather"


async def test_erased_bytes_are_in_no_file(tmp_path: Path):
    words = sa.Table("words", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("said", sa.Text))

    def found() -> bool:
        return any(SECRET.encode() in file.read_bytes() for file in tmp_path.iterdir())

    async with database(sqlite_url(tmp_path / "some.db")) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(words.create)
            await connection.execute(words.insert(), [{"said": f"{number} {SECRET}"} for number in range(200)])
        assert found()
        async with transaction(engine) as connection:
            await connection.execute(words.update().where(words.c.id < 100).values(said=""))
            await connection.execute(words.delete().where(words.c.id >= 100))
        assert found(), "the log of writes still has it"
        await scrub(engine)
        assert not found()
        async with engine.connect() as connection:
            assert await connection.scalar(sa.text("PRAGMA busy_timeout")) == 10_000
            assert await connection.scalar(sa.select(sa.func.count()).select_from(words)) == 99
