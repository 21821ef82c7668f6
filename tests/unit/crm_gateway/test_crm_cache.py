"""The operational cache, on a clock of its own."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.crm_gateway.cache import ContextCache
from services.crm_gateway.model import CallerContext, Contact, ContactKey

PHONE = ContactKey("phone", "+15550000001")
CONTACT = ContactKey("contact_id", "c1")


class Store:
    """Counts reads; a read waits while `open` is not set."""

    def __init__(self) -> None:
        self.reads: list[tuple[str, ContactKey]] = []
        self.title = "first"
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, tenant_id: str, key: ContactKey) -> CallerContext:
        self.reads.append((tenant_id, key))
        title = self.title
        await self.open.wait()
        contact = Contact("c1", phones=(PHONE.value,))
        return CallerContext(datetime.now(UTC), contact, last_interaction=title)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(store: Store, clock: Clock) -> ContextCache:
    return ContextCache(store.load, window_s=5, keep_s=60, size=3, clock=clock)


async def test_within_the_window_it_is_read_once(cache: ContextCache, store: Store, clock: Clock) -> None:
    assert cache.peek("t", PHONE) is None
    first = await cache.get("t", PHONE)
    clock.now += 4.9
    assert await cache.get("t", PHONE) is first
    assert cache.peek("t", PHONE) == first
    assert len(store.reads) == 1


async def test_after_the_window_it_is_shown_stale_and_read_again(
    cache: ContextCache, store: Store, clock: Clock
) -> None:
    await cache.get("t", PHONE)
    clock.now += 5
    store.title = "second"
    seen = cache.peek("t", PHONE)
    assert seen is not None
    assert (seen.stale, seen.last_interaction) == (True, "first")
    read = await cache.get("t", PHONE)
    assert (read.stale, read.last_interaction) == (False, "second")


async def test_what_is_too_old_is_not_shown_at_all(cache: ContextCache, clock: Clock) -> None:
    await cache.get("t", PHONE)
    clock.now += 60
    assert cache.peek("t", PHONE) is None


async def test_many_who_ask_at_once_cause_one_read(cache: ContextCache, store: Store) -> None:
    store.open.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cache.get("t", PHONE)) for _ in range(10)]
        await asyncio.sleep(0)
        store.open.set()
    assert len({id(task.result()) for task in tasks}) == 1
    assert len(store.reads) == 1


async def test_a_touched_contact_is_read_again_by_any_of_its_names(
    cache: ContextCache, store: Store, clock: Clock
) -> None:
    await cache.get("t", PHONE)
    clock.now += 1
    cache.touch("t", [CONTACT])
    seen = cache.peek("t", PHONE)
    assert seen is not None
    assert seen.stale
    clock.now += 1
    await cache.get("t", PHONE)
    assert len(store.reads) == 2


async def test_a_change_while_it_is_read_makes_what_was_read_stale(
    cache: ContextCache, store: Store, clock: Clock
) -> None:
    store.open.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(cache.get("t", PHONE))
        await asyncio.sleep(0)
        clock.now += 1
        cache.touch("t", [CONTACT])
        store.title = "second"
        store.open.set()
    seen = cache.peek("t", PHONE)
    assert seen is not None
    assert (seen.stale, seen.last_interaction) == (True, "first")
    clock.now += 1
    assert (await cache.get("t", PHONE)).last_interaction == "second"


async def test_tenants_never_share_an_entry(cache: ContextCache, store: Store) -> None:
    await cache.get("one", PHONE)
    assert cache.peek("two", PHONE) is None
    cache.touch("two", [PHONE, CONTACT])
    seen = cache.peek("one", PHONE)
    assert seen is not None
    assert not seen.stale


async def test_it_holds_so_many_and_no_more(cache: ContextCache) -> None:
    keys = [ContactKey("phone", f"+155500000{n:02}") for n in range(10)]
    for key in keys:
        await cache.get("t", key)
    assert sum(cache.peek("t", key) is not None for key in keys) == 3


async def test_a_read_that_fails_leaves_nothing_behind(store: Store, clock: Clock) -> None:
    async def fail(_tenant: str, _key: ContactKey) -> CallerContext:
        raise OSError("gone")

    cache = ContextCache(fail, window_s=5, keep_s=60, size=3, clock=clock)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await cache.get("t", PHONE)
    assert cache.peek("t", PHONE) is None
