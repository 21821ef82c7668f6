"""Addresses, their order, and the delays between attempts."""

from __future__ import annotations

import itertools
import random

import pytest

from voicemesh_client.backoff import FIRST_DELAY_S, LONGEST_DELAY_S, delays
from voicemesh_client.targets import Channels, addresses_of


@pytest.mark.parametrize(
    ("target", "addresses"),
    [
        ("a:1", ("a:1",)),
        ("a:1, b:2", ("a:1", "b:2")),
        (["a:1", "b:2,c:3"], ("a:1", "b:2", "c:3")),
        ("a:1,a:1", ("a:1",)),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", ("ipv4:127.0.0.1:1,127.0.0.1:2",)),
        ("dns:///mesh:7411", ("dns:///mesh:7411",)),
    ],
)
def test_addresses(target, addresses) -> None:
    assert addresses_of(target) == addresses


@pytest.mark.parametrize("target", ["", "a:1,", [], ["a:1", " "]])
def test_no_address_is_an_error(target) -> None:
    with pytest.raises(ValueError, match="use host:port"):
        addresses_of(target)


def test_an_address_that_failed_comes_last() -> None:
    channels = Channels("a:1,b:2,c:3")
    channels.failed("a:1")
    channels.failed("c:3")
    assert channels.addresses == ("b:2", "a:1", "c:3")


async def test_a_channel_is_shared_until_it_is_closed() -> None:
    channels = Channels("a:1")
    shared = channels.shared("a:1")
    own = channels.own("a:1")
    assert channels.shared("a:1") is shared
    assert own is not shared
    await channels.close()
    again = channels.shared("a:1")
    assert again is not shared
    await channels.close()
    await own.close()


def test_delays_grow_from_nothing_within_their_bounds() -> None:
    for seed in range(20):
        first, *rest = itertools.islice(delays(random.Random(seed)), 12)
        assert first == 0
        ceiling = FIRST_DELAY_S
        for delay in rest:
            assert ceiling / 2 <= delay <= ceiling
            ceiling = min(LONGEST_DELAY_S, ceiling * 2)
        assert ceiling == LONGEST_DELAY_S


def test_two_clients_do_not_come_back_in_step() -> None:
    one, two = (list(itertools.islice(delays(random.Random(seed)), 6)) for seed in (1, 2))
    assert one[1:] != two[1:]
