"""When a run under fire is judged, and what is named."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import pytest
from chaos import judge as module
from chaos.calls import Call
from chaos.judge import Look, Verdict, judge
from voicemesh.crm.v1.crm_pb2 import Record

_CALLS = [Call(7, "s7", ended=True)]
_RECORDS = [Record(record_id="r7", session_id="s7", kind="interaction")]
_ONCE = Look(0, _RECORDS, Counter({"r7": 1}))
_TWICE = Look(0, _RECORDS, Counter({"r7": 2}))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.0)


def one_after_the_other(looks: Sequence[Look]) -> Callable[[], Awaitable[Look]]:
    """The last one stays."""
    left = list(looks)

    async def look() -> Look:
        return left.pop(0) if len(left) > 1 else left[0]

    return look


async def judged(*looks: Look, patience_s: float = 1000.0) -> Verdict:
    return await judge(_CALLS, one_after_the_other(looks), patience_s=patience_s, quiet_s=0.0)


async def test_each_outcome_once_is_good() -> None:
    verdict = await judged(_ONCE)
    assert verdict.good
    assert verdict.outcomes == 2


async def test_a_second_write_that_comes_after_the_first_look_counts() -> None:
    verdict = await judged(_ONCE, _TWICE)
    assert verdict.duplicated == ["simulator: interaction r7 of call 7, session s7"]


async def test_what_waits_may_still_be_written_twice() -> None:
    waiting = Look(1, _RECORDS, Counter({"r7": 1}))
    verdict = await judged(waiting, waiting, waiting, _ONCE, _TWICE)
    assert len(verdict.duplicated) == 1


async def test_what_is_missing_is_waited_for() -> None:
    assert (await judged(Look(0, [], Counter()), Look(0, _RECORDS, Counter()), _ONCE)).good


@pytest.mark.parametrize(
    ("look", "named"),
    [
        (Look(0, [], Counter()), "local: interaction of call 7, session s7"),
        (Look(0, _RECORDS, Counter()), "simulator: interaction of call 7, session s7"),
        (Look(3, _RECORDS, Counter({"r7": 1})), "still on their way: 3 records"),
        (Look(0, _RECORDS, Counter({"r7": 1, "r8": 1})), "local: the record of ticket r8"),
    ],
)
async def test_what_does_not_come_in_time_is_named(look: Look, named: str) -> None:
    assert (await judged(look, patience_s=-1.0)).lost == [named]
