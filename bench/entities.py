"""How many of the spoken entities in the tables of cases are read right, by language and type, and how fast.

The tables are tests/unit/nlu/entity_cases*.yaml. Run `python bench/entities.py` for a table, `--json` for one JSON
document. A case counts as passed when all it holds is found with its words, its value and its other readings, and
nothing else; for a type it counts when the table has an entity of that type in it.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from services.nlu.domains import DomainData, bundled_domains, load_domains
from services.nlu.entities.__main__ import ORDER_NUMBERS
from services.nlu.entities.extract import extract
from services.nlu.entities.found import Context
from services.nlu.entities.grammar import BUILT_IN_TYPES
from services.nlu.entities.text import SpokenText
from services.nlu.model import Entity

TABLES = Path(__file__).parent.parent / "tests" / "unit" / "nlu"
REFERENCE = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("America/New_York"))
"""Friday: the moment of all cases that name no other."""
_CURRENCIES = {"GB": "GBP", "ES": "EUR"}
_SENTENCE = "i would like to come next tuesday at half three if possible"
"""Twelve words."""
_ROUNDS = 300


@dataclass(frozen=True)
class Case:
    """One line of a table.

    Attributes:
        language: BCP 47 tag.
        found: of each entity its type, words, value and other readings.
        domain: whose types count; empty: all built-in ones.
        fails: why it is known not to be read right; empty where it is.
    """

    text: str
    language: str
    found: tuple[tuple[str, ...], ...]
    domain: str = ""
    expected: tuple[str, ...] = ()
    reference: datetime = REFERENCE
    fails: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    case: Case
    entities: tuple[Entity, ...]

    @property
    def found(self) -> tuple[tuple[str, ...], ...]:
        """The entities as a table has them."""
        return tuple((e.type, e.raw, e.value, *e.alternatives) for e in self.entities)

    @property
    def passed(self) -> bool:
        """Whether all is as the table has it."""
        return self.found == self.case.found


def cases(table: Path) -> list[Case]:
    """Read one table; its language is in its name: entity_cases_es.yaml, English where it has none."""
    _, _, language = table.stem.removeprefix("entity_cases").rpartition("_")
    return [_case(line, language or "en") for line in yaml.safe_load(table.read_text("utf-8"))]


def _case(line: Mapping[str, Any], language: str) -> Case:
    reference = REFERENCE
    if "reference" in line:
        reference = datetime.fromisoformat(line["reference"]).replace(tzinfo=REFERENCE.tzinfo)
    return Case(
        text=line["text"],
        language=line.get("language", language),
        found=tuple(tuple(str(part) for part in entity) for entity in line["found"]),
        domain=line.get("domain", ""),
        expected=(line["expected"],) if "expected" in line else (),
        reference=reference,
        fails=line.get("fails", ""),
    )


@cache
def _domains() -> dict[str, DomainData]:
    return load_domains(bundled_domains())


def outcome(case: Case) -> Outcome:
    """Read one case as the service does."""
    language, _, region = case.language.partition("-")
    if not case.domain:
        context = Context(
            reference=case.reference,
            expected=case.expected,
            currency=_CURRENCIES.get(region, "USD"),
            phone_region=region or "US",
            order_number_pattern=ORDER_NUMBERS,
            first_names=_domains()["clinic"].languages[language].first_names,
        )
        return Outcome(case, extract(SpokenText(case.text, case.language), context, BUILT_IN_TYPES))
    domain = _domains()[case.domain]
    data = domain.languages[language]
    context = Context(
        reference=case.reference,
        expected=case.expected,
        area_code="212",
        order_number_pattern=data.order_number_pattern,
        first_names=data.first_names,
        gazetteers=data.gazetteers,
        vocabulary=data.vocabulary,
    )
    return Outcome(case, extract(SpokenText(case.text, case.language), context, domain.file.entity_types))


def summary() -> dict[str, Any]:
    """Return the pass rates of all tables: in all, by language, and by type within each language."""
    outcomes = [outcome(case) for table in sorted(TABLES.glob("entity_cases*.yaml")) for case in cases(table)]
    by_language: dict[str, list[Outcome]] = defaultdict(list)
    for each in outcomes:
        by_language[each.case.language.partition("-")[0]].append(each)
    return {
        **_rate(outcomes),
        "languages": {
            language: {**_rate(group), "types": _by_type(group)} for language, group in sorted(by_language.items())
        },
        "unexpected": [
            {"text": each.case.text, "found": each.found, "wanted": each.case.found}
            for each in outcomes
            if each.passed == bool(each.case.fails)
        ],
        "speed": speed(),
    }


def _rate(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    judged = list(outcomes)
    passed = sum(each.passed for each in judged)
    known = sum(bool(each.case.fails) for each in judged)
    return {
        "cases": len(judged),
        "passed": passed,
        "known_failures": known,
        "pass_rate": round(passed / len(judged), 4),
    }


def _by_type(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for each in outcomes:
        for kind in {entity[0] for entity in each.case.found} or {"nothing"}:
            groups[kind].append(each)
    return {kind: _rate(group) for kind, group in sorted(groups.items())}


def speed() -> dict[str, float]:
    """Return how long a sentence of twelve words takes with every type looked for, in milliseconds."""
    case = Case(_SENTENCE, "en", ())
    taken = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        outcome(case)
        taken.append((time.perf_counter() - begin) * 1e3)
    quantiles = statistics.quantiles(taken, n=100)
    return {"words": len(_SENTENCE.split()), "p50_ms": round(quantiles[49], 3), "p99_ms": round(quantiles[98], 3)}


def main() -> None:
    """Print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    found = summary()
    if parser.parse_args().json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for language, group in found["languages"].items():
        print(f"{language}: {group['passed']} of {group['cases']} cases, {group['pass_rate']:.1%}")
        for kind, rate in group["types"].items():
            print(f"  {kind:<16}{rate['passed']:>4} of {rate['cases']:>4}  {rate['pass_rate']:>6.1%}")
    print(f"in all: {found['passed']} of {found['cases']} cases, {found['pass_rate']:.1%}")
    print("a sentence of {words} words: p50 {p50_ms} ms, p99 {p99_ms} ms".format(**found["speed"]))
    for each in found["unexpected"]:
        print(f"unexpected: {each['text']!r}\n  found  {each['found']}\n  wanted {each['wanted']}")


if __name__ == "__main__":
    main()
