"""Who has a session: whoever's snapshot is in the bucket, even where a write's answer never came."""

import asyncio
from dataclasses import replace

import pytest
from fakes.clinic_call import INFO, POLICY
from fakes.shared_world import Bucket
from fakes.virtual_time import run

from services.dialogue.keeper import Keeper
from services.dialogue.model import CallerContext
from services.dialogue.outcome import call_info
from services.dialogue.policy import Expectation
from services.dialogue.ports import SnapshotsAwayError
from services.dialogue.snapshot import Snapshot, SnapshotError, digest


def snapshot(owner: str) -> Snapshot:
    state, _ = POLICY.start(call_info(INFO, CallerContext()))
    return Snapshot(
        info=INFO,
        token_sha256=digest("token"),
        owner=owner,
        state=state,
        committed=None,
        expectation=Expectation(),
        caller_turns=0,
        agent_turns=1,
        elapsed_s=1.0,
        next_sequence=3,
        last_request=0,
    )


async def at_once() -> None:
    """Nothing waits to be written."""


def test_a_write_that_was_cut_off_is_no_other_instance():
    async def test() -> None:
        bucket = Bucket()
        keeper = Keeper(bucket, "s1")
        assert await keeper.write(snapshot("me"))
        # It reaches the bucket; its answer does not reach the keeper.
        await bucket.save("s1", snapshot("me").to_json(), 1)
        assert await keeper.write(replace(snapshot("me"), agent_turns=2))
        assert not keeper.superseded.is_set()
        assert bucket.stored is not None
        assert Snapshot.from_json(bucket.stored.document).agent_turns == 2

    run(test())


def test_another_instance_s_snapshot_ends_the_keeping():
    async def test() -> None:
        bucket = Bucket()
        keeper = Keeper(bucket, "s1")
        assert await keeper.write(snapshot("me"))
        await bucket.save("s1", snapshot("other").to_json(), 1)
        assert not await keeper.write(snapshot("me"))
        assert keeper.superseded.is_set()
        await keeper.forget()
        assert bucket.stored is not None, "what the other has written stays"

    run(test())


def test_a_document_that_was_lost_is_written_anew():
    async def test() -> None:
        bucket = Bucket()
        keeper = Keeper(bucket, "s1")
        assert await keeper.write(snapshot("me"))
        bucket.stored = None
        assert await keeper.write(snapshot("me"))
        assert not keeper.superseded.is_set()

    run(test())


def test_a_bucket_that_is_away_says_nothing_of_who_has_the_session():
    class Away(Bucket):
        async def save(self, session_id: str, document: bytes, revision: int | None) -> int:
            raise SnapshotsAwayError("no broker")

    async def test() -> None:
        keeper = Keeper(Away(), "s1")
        assert not await keeper.write(snapshot("me"))
        assert not keeper.superseded.is_set()

    run(test())


def test_the_newest_snapshot_is_written_and_what_came_between_is_not():
    async def test() -> None:
        bucket = Bucket(delay_s=0.5)
        keeper, turns = Keeper(bucket, "s1"), 0

        def newest() -> Snapshot:
            return replace(snapshot("me"), agent_turns=turns)

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(keeper.run(newest, at_once))
            for turns in range(1, 6):  # noqa: B007 - read by `newest`
                keeper.changed()
                await asyncio.sleep(0.1)
            await asyncio.sleep(2)
            running.cancel()
        assert bucket.stored is not None
        assert Snapshot.from_json(bucket.stored.document).agent_turns == 5
        assert bucket.stored.revision <= 3

    run(test())


def test_a_snapshot_reads_back_as_it_was_and_knows_its_token():
    made = snapshot("me")
    assert Snapshot.from_json(made.to_json()) == made
    assert made.is_for("token")
    assert not made.is_for("tokem")
    with pytest.raises(SnapshotError):
        Snapshot.from_json(b'{"owner": 3}')


def test_a_snapshot_waits_for_the_record_of_what_it_says():
    async def test() -> None:
        bucket, on_disk = Bucket(), asyncio.Event()

        async def written() -> None:
            await on_disk.wait()

        keeper = Keeper(bucket, "s1")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(keeper.run(lambda: snapshot("me"), written))
            keeper.changed()
            await asyncio.sleep(1)
            assert bucket.stored is None
            on_disk.set()
            await asyncio.sleep(1)
            running.cancel()
        assert bucket.stored is not None

    run(test())
