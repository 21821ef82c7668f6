"""What a session is started with."""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voicemesh.common.v1.context_pb2 import RequestContext
from voicemesh.dialogue.v1 import dialogue_pb2, turn_taking_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicemesh_client.audio import AudioFormat

# The contract's limit for the data of one message of audio.
MAX_FRAME_BYTES = 65_536


class Direction(enum.Enum):
    """Who called whom."""

    INBOUND = dialogue_pb2.DIRECTION_INBOUND
    """The customer called."""
    OUTBOUND = dialogue_pb2.DIRECTION_OUTBOUND
    """The mesh calls the customer: nothing is said before consent says yes."""


@dataclass(frozen=True, kw_only=True)
class TurnTaking:
    """How the agent takes turns with the caller, in seconds; None: as the flow and the server have it."""

    shortest_pause: float | None = None
    """Silence after which a complete sentence is a turn."""
    longest_pause: float | None = None
    """Silence after which any words are a turn."""
    barge_in_while_speaking: float | None = None
    """Speech over the agent's voice that makes the agent pause."""
    barge_in_while_thinking: float | None = None
    """Speech that makes the agent hold its answer back."""
    no_barge_in: bool | None = None
    """Whether the agent speaks on, whatever the caller says meanwhile."""

    def to_proto(self) -> turn_taking_pb2.TurnTaking:
        """The message of the contract. Raises ValueError for a negative time."""
        message = turn_taking_pb2.TurnTaking(no_barge_in=self.no_barge_in)
        for name in ("shortest_pause", "longest_pause", "barge_in_while_speaking", "barge_in_while_thinking"):
            value = getattr(self, name)
            if value is not None:
                if value < 0:
                    raise ValueError(f"{name} is {value}: use seconds, 0 or more")
                getattr(message, name).FromNanoseconds(round(value * 1e9))
        return message


@dataclass(frozen=True, kw_only=True)
class SessionConfig:
    """What a session is about and how its client behaves; see `Mesh.session` for the fields.

    Raises ValueError when a frame would be empty or larger than the contract permits.
    """

    domain: str
    language: str = "en-US"
    region: str = "local"
    tenant_id: str = "default"
    customer_id: str = ""
    phone: str | None = field(default=None, repr=False)
    device: str = ""
    direction: Direction = Direction.INBOUND
    flow: str = ""
    time_zone: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    correlation_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    input_audio: AudioFormat | None = None
    output_audio: AudioFormat | None = None
    turn_taking: TurnTaking | None = None
    resume: bool = True
    frame_ms: int = 40
    outbox_frames: int = 100
    max_events: int = 1_000
    open_timeout_s: float = 10.0
    close_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        if self.input_audio is not None and not 0 < self.frame_size <= MAX_FRAME_BYTES:
            raise ValueError(f"frames of {self.frame_ms} ms hold {self.frame_size} bytes: use 1 to 65,536")

    @property
    def frame_size(self) -> int:
        """Bytes of one frame of the caller's audio; 0 where the caller types."""
        return 0 if self.input_audio is None else self.input_audio.size(self.frame_ms / 1_000)

    def start_message(self) -> dialogue_pb2.StartSession:
        """The first message of the session."""
        return dialogue_pb2.StartSession(
            context=RequestContext(
                tenant_id=self.tenant_id,
                region=self.region,
                correlation_id=self.correlation_id,
                language=self.language,
                time_zone=self.time_zone,
            ),
            domain=self.domain,
            input_audio=None if self.input_audio is None else self.input_audio.to_proto(),
            output_audio=None if self.output_audio is None else self.output_audio.to_proto(),
            direction=self.direction.value,
            customer=dialogue_pb2.Customer(id=self.customer_id, phone=self.phone or ""),
            device=self.device,
            flow=self.flow,
            labels=dict(self.labels),
            acknowledges_playback=self.output_audio is not None,
            turn_taking=None if self.turn_taking is None else self.turn_taking.to_proto(),
        )
