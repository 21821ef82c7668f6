"""Since when a business system says a value follows from what was seen of it, whatever order it was seen in."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.crm_gateway.adapters.sightings import LIMIT, kept, said
from services.crm_gateway.conflicts.model import Statement

START = datetime(2026, 11, 1, tzinfo=UTC)


def seen(value: str, at: int) -> Statement:
    return Statement("display_name", "hubspot", value, START + timedelta(hours=at), f"change-{at}")


# A business system says one thing at one moment.
sightings = st.dictionaries(st.integers(0, 12), st.sampled_from(["Sara", "sara ", "Sarah", ""])).map(
    lambda by_hour: [seen(value, at) for at, value in by_hour.items()]
)


@given(sightings, st.data())
def test_what_is_kept_says_all_whatever_came_first(every: list[Statement], data: st.DataObject) -> None:
    order = data.draw(st.permutations(every))
    state: list[Statement] = []
    for one in [*order, *order[:3]]:
        state = kept([*state, one])
    assert state == kept(every)
    assert said(state) == said(every)


def test_a_value_counts_from_when_it_was_first_said_without_a_break_and_as_it_is_spelled_last() -> None:
    (now,) = said([seen("SARAH", 3), seen("Sarah", 1), seen("Sarah", 2)])
    assert (now.value, now.changed_at) == ("SARAH", START + timedelta(hours=1))
    before, now = said([seen("Sarah", 3), seen("Sarah", 1), seen("Sara", 2)])
    assert (before.value, now.value, now.changed_at) == ("Sara", "Sarah", START + timedelta(hours=3))


def test_who_never_said_anything_says_nothing() -> None:
    assert said([seen("", 1), seen(" ", 2)]) == []
    assert [one.value for one in said([seen("", 3), seen("Sarah", 2)])] == ["Sarah", ""]


def test_of_a_long_row_the_first_and_the_newest_are_kept() -> None:
    every = [seen("Sarah", at) for at in range(2 * LIMIT)]
    stay = kept([seen("Sara", -1), *every])
    assert len(stay) == LIMIT + 1
    assert said(stay) == said([seen("Sara", -1), *every])
