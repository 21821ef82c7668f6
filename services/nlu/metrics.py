"""What the understanding service counts."""

from prometheus_client import Counter, Histogram

PARSE_SECONDS = Histogram(
    "voicemesh_nlu_parse_seconds",
    "Time computed for a text, by domain.",
    ["domain"],
    buckets=(0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
)
PARSES = Counter(
    "voicemesh_nlu_parses", "Texts parsed, by domain and outcome: in_scope, out_of_scope.", ["domain", "outcome"]
)
VOIDED = Counter("voicemesh_nlu_voided", "Hypotheses left unanswered because a newer one of their turn came.")
