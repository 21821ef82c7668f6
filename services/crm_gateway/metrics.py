"""What the gateway counts."""

from prometheus_client import Counter, Gauge

CACHE_ANSWERS = Counter(
    "voicemesh_crm_cache_answers", "Caller contexts asked of the cache: fresh, stale or missing.", ["result"]
)
SESSIONS = Gauge("voicemesh_crm_sessions", "Calls that are accompanied now.")
PUSHES = Counter("voicemesh_crm_pushes", "Caller contexts sent to calls.")
STORE_ERRORS = Counter("voicemesh_crm_store_errors", "Reads of the store that failed or took too long.")
RECORDS = Counter("voicemesh_crm_records", "Records written to a business system.", ["vendor", "kind", "result"])
BUS_CONNECTED = Gauge("voicemesh_crm_bus_connected", "Whether the process hears the bus.")
