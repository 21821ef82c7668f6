from pathlib import Path

import pytest

from mesh.config import ConfigError
from services.nlu.domains import bundled_domains, load_domain, load_domains
from services.nlu.encoder.source import WEIGHTS_SHA256
from services.nlu.head import HEAD_FILE, data_sha256, load_head

COMMON = {
    "greet", "affirm", "deny", "unsure", "correct", "help", "repeat", "human", "goodbye", "thank", "opt_out", "inform",
}  # fmt: skip
OWN = {
    "clinic": {
        "book_appointment", "reschedule_appointment", "cancel_appointment", "opening_hours", "ask_price", "location",
        "emergency",
    },
    "shop": {"order_status", "file_complaint", "return_item", "delivery_time", "opening_hours"},
}  # fmt: skip

DOMAIN = """
name: bakery
description: A bakery.
languages: [en]
entity_types: [date, bread]
"""
INTENTS = """
intents:
  order: {keywords: [order], examples: [I want bread]}
"""
ENTITIES = """
gazetteers:
  bread: {rye: [rye bread], white: [toast]}
"""


def write(folder: Path, domain: str = DOMAIN, intents: str = INTENTS, entities: str = ENTITIES) -> Path:
    bakery = folder / "bakery"
    (bakery / "en").mkdir(parents=True)
    (bakery / "domain.yaml").write_text(domain)
    (bakery / "en" / "intents.yaml").write_text(intents)
    (bakery / "en" / "entities.yaml").write_text(entities)
    return bakery


@pytest.mark.parametrize("name", ["clinic", "shop"])
def test_the_projects_domains_have_the_agreed_intents(name: str) -> None:
    data = load_domain(bundled_domains() / name).languages["en"]
    assert set(data.intents) == COMMON | OWN[name]
    for intent, content in data.intents.items():
        assert len(set(content.examples)) >= 25, intent
        assert content.keywords or content.patterns, intent
    assert set(data.out_of_scope).isdisjoint(text for text, _ in data.labelled)
    texts = [text for text, _ in data.labelled]
    assert len(texts) == len(set(texts)), "an example of two intents teaches nothing"


def test_the_projects_gazetteers_have_the_agreed_values() -> None:
    domains = load_domains(bundled_domains())
    services = domains["clinic"].languages["en"].gazetteers["service"]
    issues = domains["shop"].languages["en"].gazetteers["issue_category"]
    assert set(services) == {"cleaning", "check_up", "filling", "whitening", "root_canal", "extraction"}
    assert set(issues) == {"damaged_item", "late_delivery", "wrong_item", "missing_item", "billing", "other"}


@pytest.mark.parametrize("name", ["clinic", "shop"])
def test_heads_are_trained_on_todays_examples(name: str) -> None:
    domain = load_domain(bundled_domains() / name)
    for language, data in domain.languages.items():
        head = load_head(domain.folder / language / HEAD_FILE)
        assert head.metadata["data_sha256"] == data_sha256(data), f"run `voicemesh nlu train {name}`"
        assert head.metadata["encoder_sha256"] == WEIGHTS_SHA256
        assert set(head.labels) == set(data.intents)


