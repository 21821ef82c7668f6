"""Who hears of a change: the watchers of its tenant that watch one of its names."""

from services.consent.hub import Hub, Watcher

SARAH, MARC = frozenset({"phone:+15550123456", "customer:C-42"}), frozenset({"phone:+15550999999"})


async def test_only_the_checks_of_a_touched_name_are_reported() -> None:
    hub, watcher = Hub(), Watcher()
    hub.join("acme", watcher)
    watcher.watch("a", SARAH)
    watcher.watch("b", MARC)
    hub.tell("acme", frozenset({"customer:C-42"}))
    assert await watcher.touched() == {"a"}


async def test_tenants_do_not_hear_each_other() -> None:
    hub, watcher = Hub(), Watcher()
    hub.join("acme", watcher)
    watcher.watch("a", SARAH)
    watcher.watch("b", MARC)
    hub.tell("globex", SARAH)
    hub.tell("acme", MARC)
    assert await watcher.touched() == {"b"}


async def test_many_touches_are_one_report() -> None:
    watcher = Watcher()
    watcher.watch("a", SARAH)
    for _ in range(1000):
        watcher.touch(SARAH)
    assert await watcher.touched() == {"a"}
    watcher.watch("b", SARAH)
    watcher.touch(SARAH)
    assert await watcher.touched() == {"a", "b"}


def test_a_check_asked_again_watches_its_new_names_only() -> None:
    watcher = Watcher()
    watcher.watch("a", SARAH)
    watcher.watch("a", MARC)
    assert watcher.keys == MARC
    assert len(watcher) == 1


def test_who_left_hears_nothing_and_leaves_nothing_behind() -> None:
    hub, watcher = Hub(), Watcher()
    hub.join("acme", watcher)
    watcher.watch("a", SARAH)
    hub.leave("acme", watcher)
    hub.tell("acme", SARAH)
    assert len(hub) == 0
