"""The merge: a pure function of the set of statements, the same whatever order, grouping or repetition they come in.

What is retained of a set is each source's newest statement and the newest it made before of another meaning; of a
source that only fills in, its first; of "append" the newest few of all. These are joins:
``retain(a | b) == retain(retain(a) | retain(b))``. So it is a state-based CRDT in the sense of Shapiro, Preguica,
Baquero and Zawirski (2011), section 2.2; the value is computed from the state.

The statement before tells a change on both sides from a change on one: a source that said the same as another, and then
something else, has *seen* the other's word. That word is then history, whatever its priority, until it is said again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.crm_gateway.conflicts.model import Overruled, Statement, Value
from services.crm_gateway.conflicts.rules import FieldRule, Rules

_ASKING = frozenset({"manual", "doubtful", "unknown", "taken"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """A field's value, and who is not heard with it."""

    value: Value = ""
    """A list with "union" and "append"; empty: nobody says anything."""
    kept: Statement | None = None
    """Whose word it is; with several the one that counts most."""
    overruled: tuple[Overruled, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether a person has to decide; the value counts until then."""
        return any(other.because in _ASKING for other in self.overruled)


def retain(rules: Rules, statements: Iterable[Statement]) -> frozenset[Statement]:
    """Return what has to be kept of statements of one field."""
    every = sorted(set(statements), key=_age, reverse=True)
    if not every:
        return frozenset()
    rule = rules.of(every[0].field)
    if rule.strategy == "append":
        return frozenset(every[: rule.limit])
    kept: dict[str, list[Statement]] = {}
    for statement in every:
        of_source = kept.setdefault(statement.source, [])
        if statement.source in rule.fills_in:
            # The newest comes first, so that the oldest of the surest is left.
            if statement.values and (not of_source or _sure(rule, statement) >= _sure(rule, of_source[0])):
                of_source[:] = [statement]
        elif not of_source or (len(of_source) == 1 and not agree(of_source[0], statement)):
            of_source.append(statement)
    return frozenset(statement for of_source in kept.values() for statement in of_source)


def merge(rules: Rules, statements: Iterable[Statement]) -> Outcome:
    """Return the value of one field, of any statements of it."""
    retained = retain(rules, statements)
    if not retained:
        return Outcome()
    rule = rules.of(next(iter(retained)).field)
    if rule.strategy == "append":
        said = sorted(retained, key=_age)
        texts = _listed(said)[-rule.limit :]
        return Outcome(texts, said[-1]) if texts else Outcome()
    heard, unheard = _heard(rule, retained)
    heard.sort(key=lambda statement: (rules.priority(statement.field, statement.source), *_age(statement)))
    if not heard:
        return Outcome(overruled=_ordered(unheard))
    kept = _STRATEGIES[rule.strategy](rule, heard)
    value: Value
    if rule.strategy == "union":
        value = _listed(reversed(heard))[: rule.limit]
        others = unheard
    else:
        value = kept.value if isinstance(kept.value, str) else kept.values
        others = unheard + [Overruled(statement, rule.strategy) for statement in heard]
    counts = {plain(one) for one in ((value,) if isinstance(value, str) else value)}
    return Outcome(value, kept, _ordered(other for other in others if not _says(other.statement, counts, rule)))


def agree(first: Statement, second: Statement) -> bool:
    """Say whether two statements of a field mean the same: case, spaces and order do not matter."""
    return _meaning(first) == _meaning(second)


def new_conflicts(before: Outcome, after: Outcome) -> tuple[Overruled, ...]:
    """Return who is overruled now and was not so before: the same said again is no new disagreement."""
    if after.kept is None:
        return ()
    known = {(other.statement.source, _meaning(other.statement)) for other in before.overruled}
    return tuple(other for other in after.overruled if (other.statement.source, _meaning(other.statement)) not in known)


def same_question(first: Outcome, second: Outcome) -> bool:
    """Say whether a person who is asked about both is asked the same: who says what, and whose word counts."""

    def question(outcome: Outcome) -> object:
        kept = outcome.kept and (outcome.kept.source, _meaning(outcome.kept))
        return kept, {(other.statement.source, _meaning(other.statement), other.because) for other in outcome.overruled}

    return question(first) == question(second)


def _heard(rule: FieldRule, retained: Iterable[Statement]) -> tuple[list[Statement], list[Overruled]]:
    """Part those whose word may count from those whose does not; what was seen and changed is neither."""
    newest: dict[str, Statement] = {}
    earlier: dict[str, Statement] = {}
    for statement in sorted(retained, key=_age, reverse=True):
        (earlier if statement.source in newest else newest)[statement.source] = statement
    said = [statement for statement in newest.values() if statement.values]
    unheard = [Overruled(statement, "unknown") for statement in said if not _in_scale(rule, statement)]
    said = [statement for statement in said if _in_scale(rule, statement)]
    said = [statement for statement in said if not _seen(rule, statement, newest, earlier)]
    decisions = [statement for statement in said if statement.source in rule.settled_by]
    last = max(decisions, key=_age, default=None)
    groups: dict[str, list[Statement]] = {"": [], "filling": [], "doubtful": []}
    for statement in said:
        if last is not None and _age(statement) < _age(last):
            unheard.append(Overruled(statement, "settled"))
        else:
            groups[_group(rule, statement)].append(statement)
    heard: list[Statement] = []
    for because, group in groups.items():
        if heard:
            unheard += [Overruled(statement, because) for statement in group]
        else:
            heard = group
    return heard, unheard


def _seen(rule: FieldRule, statement: Statement, newest: dict[str, Statement], earlier: dict[str, Statement]) -> bool:
    """Whether another source said the same as this one, and later something else: one side changed, not both.

    Who only fills in, or is not certain enough, changes nothing so. Nor is it so where the most restrictive counts: to
    have known of a refusal does not end it.
    """
    return rule.strategy != "highest" and any(
        agree(old, statement) and _age(statement) < _age(newest[source]) and not _group(rule, newest[source])
        for source, old in earlier.items()
        if source != statement.source and newest[source].values
    )


def _sure(rule: FieldRule, statement: Statement) -> bool:
    return rule.is_sure(statement.source, statement.confidence)


def _group(rule: FieldRule, statement: Statement) -> str:
    if not _sure(rule, statement):
        return "doubtful"
    return "filling" if statement.source in rule.fills_in else ""


def _in_scale(rule: FieldRule, statement: Statement) -> bool:
    return not rule.scale or (len(statement.values) == 1 and statement.values[0] in rule.scale)


def _first(_: FieldRule, said: list[Statement]) -> Statement:
    return said[-1]


def _latest(_: FieldRule, said: list[Statement]) -> Statement:
    return max(enumerate(said), key=lambda one: (one[1].changed_at, one[0]))[1]


def _highest(rule: FieldRule, said: list[Statement]) -> Statement:
    return max(enumerate(said), key=lambda one: (rule.scale.index(one[1].values[0]), one[0]))[1]


# Each is given those who are heard, the one that counts least first, and returns whose word it is.
_STRATEGIES: dict[str, Callable[[FieldRule, list[Statement]], Statement]] = {
    "priority": _first,
    "manual": _first,
    "union": _first,
    "latest": _latest,
    "highest": _highest,
}


def _listed(said: Iterable[Statement]) -> tuple[str, ...]:
    """Return all values once each, in the order they are said in."""
    listed: dict[str, str] = {}
    for statement in said:
        for value in statement.values:
            listed.setdefault(plain(value), value)
    return tuple(listed.values())


def _says(statement: Statement, counts: set[str], rule: FieldRule) -> bool:
    """Whether the value that counts is what a statement says: of a union all of it must be in."""
    return _meaning(statement) <= counts if rule.strategy == "union" else _meaning(statement) == counts


def _ordered(overruled: Iterable[Overruled]) -> tuple[Overruled, ...]:
    return tuple(sorted(overruled, key=lambda other: _age(other.statement), reverse=True))


def _age(statement: Statement) -> tuple[object, ...]:
    """Order statements of a field: the newer is greater, and no two different ones are equal."""
    return *statement.place, statement.source


def _meaning(statement: Statement) -> frozenset[str]:
    return frozenset(plain(value) for value in statement.values)


def plain(value: str) -> str:
    """Return a value as it is compared: case and the number of spaces do not matter."""
    return " ".join(value.split()).casefold()