def test_a_domain_of_ones_own_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    (domain,) = load_domains(tmp_path).values()
    assert domain.info.intents == ("order",)
    assert domain.info.entity_types == ("date", "bread")
    assert domain.info.time_zone == "UTC"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domain": DOMAIN + "colour: red\n"}, ["domain.yaml:6: colour: no such key is known; remove it"]),
        ({"domain": DOMAIN.replace("languages: [en]\n", "")}, ["domain.yaml:1: languages: is missing; add it"]),
        ({"domain": DOMAIN + "time_zone: Mars/Base\n"}, ["domain.yaml:6: time_zone:", "America/New_York"]),
        ({"domain": DOMAIN.replace("bakery", "Bakery!", 1)}, ["domain.yaml:2: name:", "lower-case letters"]),
        ({"domain": DOMAIN.replace("bakery", "brewery", 1)}, ["domain.yaml:2: name:", "the folder is 'bakery'"]),
        (
            {"domain": DOMAIN.replace("bread]", "cake]")},
            ["domain.yaml:5: entity_types.1: 'cake'", "entities.yaml or remove it"],
        ),
        ({"domain": "name: [unclosed"}, ["domain.yaml:1: is no YAML", "correct it"]),
        ({"intents": "intents: {}"}, ["intents.yaml:1: intents:", "at least 1"]),
        (
            {"intents": INTENTS.replace("[order]", "[no, order]")},
            ["intents.yaml:3: intents.order.keywords.0: must be a text; put it in quotes"],
        ),
        (
            {"intents": "intents: {order: {patterns: ['(x'], examples: [x]}}"},
            ["intents.yaml:1: intents.order.patterns.0:", "no regular expression"],
        ),
        ({"domain": DOMAIN + "phone: {region: us}\n"}, ["domain.yaml:6: phone.region:", "pattern"]),
        ({"domain": DOMAIN + "name: bakery\n"}, ["domain.yaml:6: name: is given twice, first in line 2"]),
        ({"domain": DOMAIN.replace("[en]", "[]")}, ["domain.yaml:4: languages:", "at least 1"]),
        ({"domain": DOMAIN.replace("[en]", "en")}, ["domain.yaml:4: languages: must be a list"]),
        ({"domain": ""}, ["domain.yaml:1: the file: must hold keys with values"]),
        ({"domain": "- name: bakery\n"}, ["domain.yaml:1: the file: must hold keys with values"]),
        (
            {"intents": INTENTS.replace("order:", "Order it:")},
            ["intents.yaml:3: intents.Order it", "lower-case letters"],
        ),
        (
            {"intents": INTENTS.replace("[I want bread]", "[]")},
            ["intents.yaml:3: intents.order.examples:", "at least 1"],
        ),
        ({"intents": INTENTS + "out_of_scope: [1]\n"}, ["intents.yaml:4: out_of_scope.0: must be a text"]),
        ({"intents": INTENTS.replace("examples", "samples")}, ["intents.yaml:3: intents.order.examples: is missing"]),
        ({"intents": "intents:\n\torder: x\n"}, ["intents.yaml:2: is no YAML", "correct it"]),
        ({"intents": "intents: {order: {keywords: [!!python/name:os.system ], examples: [x]}}"}, ["intents.yaml:1:"]),
        ({"entities": "gazetteers: {bread: {rye: rye}}"}, ["entities.yaml:1: gazetteers.bread.rye:", "list"]),
    ],
)
def test_wrong_files_are_named_with_key_and_remedy(tmp_path: Path, changes: dict[str, str], said: list[str]) -> None:
    folder = write(tmp_path, **changes)
    with pytest.raises(ConfigError) as refusal:
        load_domain(folder)
    for part in said:
        assert part in str(refusal.value)


def test_mistakes_of_several_files_are_named_together(tmp_path: Path) -> None:
    domain = DOMAIN.replace("name: bakery", "name: baker").replace("[en]", "[en, es]").replace("bread]", "rye]")
    folder = write(tmp_path, domain, "intents: [order]\n", "gazetteers: 5\n")
    with pytest.raises(ConfigError) as refusal:
        load_domain(folder)
    lines = [line.removeprefix(f"{folder}/") for line in str(refusal.value).splitlines()]
    assert [line.partition(": ")[0] for line in lines] == [
        "domain.yaml:2",
        "en/intents.yaml:1",
        "en/entities.yaml:1",
        "es/intents.yaml",
        "domain.yaml:5",
    ]
    assert "'rye' is neither built in" in lines[-1]


def test_a_missing_intents_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "en" / "intents.yaml").unlink()
    with pytest.raises(ConfigError, match=r"intents\.yaml: cannot be read .*; create it"):
        load_domain(folder)


def test_a_folder_without_domains_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="VOICEMESH_DOMAINS_DIR"):
        load_domains(tmp_path)


@pytest.mark.parametrize("content", [None, b"not a head"])
def test_a_head_that_cannot_be_read_says_how_to_train_it(tmp_path: Path, content: bytes | None) -> None:
    folder = write(tmp_path)
    if content is not None:
        (folder / "en" / HEAD_FILE).write_bytes(content)
    with pytest.raises(ConfigError, match="voicemesh nlu train bakery"):
        load_head(folder / "en" / HEAD_FILE)
