"""The dialogue service's metrics."""

from prometheus_client import Counter, Gauge, Histogram

_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 5.0)

SESSIONS = Gauge("voicemesh_dialogue_sessions", "Sessions in progress")
ENDED = Counter("voicemesh_dialogue_sessions_ended", "Sessions that ended", ["disposition"])
TURN_SECONDS = Histogram(
    "voicemesh_dialogue_turn_seconds", "Caller's last voiced sample to the agent's first audio", buckets=_BUCKETS
)
STAGE_SECONDS = Histogram("voicemesh_dialogue_stage_seconds", "Stages of an answer", ["stage"], buckets=_BUCKETS)
INTERRUPTED = Counter("voicemesh_dialogue_interrupted", "Agent turns that the caller talked over")
CRM_FACTS_DROPPED = Counter("voicemesh_dialogue_crm_facts_dropped", "Facts the CRM gateway was too slow to take")
RECOVERED = Counter("voicemesh_dialogue_sessions_recovered", "Sessions whose process died and that were closed for it")
SPECULATIONS = Counter(
    "voicemesh_dialogue_speculations", "Answers prepared in a pause, by what became of them", ["result"]
)
SPECULATION_SECONDS = Counter(
    "voicemesh_dialogue_speculation_seconds",
    "Time that prepared answers took, by what became of them",
    ["result", "stage"],
)
ENDINGS = Counter("voicemesh_dialogue_endings", "How the words before a pause were judged", ["ending"])
FALSE_ALARMS = Counter("voicemesh_dialogue_false_alarms", "Sounds that paused the agent and were no interruption")
REPAIRED = Counter("voicemesh_dialogue_turns_repaired", "Turns that went on after they had been taken for over")
RESUMED = Counter("voicemesh_dialogue_resumed", "Connections that went on with a session")
AWAY = Counter("voicemesh_dialogue_drops", "Connections that were lost while their session went on")
TAKEN_OVER = Counter("voicemesh_dialogue_taken_over", "Sessions of other instances that were gone on with here")
SNAPSHOTS = Counter("voicemesh_dialogue_snapshots", "Snapshots of sessions that were written")
SNAPSHOTS_MISSED = Counter("voicemesh_dialogue_snapshots_missed", "Snapshots that could not be written")
FILLERS = Counter("voicemesh_dialogue_fillers", "Fillers spoken because the answer took long")
ACTIONS = Counter("voicemesh_dialogue_actions", "Actions, by what became of them", ["action", "result"])
MODEL_FALLBACKS = Counter(
    "voicemesh_dialogue_model_fallbacks", "Turns that the flows took because the language model could not", ["reason"]
)
MODEL_FIRST_TOKEN_SECONDS = Histogram(
    "voicemesh_dialogue_model_first_token_seconds", "How long the language model took to begin", buckets=_BUCKETS
)
TRANSLATIONS = Counter("voicemesh_dialogue_translations", "Summaries to be translated, by what came of it", ["result"])
ACTION_SECONDS = Histogram("voicemesh_dialogue_action_seconds", "How long actions took", ["action"], buckets=_BUCKETS)
