"""Whose word counts where sources disagree: the same whatever order the statements come in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.config import ConfigError
from services.crm_gateway.conflicts.merging import Outcome, merge, new_conflicts, retain
from services.crm_gateway.conflicts.model import Statement, Value
from services.crm_gateway.conflicts.rules import Rules, load_rules

START = datetime(2026, 11, 1, tzinfo=UTC)
RULES = load_rules(None)
SOURCES = ("call", "console", "review", "hubspot", "salesforce", "known")
STRATEGIES: list[dict[str, object]] = [
    {"strategy": "priority", "review_below": 0.5, "fills_in": ["call"]},
    {"strategy": "priority", "review_below": {"hubspot": 0.95, "*": 0.1}, "asked_about": ["salesforce"]},
    {"strategy": "manual"},
    {"strategy": "latest", "fills_in": ["call", "known"]},
    {"strategy": "highest", "scale": ["a", "b", "c"], "settled_by": ["review"]},
    {"strategy": "union", "settled_by": ["review", "console"], "fills_in": ["call"], "limit": 3},
    {"strategy": "append", "limit": 3},
]


def rules_of(field: dict[str, object]) -> Rules:
    whole = {
        "version": 1,
        "name": "test",
        "sources": RULES.sources,
        "default": {"strategy": "latest"},
        "fields": {"f": field},
    }
    return Rules.model_validate(whole)


def said(field: str, source: str, value: Value, at: int, confidence: float | None = None) -> Statement:
    return Statement(field, source, value, START + timedelta(hours=at), f"{source}-{at}", confidence)


values: st.SearchStrategy[Value] = st.one_of(
    st.sampled_from(["", "a", "B", "b", "c", "d", " a "]),
    st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=3).map(tuple),
)
statements = st.builds(
    Statement,
    field=st.just("f"),
    source=st.sampled_from(SOURCES),
    value=values,
    # Few moments and ids: ties are common.
    changed_at=st.integers(0, 4).map(lambda hours: START + timedelta(hours=hours)),
    statement_id=st.sampled_from(["1", "2", "3"]),
    confidence=st.sampled_from([None, 0.2, 0.9]),
)
rule_sets = st.sampled_from(STRATEGIES).map(rules_of)


@given(rule_sets, st.lists(statements, max_size=12), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(rules: Rules, every: list[Statement], random: object) -> None:
    again = [*every, *every[::2]]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert merge(rules, again) == merge(rules, every)


@given(rule_sets, st.lists(st.lists(statements, max_size=5), max_size=5))
def test_statements_may_be_taken_in_any_grouping(rules: Rules, groups: list[list[Statement]]) -> None:
    kept: frozenset[Statement] = frozenset()
    for group in groups:
        kept = retain(rules, kept | retain(rules, group))
    every = [statement for group in groups for statement in group]
    assert kept == retain(rules, every)
    assert merge(rules, kept) == merge(rules, every)


@given(rule_sets, st.lists(statements, min_size=1, max_size=8))
def test_what_counts_was_said_and_nobody_who_agrees_is_overruled(rules: Rules, every: list[Statement]) -> None:
    outcome = merge(rules, every)
    counts = (outcome.value,) if isinstance(outcome.value, str) else outcome.value
    assert {one for one in counts if one} <= {value for statement in every for value in statement.values}
    assert (outcome.kept is None) == (not any(counts))
    assert outcome.kept not in [other.statement for other in outcome.overruled]


def test_the_source_that_counts_more_wins_whenever_it_spoke() -> None:
    console, vendor = said("display_name", "console", "Sarah", 1), said("display_name", "hubspot", "Sara", 2)
    outcome = merge(RULES, [vendor, console])
    assert (outcome.value, outcome.kept, outcome.waits) == ("Sarah", console, False)
    assert [(other.statement, other.because) for other in outcome.overruled] == [(vendor, "priority")]


def test_a_change_on_one_side_is_no_conflict() -> None:
    same = [said("display_name", "console", "Sarah Miller", 1), said("display_name", "hubspot", "sarah  miller", 2)]
    assert merge(RULES, same).overruled == ()
    outcome = merge(RULES, [*same, said("display_name", "hubspot", "Sarah Jones", 3)])
    assert (outcome.value, outcome.overruled) == ("Sarah Jones", ())
    both = [*same, said("display_name", "hubspot", "Sarah Jones", 3), said("display_name", "console", "S. Miller", 4)]
    assert merge(RULES, both).value == "S. Miller"
    assert [other.statement.value for other in merge(RULES, both).overruled] == ["Sarah Jones"]


def test_a_name_over_a_week() -> None:
    """The example of docs/conflicts.md."""
    name = "display_name"
    week = [
        ([said(name, "call", "Sara Miller", 9)], "Sara Miller", []),
        ([said(name, "hubspot", "Sarah Miller", 33)], "Sarah Miller", ["filling"]),
        ([said(name, "console", "Sarah Miller", 57)], "Sarah Miller", []),
        ([said(name, "hubspot", "Sarah Jones", 84)], "Sarah Jones", []),
        (
            [said(name, "console", "Sarah Jones", 105), said(name, "console", "Sarah M. Jones", 106)],
            "Sarah M. Jones",
            [],
        ),
        ([said(name, "hubspot", "Sarah J. Jones", 91)], "Sarah M. Jones", ["priority"]),
        ([said(name, "pipedrive", "Sandra Jones", 150, 0.3)], "Sarah M. Jones", ["doubtful"]),
    ]
    kept: frozenset[Statement] = frozenset()
    for new, value, why in week:
        before, kept = merge(RULES, kept), retain(RULES, kept | set(new))
        after = merge(RULES, kept)
        assert after.value == value
        assert [other.because for other in new_conflicts(before, after)] == why
    assert merge(RULES, kept).waits


def test_what_a_call_says_only_fills_in() -> None:
    call = said("display_name", "call", "Sara", 9)
    assert merge(RULES, [call]).value == "Sara"
    outcome = merge(RULES, [call, said("display_name", "hubspot", "Sarah", 1)])
    assert (outcome.value, outcome.waits) == ("Sarah", False)
    assert [other.because for other in outcome.overruled] == ["filling"]
    assert merge(RULES, [call, said("display_name", "call", "Someone", 10)]).value == "Sara", "the first fills in"
    assert merge(RULES, [call, said("display_name", "call", "Some", 1, 0.2)]).value == "Sara", "unless it was unsure"


def test_a_doubtful_statement_that_differs_waits_for_a_person() -> None:
    outcome = merge(RULES, [said("display_name", "hubspot", "Sarah", 1), said("display_name", "crm", "Sara", 2, 0.3)])
    assert (outcome.value, outcome.waits) == ("Sarah", True)


def test_how_sure_is_sure_enough_may_differ_by_source() -> None:
    rules = rules_of({"strategy": "latest", "review_below": {"hubspot": 0.9, "*": 0.4}, "asked_about": ["salesforce"]})
    known = said("f", "console", "a", 1)
    for source, confidence, counts in (
        ("hubspot", 0.8, False),
        ("hubspot", 0.95, True),
        ("pipedrive", 0.8, True),
        ("pipedrive", 0.3, False),
        ("salesforce", 1.0, False),
        ("salesforce", None, False),
    ):
        outcome = merge(rules, [known, said("f", source, "b", 2, confidence)])
        assert (outcome.value, outcome.waits) == (("b", False) if counts else ("a", True))


def test_union_joins_and_a_persons_list_ends_what_was_said_before() -> None:
    first, second = said("phones", "hubspot", ("+1", "+2"), 1), said("phones", "salesforce", ("+2", "+3"), 2)
    assert merge(RULES, [first, second]).value == ("+2", "+3", "+1")
    person = said("phones", "console", ("+9",), 3)
    assert merge(RULES, [first, second, person]).value == ("+9",)
    assert merge(RULES, [first, second, person, said("phones", "hubspot", ("+4",), 4)]).value == ("+9", "+4")


def test_append_keeps_every_note_and_drops_the_oldest() -> None:
    notes = [said("notes", "hubspot", f"note {n}", n) for n in range(60)]
    value = merge(RULES, notes).value
    assert value == tuple(f"note {n}" for n in range(10, 60))


def test_the_most_restrictive_counts_until_a_person_says_otherwise() -> None:
    stop, go = said("suppressed", "call", "yes", 1), said("suppressed", "hubspot", "no", 2)
    assert merge(RULES, [stop, go]).value == "yes"
    knew = [stop, said("suppressed", "hubspot", "yes", 2), said("suppressed", "hubspot", "no", 3)]
    assert merge(RULES, knew).value == "yes", "to have known of it does not end it"
    assert merge(RULES, [stop, go, said("suppressed", "review", "no", 3)]).value == "no"
    later = [said("suppressed", "review", "no", 3), said("suppressed", "call", "yes", 4)]
    assert merge(RULES, [stop, go, *later]).value == "yes"


def test_a_value_the_scale_lacks_counts_never_and_waits() -> None:
    outcome = merge(RULES, [said("consent", "hubspot", "maybe", 2), said("consent", "salesforce", "granted", 1)])
    assert (outcome.value, outcome.waits) == ("granted", True)
    assert merge(RULES, [said("consent", "hubspot", "maybe", 2)]).kept is None


def test_where_a_person_decides_every_difference_waits_until_one_has() -> None:
    ours, theirs = said("customer_id", "hubspot", "c-1", 1), said("customer_id", "salesforce", "c-2", 2)
    outcome = merge(RULES, [ours, theirs])
    assert (outcome.value, outcome.waits) == ("c-2", True)
    assert merge(RULES, [ours, theirs, said("customer_id", "review", "c-1", 3)]).value == "c-1"


def test_the_same_said_again_is_no_new_conflict() -> None:
    vendor, call = said("display_name", "hubspot", "Sarah", 1), said("display_name", "call", "Sara", 2)
    before, after = merge(RULES, [vendor]), merge(RULES, [vendor, call])
    assert [other.statement for other in new_conflicts(before, after)] == [call]
    again = merge(RULES, [vendor, call, said("display_name", "call", "Sara", 3)])
    assert new_conflicts(after, again) == ()
    assert new_conflicts(Outcome(), Outcome()) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version = 1\nname = 'x'\n[sources]\nreview = 1\n[default]\nstrategy = 'latest'\n", '`sources` lacks "*"'),
        ("version = 2\n", "version"),
        ("version = 1\nname = 'x'\n[sources]\n'*' = 1\n[default]\nstrategy = 'newest'\n", "default.strategy"),
        (
            "version = 1\nname = 'x'\n[sources]\n'*' = 1\n[default]\nstrategy = 'latest'\nfill = 1\n",
            "default.fill is no",
        ),
        ("version = 1\nname = 'x'\n[sources]\n'*' = 1\n[default]\nstrategy = 'highest'\n", "give `scale`"),
        ("version = 1\nname = 'x'\n[sources]\n'*' = 1\n", "default is missing; add it"),
        (
            "version = 1\nname = 'x'\n[sources]\n'*' = 1\n[default]\nstrategy = 'latest'\nreview_below = 3\n",
            "default.review_below",
        ),
        ("version = ", "is no TOML"),
    ],
)
def test_a_broken_file_is_refused_with_its_key_and_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_rules(path)
    assert told in str(refused.value)
    assert str(path) in str(refused.value)
    assert "VOICEMESH_CRM_CONFLICT_RULES" in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rules(tmp_path / "none.toml")
