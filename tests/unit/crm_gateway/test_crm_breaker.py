"""When a business system is left alone, and when it is asked again."""

from services.crm_gateway.sync.breaker import Breaker, BreakerOptions, Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_breaker(clock: Clock, changes: list[Circuit]) -> Breaker:
    return Breaker(BreakerOptions(failures=3, first_s=2, limit_s=5), clock, changes.append)


def test_failures_in_a_row_open_it_and_one_probe_closes_it() -> None:
    clock, changes = Clock(), list[Circuit]()
    breaker = a_breaker(clock, changes)
    breaker.failed()
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert breaker.permits(7) is None, "not in a row"
    breaker.failed()
    assert breaker.permits(0) == 0
    clock.now += 1.9
    assert breaker.permits(0) == 0
    clock.now += 0.1
    assert breaker.permits(2) == 0, "what was in flight is waited for"
    assert breaker.permits(0) == 1
    breaker.succeeded()
    assert breaker.permits(5) is None
    assert changes == [Circuit.OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]


def test_each_probe_that_fails_doubles_the_wait_up_to_a_limit() -> None:
    clock = Clock()
    breaker = a_breaker(clock, [])
    for _ in range(3):
        breaker.failed()
    waits = []
    for _ in range(4):
        began = clock.now
        while not breaker.permits(0):
            clock.now += 0.5
        waits.append(clock.now - began)
        breaker.failed()
    assert waits == [2, 4, 5, 5]


def test_a_failure_that_comes_late_does_not_lengthen_the_wait() -> None:
    clock = Clock()
    breaker = a_breaker(clock, [])
    for _ in range(9):
        breaker.failed()
    clock.now += 2
    assert breaker.circuit is Circuit.HALF_OPEN


def test_who_asks_to_wait_is_not_asked_meanwhile() -> None:
    clock, changes = Clock(), list[Circuit]()
    breaker = a_breaker(clock, changes)
    breaker.pause(1.5)
    breaker.pause(0.5)
    assert breaker.permits(0) == 0
    clock.now += 1.5
    assert breaker.permits(0) is None
    assert changes == []
