"""The five neighbours over gRPC, each session sticking to one instance of each."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from mesh.pool import Pool
from services.dialogue.adapters import asr as asr_adapter
from services.dialogue.adapters import consent as consent_adapter
from services.dialogue.adapters import crm as crm_adapter
from services.dialogue.adapters import nlu as nlu_adapter
from services.dialogue.adapters import tts as tts_adapter
from services.dialogue.model import SessionInfo


@dataclass(frozen=True)
class GrpcNeighbours:
    """Opens a session's streams on the channels that its id and region choose."""

    asr: Pool
    nlu: Pool
    tts: Pool
    crm_gateway: Pool
    consent_service: Pool
    endpointing: asr_adapter.Endpointing
    consent_timeout_s: float

    def recognition(self, info: SessionInfo) -> AbstractAsyncContextManager[asr_adapter.AsrRecognition]:
        """Open the stream to the recogniser."""
        return asr_adapter.recognition(self.asr.channel(info.session_id, info.region), info, self.endpointing)

    def understander(self, info: SessionInfo) -> AbstractAsyncContextManager[nlu_adapter.NluUnderstander]:
        """Open the stream to the NLU service."""
        return nlu_adapter.understander(self.nlu.channel(info.session_id, info.region), info)

    def voice(self, info: SessionInfo) -> AbstractAsyncContextManager[tts_adapter.TtsVoice]:
        """Open the stream to the TTS service."""
        return tts_adapter.voice(self.tts.channel(info.session_id, info.region), info)

    def crm(self, info: SessionInfo) -> AbstractAsyncContextManager[crm_adapter.GrpcCrmLink]:
        """Make the link to the CRM gateway."""
        return crm_adapter.crm(self.crm_gateway.channel(info.session_id, info.region), info)

    def consent(self, info: SessionInfo) -> AbstractAsyncContextManager[consent_adapter.GrpcConsentLink]:
        """Open the stream to the consent service."""
        channel = self.consent_service.channel(info.session_id, info.region)
        return consent_adapter.consent(channel, info, self.consent_timeout_s)
