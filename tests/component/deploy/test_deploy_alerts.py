"""The alerts speak of metrics that there are, with labels that they have, and lead to pages that exist."""

import re
from pathlib import Path

import prometheus_client
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

import mesh.bus
import mesh.content.keys
import mesh.outbox  # noqa: F401
import services.crm_gateway.conflicts.metrics
import services.crm_gateway.metrics
import services.crm_gateway.privacy.handlers
import services.crm_gateway.review.metrics
import services.dialogue.content.filing
import services.dialogue.content.recordings  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]
RULES = [
    rule
    for file in sorted((ROOT / "deploy" / "alerts").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
METRIC = re.compile(r"\bvoicemesh_[a-z_]+\b")
LABELS_OF_THE_SCRAPE = {"instance", "job"}


def labels_of(name: str) -> set[str] | None:
    """The labels of a metric that this process declares, by a name as it is scraped; None: there is none."""
    collector = prometheus_client.REGISTRY._names_to_collectors.get(name)
    if not isinstance(collector, MetricWrapperBase):
        return None
    return set(collector._labelnames)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_can_be_raised_and_says_what_to_do(rule):
    names = METRIC.findall(rule["expr"])
    assert names
    for name in names:
        labels = labels_of(name)
        assert labels is not None, f"there is no metric {name}"
        used = set(re.findall(r"(\w+)=~?\"", rule["expr"]))
        for group in re.findall(r"by \(([^)]*)\)", rule["expr"]):
            used |= {label.strip() for label in group.split(",")}
        assert used <= labels | LABELS_OF_THE_SCRAPE
    assert rule["labels"]["severity"] in {"warning", "critical"}
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in group.split(",")}
    assert shown <= grouped, "a summary shows what the expression keeps"
    assert (ROOT / rule["annotations"]["page"]).is_file()


def test_there_are_alerts():
    assert len({rule["alert"] for rule in RULES}) == len(RULES) > 5
