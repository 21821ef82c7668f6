import asyncio

import pytest

from services.nlu.handlers import Config
from services.nlu.stream import Hypothesis, Pending

CLINIC = Config("clinic", "en-US")


def hypothesis(name: str, turn: str = "") -> Hypothesis:
    return Hypothesis(name, turn, "text")


async def names(pending: Pending) -> list[str]:
    taken = []
    while (waiting := await pending.take()) is not None:
        taken.append(waiting.hypothesis.id)
    return taken


async def test_a_newer_hypothesis_takes_the_place_of_its_turns_older_one() -> None:
    pending = Pending()
    for name, turn in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")]:
        await pending.put(CLINIC, hypothesis(name, turn))
    await pending.end()
    assert await names(pending) == ["a3", "b1"]


async def test_hypotheses_that_name_no_turn_are_all_answered() -> None:
    pending = Pending()
    for name in ("x", "y", "x"):
        await pending.put(CLINIC, hypothesis(name))
    await pending.end()
    assert await names(pending) == ["x", "y", "x"]


async def test_one_being_parsed_becomes_void_when_a_newer_one_comes() -> None:
    pending = Pending()
    await pending.put(CLINIC, hypothesis("a1", "a"))
    taken = await pending.take()
    assert taken is not None
    assert not pending.is_void(taken)
    await pending.put(CLINIC, hypothesis("b1", "b"))
    assert not pending.is_void(taken)
    await pending.put(CLINIC, hypothesis("a2", "a"))
    assert pending.is_void(taken)


async def test_reading_waits_while_too_many_turns_do() -> None:
    pending = Pending(limit=2)
    await pending.put(CLINIC, hypothesis("a1", "a"))
    await pending.put(CLINIC, hypothesis("b1", "b"))
    await pending.put(CLINIC, hypothesis("b2", "b"))  # no new turn
    third = asyncio.ensure_future(pending.put(CLINIC, hypothesis("c1", "c")))  # noqa: TID251 - judged while it waits
    await asyncio.sleep(0)
    assert not third.done()
    first = await pending.take()
    assert first is not None
    await third
    await pending.end()
    assert [first.hypothesis.id, *await names(pending)] == ["a1", "b2", "c1"]


async def test_a_hypothesis_keeps_the_configuration_it_came_under() -> None:
    pending = Pending()
    shop = Config("shop", "en-US")
    await pending.put(CLINIC, hypothesis("a1", "a"))
    await pending.put(shop, hypothesis("b1", "b"))
    one, other = await pending.take(), await pending.take()
    assert one is not None
    assert other is not None
    assert (one.config, other.config) == (CLINIC, shop)


@pytest.mark.parametrize("waiting", [0, 1])
async def test_the_end_comes_after_what_waits(waiting: int) -> None:
    pending = Pending()
    for _ in range(waiting):
        await pending.put(CLINIC, hypothesis("a1", "a"))
    await pending.end()
    assert len(await names(pending)) == waiting
