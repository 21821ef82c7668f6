"""What the consent service counts."""

from prometheus_client import Counter, Gauge, Histogram

DECISIONS = Counter("voicemesh_consent_decisions", "Checks decided.", ["outcome", "reason"])
DECIDE_SECONDS = Histogram(
    "voicemesh_consent_decide_seconds",
    "Time from a check to its decision, the database included.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0),
)
MONITORS = Gauge("voicemesh_consent_monitors", "Monitor streams open.")
REVOCATIONS = Counter("voicemesh_consent_revocations_pushed", "Earlier yeses taken back on monitor streams.")
WRITES = Counter("voicemesh_consent_writes", "Entries written.", ["kind"])
OPT_OUTS = Counter("voicemesh_consent_opt_outs", "OptOutRequested events, by what became of them.", ["result"])
BUS_CONNECTED = Gauge("voicemesh_consent_bus_connected", "1 while revocations of other processes are heard.")
