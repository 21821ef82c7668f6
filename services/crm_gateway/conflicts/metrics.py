"""What conflicts and corrections count."""

from prometheus_client import Counter, Gauge

CONFLICTS = Counter(
    "voicemesh_crm_conflicts",
    "Disagreements over contacts: settled by a rule, waiting for a person, resolved by one.",
    ["field", "result"],
)
WAITING = Gauge("voicemesh_crm_conflicts_waiting", "Conflicts that wait for a person.")
OLDEST_SECONDS = Gauge(
    "voicemesh_crm_oldest_conflict_seconds", "How long the oldest conflict has waited for a person; 0: none waits."
)
CORRECTIONS = Counter(
    "voicemesh_crm_corrections", "What persons put right, by what it was and who was told.", ["kind", "vendor"]
)
