"""What the SDK itself tells the application about its connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicemesh_client.events import ErrorNotice, Reconnecting, Resumed

if TYPE_CHECKING:
    from voicemesh_client.clock import Clock
    from voicemesh_client.errors import VoicemeshError
    from voicemesh_client.events import SessionEvent
    from voicemesh_client.incoming import Gap
    from voicemesh_client.resumption import Arrival


@dataclass
class Notices:
    """Makes such events; `sequence` and `audio_offset` are those of the last message of the mesh."""

    clock: Clock
    sequence: int = 0
    audio_offset: float = 0.0

    def follow(self, event: SessionEvent) -> None:
        """Takes note of an event of the mesh."""
        self.sequence, self.audio_offset = event.sequence, event.audio_offset

    def reconnecting(self, cause: VoicemeshError) -> Reconnecting:
        """The connection dropped."""
        return Reconnecting(
            sequence=self.sequence,
            audio_offset=self.audio_offset,
            received_at=self.clock.now(),
            reason=cause.reason,
            message=cause.message,
        )

    def resumed(self, arrival: Arrival, downtime: float) -> Resumed:
        """The session goes on, on another connection."""
        return Resumed(
            sequence=arrival.response.sequence,
            audio_offset=self.audio_offset,
            received_at=self.clock.now(),
            instance=arrival.response.started.instance,
            downtime=downtime,
            lost_audio=arrival.replay.lost_s,
        )

    def gap(self, gap: Gap) -> ErrorNotice:
        """Messages of the mesh never came."""
        text = f"the mesh's messages {gap.first} to {gap.last} are missing: what they said is not known"
        return self._notice("PROTOCOL_VIOLATION", text)

    def lost(self, messages: int) -> ErrorNotice:
        """Messages that are no audio were lost with the connection: more of them than are kept."""
        text = f"{messages} messages were lost with the connection: say again what has had no answer"
        return self._notice("CONNECTION_DROPPED", text)

    def _notice(self, reason: str, text: str) -> ErrorNotice:
        return ErrorNotice(
            sequence=self.sequence,
            audio_offset=self.audio_offset,
            received_at=self.clock.now(),
            reason=reason,
            message=text,
            metadata={},
            retry_after_s=None,
        )
