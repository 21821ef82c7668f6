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
OLDEST_WAITING = Gauge(
    "voicemesh_crm_oldest_waiting_seconds",
    "How long the oldest record has waited to be written to a business system, of any tenant.",
    ["vendor"],
)
BUS_CONNECTED = Gauge("voicemesh_crm_bus_connected", "Whether the process hears the bus.")
CHANGES = Counter(
    "voicemesh_crm_changes",
    "Changes that business systems told of: applied, ignored or refused.",
    ["vendor", "kind", "result"],
)
CHANGE_LAG = Histogram(
    "voicemesh_crm_change_lag_seconds",
    "From a change in a business system until it was taken in; `way` is webhook or page.",
    ["vendor", "way"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0),
)
SYNC_READ_AT = Gauge(
    "voicemesh_crm_sync_read_timestamp_seconds", "When a business system's changes were last read.", ["vendor"]
)
SYNC_CIRCUIT = Gauge(
    "voicemesh_crm_sync_circuit",
    "Whether a business system's changes are read: 0 yes, 1 it is being tried, 2 it is left alone.",
    ["vendor"],
)
WEBHOOKS = Counter("voicemesh_crm_webhooks", "Webhooks by the status of the answer.", ["vendor", "status"])
