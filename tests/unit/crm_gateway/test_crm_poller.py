"""Reading changes by cursor: what is done when something goes wrong, without a clock and without a network."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from services.crm_gateway.model import BusyError
from services.crm_gateway.sync.breaker import BreakerOptions
from services.crm_gateway.sync_in.model import CursorError, LostCursorError, Page, Position, Taken
from services.crm_gateway.sync_in.poller import Poller, PollOptions
from services.crm_gateway.vendors.http import HttpError

OPTIONS = PollOptions(every_s=30, retry_first_s=1, retry_limit_s=8, breaker=BreakerOptions(failures=3, first_s=5))


@dataclass
class World:
    """Everything around a poller; the source answers what it is told, one answer a question."""

    name = "there"
    answers: list[Page | Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    position: Position = Position()
    pages: list[Page] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    mine: bool = True
    store_error: Exception | None = None
    now: float = 0.0

    async def changes(self, cursor: str) -> Page:
        self.asked.append(cursor)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def parse(self, headers: object, body: bytes) -> Sequence[object]:
        raise AssertionError("a poller takes no webhooks")

    async def hold(self) -> bool:
        return self.mine

    async def give_up(self) -> None:
        self.mine = False

    async def read(self) -> Position:
        return self.position

    async def failed(self, error: str) -> None:
        self.errors.append(error)

    async def restart(self) -> None:
        self.position = Position()

    async def take_page(self, before: Position, page: Page) -> Taken:
        if self.store_error is not None:
            raise self.store_error
        assert before == self.position
        self.pages.append(page)
        self.position = Position(page.cursor, complete=before.complete or not page.more)
        return Taken(applied=len(page.changes))

    def poller(self) -> Poller:
        return Poller(self, self, self, self, options=OPTIONS, now=lambda: self.now)  # type: ignore[arg-type]


def page(cursor: str, *, more: bool = False) -> Page:
    return Page((), cursor, more)


async def test_pages_follow_at_once_until_there_are_no_more() -> None:
    world = World([page("1", more=True), page("2"), page("2")])
    poller = world.poller()
    assert [await poller.step() for _ in range(3)] == [0.0, 30, 30]
    assert world.asked == ["", "1", "2"]
    assert world.position == Position("2", complete=True)


async def test_only_who_may_reads() -> None:
    world = World(mine=False)
    assert await world.poller().step() == 30
    assert world.asked == []


async def test_failures_are_waited_out_longer_and_longer_and_open_the_circuit() -> None:
    world = World([ConnectionError("no answer"), TimeoutError(), ConnectionError("no answer"), page("1"), page("1")])
    poller = world.poller()
    waits = [await poller.step() for _ in range(3)]
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits)] == [True, True, True]
    assert world.errors == ["no answer", "TimeoutError", "no answer"]
    assert await poller.step() == 1, "the circuit is open"
    assert len(world.asked) == 3
    world.now = 6
    assert await poller.step() == 30
    assert world.position.cursor == "1"
    assert await poller.step() == 30, "closed again"


async def test_what_a_system_answers_is_kept_for_who_runs_it_and_not_logged() -> None:
    world = World([HttpError("it answers 500: no 'Mrs Miller'", 500), CursorError("no '3' of Mrs Miller")])
    world.position = Position("3")
    poller = world.poller()
    with capture_logs() as logs:
        await poller.step()
        await poller.step()
    said = repr(logs)
    assert world.errors == ["it answers 500: no 'Mrs Miller'"]
    assert "crm_sync.late" in said
    assert "HttpError" in said
    assert "crm_sync.cursor_forgotten" in said
    assert "Miller" not in said


async def test_a_system_that_asks_to_wait_is_not_asked_before() -> None:
    world = World([BusyError("429", 7), page("1")])
    poller = world.poller()
    assert await poller.step() == 7
    assert await poller.step() == 1
    assert (len(world.asked), world.errors) == (1, []), "that is no failure"
    world.now = 7
    assert await poller.step() == 30


async def test_a_forgotten_cursor_begins_again() -> None:
    world = World([CursorError("410"), page("9")], position=Position("5", complete=True))
    poller = world.poller()
    assert await poller.step() == 0
    assert await poller.step() == 30
    assert world.asked == ["5", ""]


async def test_a_system_that_does_not_know_its_beginning_fails() -> None:
    world = World([CursorError("410")])
    assert await world.poller().step() > 0
    assert world.errors == ["it does not know the empty cursor: 410"]


@pytest.mark.parametrize(
    ("error", "again_at_once"), [(LostCursorError(), True), (OperationalError("", {}, Exception("locked")), False)]
)
async def test_what_could_not_be_taken_in_is_read_again(error: Exception, again_at_once: bool) -> None:
    world = World([page("1"), page("1")], store_error=error)
    poller = world.poller()
    assert (await poller.step() == 0) is again_at_once
    world.store_error = None
    assert await poller.step() == 30
    assert world.asked == ["", ""]
    assert world.errors == [], "the system there did nothing wrong"
