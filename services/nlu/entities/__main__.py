"""`python -m services.nlu.entities`: the entities of sentences, one a line on stdin, as JSON on stdout.

Without a domain all built-in types are looked for. Exit codes: 0 it worked, 2 an argument was wrong; then stdout
holds {"error": {"message": SENTENCE}}.
"""

import argparse
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from services.nlu.entities.extract import extract
from services.nlu.entities.found import Context
from services.nlu.entities.grammar import BUILT_IN_TYPES, languages
from services.nlu.entities.text import SpokenText
from services.nlu.model import Entity

_FIRST_YEAR, _LAST_YEAR = 1900, 2200
"""Dates around them are all in the calendar."""
ORDER_NUMBERS = "[A-Z]{0,3}[0-9]{3,10}"
"""The form of order numbers where no domain says it."""
_REGIONS = {"en": "US", "es": "ES"}
_EURO = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"
_CURRENCIES = dict.fromkeys(_EURO.split(), "EUR") | {
    "US": "USD",
    "GB": "GBP",
    "CH": "CHF",
    "CA": "CAD",
    "AU": "AUD",
    "MX": "MXN",
    "AR": "ARS",
    "CO": "COP",
    "CL": "CLP",
    "PE": "PEN",
}


class ArgumentError(ValueError):
    """An argument can not be used; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Read sentences, print one JSON document: {"sentences": [{"text", "entities"}]}."""
    options = _parser().parse_args(arguments)
    try:
        context, types = _context(options)
    except ArgumentError as error:
        print(json.dumps({"error": {"message": str(error)}}, ensure_ascii=False))  # noqa: T201 - it is a command
        return 2
    found = [_document(line, _read(line, options.language, context, types)) for line in _lines()]
    print(json.dumps({"sentences": found}, ensure_ascii=False))  # noqa: T201
    return 0


def _lines() -> Iterator[str]:
    """Yield the lines of stdin without their ends; an empty line is a sentence without words."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.nlu.entities", description=__doc__)
    parser.add_argument("--reference", default="", help="ISO 8601 moment that dates are relative to, with its offset")
    parser.add_argument("--language", default="en", help="BCP 47 tag of the sentences")
    parser.add_argument("--domain", default="", help="a domain whose own words, currency and region count")
    parser.add_argument("--types", default="", help="entity types, separated by commas; else all")
    parser.add_argument("--expect", default="", help="entity types that are waited for, separated by commas")
    return parser


def _read(line: str, language: str, context: Context, types: Iterable[str]) -> tuple[Entity, ...]:
    return extract(SpokenText(line, language), context, types)


def _context(options: argparse.Namespace) -> tuple[Context, tuple[str, ...]]:
    primary = options.language.lower().split("-")[0]
    if primary not in languages():
        raise ArgumentError(
            f"no entities are read in the language {options.language!r}: use one of {', '.join(languages())}"
        )
    reference = _reference(options.reference)
    expected = _named(options.expect)
    if not options.domain:
        types = _checked(_named(options.types) or BUILT_IN_TYPES, BUILT_IN_TYPES)
        region = _region(options.language)
        currency = _CURRENCIES.get(region, "USD")
        names = _common_names(primary)
        context = Context(
            reference=reference,
            expected=expected,
            currency=currency,
            phone_region=region,
            order_number_pattern=ORDER_NUMBERS,
            first_names=names,
        )
        return context, types
    context, known = _domain_context(options.domain, primary, reference, expected)
    return context, _checked(_named(options.types) or known, known)


def _region(tag: str) -> str:
    """Return the ISO 3166 code of a BCP 47 tag: "GB" of "en-GB"; else the language's usual one."""
    primary, *others = tag.split("-")
    region = next((part.upper() for part in others if len(part) == 2 and part.isalpha()), "")
    return region or _REGIONS.get(primary.lower(), "US")


def _reference(text: str) -> datetime:
    try:
        reference = datetime.fromisoformat(text) if text else datetime.now().astimezone()
    except ValueError:
        raise ArgumentError(f"{text!r} is no moment: write one in ISO 8601 such as 2026-11-20T09:00:00-05:00") from None
    if reference.tzinfo is None:
        raise ArgumentError(f"{text!r} has no offset: add the caller's, such as {text}-05:00, or Z for UTC")
    if not _FIRST_YEAR <= reference.year <= _LAST_YEAR:
        raise ArgumentError(f"{text!r} is too far away: use a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    return reference


def _named(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _checked(types: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in types if name not in known]
    if unknown:
        raise ArgumentError(f"no entity type {unknown[0]!r} here: use some of {', '.join(known)}")
    return tuple(types)


def _common_names(language: str) -> frozenset[str]:
    """Return the first names that all domains share; none where there are none in this language."""
    path = Path(str(resources.files("voicemesh_domains"))) / "common" / language / "entities.yaml"
    content = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    return frozenset(content.get("person_name", {}).get("first_names", ()))


def _domain_context(
    name: str, language: str, reference: datetime, expected: tuple[str, ...]
) -> tuple[Context, tuple[str, ...]]:
    from mesh.config import ConfigError, load  # noqa: PLC0415 - a plain run starts faster without them
    from services.nlu.config import NluSettings  # noqa: PLC0415
    from services.nlu.domains import bundled_domains, load_domains  # noqa: PLC0415

    try:
        domains = load_domains(load(NluSettings).domains_dir or bundled_domains())
    except ConfigError as error:
        raise ArgumentError(str(error)) from error
    if name not in domains:
        raise ArgumentError(f"no domain {name!r} here: use one of {', '.join(sorted(domains))}")
    domain = domains[name]
    if language not in domain.languages:
        spoken = ", ".join(domain.languages)
        raise ArgumentError(f"the domain {name} has no data for the language {language!r}: use one of {spoken}")
    data = domain.languages[language]
    context = Context(
        reference=reference,
        expected=expected,
        currency=domain.file.currency,
        phone_region=domain.file.phone.region,
        area_code=domain.file.phone.area_code,
        order_number_pattern=data.order_number_pattern,
        first_names=data.first_names,
        gazetteers=data.gazetteers,
        vocabulary=data.vocabulary,
    )
    return context, tuple(dict.fromkeys((*domain.file.entity_types, *BUILT_IN_TYPES)))


def _document(text: str, entities: Iterable[Entity]) -> dict[str, Any]:
    return {
        "text": text,
        "entities": [
            {
                "type": each.type,
                "value": each.value,
                "raw": each.raw,
                "start_char": each.start_char,
                "end_char": each.end_char,
                "confidence": round(each.confidence, 4),
                "alternatives": list(each.alternatives),
            }
            for each in entities
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
