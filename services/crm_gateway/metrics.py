"""What the gateway counts."""

from prometheus_client import Counter, Gauge, Histogram

CACHE_ANSWERS = Counter(
    "voicemesh_crm_cache_answers", "Caller contexts asked of the cache: fresh, stale or missing.", ["result"]
)
SESSIONS = Gauge("voicemesh_crm_sessions", "Calls that are accompanied now.")
PUSHES = Counter("voicemesh_crm_pushes", "Caller contexts sent to calls.")
STORE_ERRORS = Counter("voicemesh_crm_store_errors", "Reads of the store that failed or took too long.")
RECORDS = Counter("voicemesh_crm_records", "Records written to a business system.", ["vendor", "kind", "result"])
ATTEMPT_SECONDS = Histogram(
    "voicemesh_crm_attempt_seconds",
    "Time to write a record to another business system.",
    ["vendor", "result"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0),
)
CIRCUIT = Gauge(
    "voicemesh_crm_circuit",
    "Whether a business system is written to: 0 yes, 1 it is being tried, 2 it is left alone.",
    ["vendor", "tenant_id"],
)
BUS_CONNECTED = Gauge("voicemesh_crm_bus_connected", "Whether the process hears the bus.")
