"""Sessions stick to their instance, prefer their region, and move only when they must."""

import pytest

from mesh.config import ConfigError
from mesh.errors import ErrorReason, MeshError
from mesh.pool import Pool, Target, parse_targets

FOUR = [Target(f"127.0.0.1:{port}", region) for port, region in ((1, "eu"), (2, "eu"), (3, "us"), (4, "us"))]
SESSIONS = [f"session-{n}" for n in range(300)]


def placed(pool: Pool, region: str = "") -> dict[str, str]:
    return {session: pool.address(session, region) for session in SESSIONS}


async def test_a_session_always_meets_the_same_instance():
    pool = Pool("asr", "eu", FOUR)
    assert placed(pool) == placed(Pool("asr", "eu", list(reversed(FOUR))))


async def test_sessions_stay_in_their_region_and_spread_over_it():
    pool = Pool("asr", "eu", FOUR)
    assert set(placed(pool).values()) == {"127.0.0.1:1", "127.0.0.1:2"}
    assert set(placed(pool, region="us").values()) == {"127.0.0.1:3", "127.0.0.1:4"}


async def test_an_instance_that_goes_moves_its_own_sessions_only():
    before = placed(Pool("asr", "eu", FOUR))
    after = placed(Pool("asr", "eu", FOUR[1:]))
    assert all(after[s] == where for s, where in before.items() if where != "127.0.0.1:1")


async def test_an_instance_that_fails_three_times_is_left_alone():
    pool = Pool("asr", "eu", FOUR)
    session = next(s for s in SESSIONS if pool.address(s) == "127.0.0.1:1")
    channel = pool.channel(session)
    for _ in range(2):
        pool.report(channel, ok=False)
    pool.report(channel, ok=True)
    for _ in range(2):
        pool.report(channel, ok=False)
    assert pool.address(session) == "127.0.0.1:1", "not three in a row"
    pool.report(channel, ok=False)
    assert pool.address(session) == "127.0.0.1:2"


async def test_with_its_region_down_a_session_goes_to_the_other():
    pool = Pool("asr", "eu", FOUR)
    for target in FOUR[:2]:
        session = next(s for s in SESSIONS if pool.address(s) == target.address)
        channel = pool.channel(session)
        for _ in range(3):
            pool.report(channel, ok=False)
    assert set(placed(pool).values()) == {"127.0.0.1:3", "127.0.0.1:4"}


def unavailable(dependency: str) -> MeshError:
    return MeshError(ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "gone", metadata={"dependency": dependency})


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [
        (unavailable("asr"), True),
        (ExceptionGroup("tasks", [KeyError("x"), unavailable("asr")]), True),
        (unavailable("nlu"), False),
        (MeshError(ErrorReason.ERROR_REASON_INVALID_AUDIO, "half a sample"), False),
    ],
)
async def test_an_instance_is_blamed_for_its_own_failures_only(error: Exception, elsewhere: bool):
    pool = Pool("asr", "eu", FOUR)
    session = next(s for s in SESSIONS if pool.address(s) == "127.0.0.1:1")
    for _ in range(3):
        with pytest.raises(type(error)), pool.using(session):
            raise error
    assert (pool.address(session) != "127.0.0.1:1") == elsewhere


def test_targets_are_read():
    assert parse_targets("a:1@eu, b:2", "X") == (Target("a:1", "eu"), Target("b:2", "local"))


@pytest.mark.parametrize("text", ["", " , ", "a", "a:", ":1", "a:99999", "a:b"])
def test_targets_that_are_none_name_their_variable(text):
    with pytest.raises(ConfigError, match="VOICEMESH_ASR_TARGET"):
        parse_targets(text, "VOICEMESH_ASR_TARGET")
