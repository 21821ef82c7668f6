"""What the demo's calls are and what must come of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import voicemesh_cli
from voicemesh_cli.failures import InputError

SIX_SERVICES = ("asr", "nlu", "tts", "dialogue", "crm", "consent")


@dataclass(frozen=True)
class Plan:
    """A demo call: its domain, its recording, and the intent, event and record that it must lead to."""

    domain: str
    recording_name: str
    intent: str
    event: str
    record_kind: str

    @property
    def recording(self) -> Path:
        """The caller's recording, in the project's folder. Raises InputError where the project is not there."""
        path = Path(voicemesh_cli.__file__).parent.parent / "examples" / "recordings" / self.recording_name
        if not path.is_file():
            raise InputError(f"{path} is missing: the demo plays it. Run the demo in a checkout of the project.")
        return path


PLANS = {
    plan.domain: plan
    for plan in (
        Plan("clinic", "clinic-booking.wav", "book_appointment", "AppointmentRequested", "appointment"),
        Plan("shop", "shop-complaint.wav", "file_complaint", "ComplaintLogged", "complaint"),
    )
}
