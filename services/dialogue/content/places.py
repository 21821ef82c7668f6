"""Where content lies within its tenant: ``KIND/DAY/SESSION/NAME``, so that a day, or a call, goes as a whole."""

import hashlib
from datetime import UTC, date, datetime

TRANSCRIPT = "transcript"
RECORDING = "recording"
FOLDERS = {TRANSCRIPT: "transcripts", RECORDING: "recordings"}
_NAME = 16


def folder_of(kind: str, started_at: datetime, session_id: str) -> str:
    """Return the folder of a call's content of one kind; its day is that on which the call began, in UTC."""
    return f"{FOLDERS[kind]}/{started_at.astimezone(UTC):%Y-%m-%d}/{session_id}"


def transcript_path(started_at: datetime, session_id: str, data: bytes) -> str:
    """Return where a transcript goes. Its name comes of what it says: another one does not write over it."""
    return f"{folder_of(TRANSCRIPT, started_at, session_id)}/{hashlib.sha256(data).hexdigest()[:_NAME]}.json"


def recording_path(started_at: datetime, session_id: str, turn_id: str) -> str:
    """Return where the recording of a turn goes."""
    return f"{folder_of(RECORDING, started_at, session_id)}/{turn_id}.wav"


def day_of(folder: str) -> date | None:
    """Return the day that a folder of days is named for; None: it is none of ours."""
    try:
        return date.fromisoformat(folder)
    except ValueError:
        return None
