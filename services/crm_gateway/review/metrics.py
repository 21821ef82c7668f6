"""What the review queue counts."""

from collections.abc import Sequence
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge

from services.crm_gateway.review.model import Waiting

WAITING = Gauge("voicemesh_crm_drafts_waiting", "Drafts that wait for a person.", ["vendor", "kind"])
OLDEST_SECONDS = Gauge(
    "voicemesh_crm_oldest_draft_seconds", "How long the oldest draft has waited for a person.", ["vendor", "kind"]
)
DECISIONS = Counter(
    "voicemesh_crm_decisions", "What people decided on drafts: confirmed, overridden, rejected, corrected.",
    ["vendor", "kind", "result"],
)  # fmt: skip


def show(waiting: Sequence[Waiting]) -> None:
    """Show what waits; of what waits no more, nothing."""
    now = datetime.now(UTC)
    WAITING.clear()
    OLDEST_SECONDS.clear()
    for each in waiting:
        WAITING.labels(each.vendor, each.kind).set(each.count)
        OLDEST_SECONDS.labels(each.vendor, each.kind).set(max(0.0, (now - each.since).total_seconds()))
